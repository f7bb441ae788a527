"""Trees of other tools are not steered, and what stands there is said, loudly and at the start.

octodns/octodns 62 and octodns-route53's dynamic records, Kuadrant/dns-operator 251 (geolocation
CNAMEs to weighted CNAMEs), kubernetes-sigs/external-dns 3141 (other identifiers) and
hashicorp/terraform-provider-aws 4429 (latency records): weighted CNAMEs of exactly the wanted name
and identifier were called "missing", at level info, as the hold `last_region`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from controller.model.levers import RecordSet
from controller.planning.levers.route53 import ROUTE53
from tests.loops.simulated import ZONE
from tests.loops.small import logged
from tests.public.shop_zone import (
    NAME,
    POOL_NAME,
    REGIONS,
    holds_of,
    observed_of,
    record,
    shop_settings,
    values,
    weights_of,
    world_of,
)

pytestmark = pytest.mark.looptime(noop_cycles=0)
BOTH = ("A", "AAAA")
SOON_S = 11
"""Every region is up, and AWS was read twice."""


def for_regions(
    types: Sequence[str] = BOTH, prefix: str = "", weight: int | None = None, **rest: Any
) -> list[RecordSet]:
    """One record of each type for each region at the pool's name."""
    return [
        record(POOL_NAME, type_, prefix + region, weight, ResourceRecords=values("x"), **rest)
        for region in REGIONS
        for type_ in types
    ]


def geolocation(type_: str, target: str) -> RecordSet:
    """A record for everybody at the service's own name."""
    return record(NAME, type_, "default", GeoLocation={"CountryCode": "*"}, Target=target)


CNAMES = for_regions(("CNAME",), weight=100)
OTHER_IDS = for_regions(prefix="shop-live-", weight=128)
FOREIGN = [
    geolocation("A", "_octodns-us-east-1-pool"),
    geolocation("AAAA", "_octodns-us-east-1-pool"),
    record(f"_octodns-us-east-1-value.{NAME}", "A", "us-east-1-000", 2),
]
KUADRANT = [record(NAME, "CNAME", None), record(f"klb.{NAME}", "CNAME", "default", 120)]
SHAPES: dict[str, tuple[list[RecordSet], str]] = {
    "weighted CNAME": (
        CNAMES,
        f"at {POOL_NAME} stand weighted CNAME records (eu-central-1, eu-west-1, us-east-1)",
    ),
    "other identifiers": (
        OTHER_IDS,
        f"at {POOL_NAME} stand weighted A and AAAA records (shop-live-eu-central-1, "
        "shop-live-eu-west-1, shop-live-us-east-1)",
    ),
    "octodns": (
        FOREIGN,
        f"nothing stands at {POOL_NAME}, and at {NAME} geolocation A and AAAA records (default)",
    ),
    "kuadrant": (KUADRANT, f"nothing stands at {POOL_NAME}, and at {NAME} a simple CNAME record"),
    "latency": (for_regions(Region="eu-west-1"), "latency A and AAAA records"),
    "failover": (for_regions(Failover="PRIMARY"), "failover A and AAAA records"),
    "multivalue": (for_regions(MultiValueAnswer=True), "multivalue answer A and AAAA records"),
    "cidr": (for_regions(CidrRoutingConfig={}), "IP-based A and AAAA records"),
    "geoproximity": (for_regions(GeoProximityLocation={}), "geoproximity A and AAAA records"),
    "simple": ([record(POOL_NAME, "A", None)], f"at {POOL_NAME} stands a simple A record"),
    "nothing": ([], f"nothing stands at {POOL_NAME}"),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_fault_says_what_stands_there_and_what_should(shape: str) -> None:
    """One text for the pool, not one for each record that is missing."""
    records, said = SHAPES[shape]
    observed = ROUTE53.observe_listing("shop", shop_settings().services["shop"], records, 0.0)
    (fault,) = observed.faults["world"]

    assert said in fault
    assert "weighted A and AAAA records with SetIdentifier us-east-1, eu-west-1" in fault
    assert observed.settings == {}


@pytest.mark.parametrize("shape", ["weighted CNAME", "other identifiers", "latency"])
async def test_it_is_said_at_the_start_and_nothing_is_steered(shape: str) -> None:
    """An error in the log, the hold `misconfigured`, and no write, whatever fails."""
    records, said = SHAPES[shape]
    world = world_of(records)
    with logged() as lines:
        async with world.running() as controller:
            await asyncio.sleep(SOON_S)
            (fault,) = observed_of(controller).faults["world"]
            (held,) = holds_of(controller)
            world.kill("eu-west-1")
            await asyncio.sleep(5)
            (still,) = holds_of(controller)

    errors = [line for line in lines if line["log_level"] == "error"]
    assert said in fault
    assert (held.reason.value, held.region) == ("misconfigured", None)
    assert fault in held.detail
    assert still.reason.value == "misconfigured"
    assert [(e["event"], e["service"], e["pool"]) for e in errors] == [
        ("misconfigured", "shop", "world")
    ], "once, not in every cycle"
    assert world.records.writes == []


async def test_one_region_that_is_not_weighted_names_its_policy() -> None:
    """Its siblings are as they should be."""
    records = [r for r in for_regions(weight=128) if r.set_identifier != "us-east-1"]
    latency = for_regions(Region="us-east-1")[:2]
    world = world_of([*records, *latency])
    async with world.running() as controller:
        await asyncio.sleep(SOON_S)
        faults = observed_of(controller).faults["world"]

    assert faults == tuple(
        f"record {POOL_NAME} {type_} us-east-1 is not weighted: it is a latency record"
        for type_ in BOTH
    )


async def test_the_fault_ends_when_the_records_are_there() -> None:
    """Without a restart; that it ended is said, too."""
    world = world_of(CNAMES)
    with logged() as lines:
        async with world.running() as controller:
            await asyncio.sleep(SOON_S)
            for cname in CNAMES:
                world.records.remove(ZONE, cname)
            for leaf in for_regions(weight=128):
                world.records.put(ZONE, leaf)
            await asyncio.sleep(SOON_S)
            assert holds_of(controller) == ()

    assert "configured_again" in [line["event"] for line in lines]
    assert set(weights_of(world, "A").values()) == {128}
