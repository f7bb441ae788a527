"""A tree of one address family is steered: a region leaves it and comes back.

kubernetes-sigs/external-dns 1877, 5111 and 3605, hashicorp/terraform-provider-aws 15622 and 11485:
weighted IPv4 records, as values or as aliases of load balancers, without any IPv6 record. A region
that failed was taken out and never let in again, because its AAAA record "is missing".
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from controller.model.levers import RecordSet
from tests.loops.small import logged
from tests.loops.watching import WELL_S
from tests.public.shop_zone import (
    POOL_NAME,
    REGIONS,
    holds_of,
    observed_of,
    record,
    values,
    weights_of,
    world_of,
)

pytestmark = pytest.mark.looptime(noop_cycles=0)


def leaves(type_: str, *, alias: bool) -> list[RecordSet]:
    """One weighted record of this type for each region."""
    found = []
    for region in REGIONS:
        target = {
            "HostedZoneId": "Z32O12XQLNTSW2",
            "DNSName": f"shop.{region}.elb.amazonaws.com.",
            "EvaluateTargetHealth": True,
        }
        address = "192.0.2.1" if type_ == "A" else "2001:db8::1"
        rest = {"AliasTarget": target} if alias else {"ResourceRecords": values(address)}
        found.append(record(POOL_NAME, type_, region, 128, **rest))
    return found


@pytest.mark.parametrize(("type_", "alias"), [("A", False), ("A", True), ("AAAA", False)])
async def test_a_region_leaves_and_comes_back(type_: str, alias: bool) -> None:
    """Nothing is missing in it, so nothing holds it."""
    world = world_of(leaves(type_, alias=alias))
    with logged() as lines:
        async with world.running() as controller:
            await asyncio.sleep(WELL_S)
            world.kill("eu-west-1")
            await asyncio.sleep(10)
            drained = dict(weights_of(world, type_))
            world.heal("eu-west-1")
            await asyncio.sleep(45)
            faults, holds = observed_of(controller).faults, holds_of(controller)

    assert drained["eu-west-1"] == 0
    assert weights_of(world, type_) == dict.fromkeys(REGIONS, 128)
    assert (faults, holds) == ({}, ())
    assert [line for line in lines if line["log_level"] == "error"] == []


@pytest.mark.parametrize("lost", ["A", "AAAA"])
async def test_a_twin_is_missing_where_other_regions_have_that_type(lost: str) -> None:
    """What cannot come back leaves only after that was said, and as an error once it leaves."""
    both = [*leaves("A", alias=False), *leaves("AAAA", alias=False)]
    world = world_of(r for r in both if (r.type, r.set_identifier) != (lost, "us-east-1"))
    with logged() as lines:
        async with world.running() as controller:
            await asyncio.sleep(WELL_S)
            (held,) = holds_of(controller)
            said_before = [line for line in lines if line["log_level"] == "error"]
            world.kill("eu-west-1")
            await asyncio.sleep(10)
            said_then = [line for line in lines if line["log_level"] == "error"]
            world.heal("eu-west-1")
            await asyncio.sleep(20)

            assert weights_of(world, "A")["eu-west-1"] == 0
            (twin,) = (r for r in both if (r.type, r.set_identifier) == (lost, "us-east-1"))
            world.records.put("Z0SANDBOX0000000001", replace(twin, weight=128))
            await asyncio.sleep(45)

    assert held.reason.value == "misconfigured"
    assert f"weighted record {POOL_NAME} {lost} us-east-1 is missing" in held.detail
    assert "does not come back" in held.detail
    assert [line["event"] for line in said_before] == ["misconfigured"]
    assert [line["event"] for line in said_then] == ["misconfigured", "one_way_drain"]
    assert weights_of(world, "A") == dict.fromkeys(REGIONS, 128), "once mended, it comes back"
