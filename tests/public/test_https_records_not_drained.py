"""HTTPS records at a steered name go on naming a drained region, and that is said everywhere.

kubernetes-sigs/external-dns 4878, PowerDNS/pdns 10051, DataBiosphere/azul 6146: weighted A, AAAA
and HTTPS records (`ipv4hint`) of one name and the same identifiers. A drained region showed "0 %"
while a third of all HTTPS answers named it.
"""

from __future__ import annotations

import asyncio

import pytest

from controller.model.levers import Position, RecordSet
from controller.planning.account.evidence import Evidence
from controller.planning.account.region_account import region_accounts
from controller.planning.guards.way_back import order_warnings, plan_warnings
from tests.loops.watching import WELL_S, drain
from tests.public.shop_zone import (
    NAME,
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
WEST = Position("shop", "world", "eu-west-1")


def leaves(other: str, weights: tuple[int, ...] = (128, 128, 128)) -> list[RecordSet]:
    """A and AAAA records, and those of another type with these weights."""
    found = [
        record(POOL_NAME, type_, region, 128, ResourceRecords=values("x"))
        for type_ in ("A", "AAAA")
        for region in REGIONS
    ]
    hint = values("1 . alpn=h2 ipv4hint=192.0.2.1")
    return found + [
        record(POOL_NAME, other, region, weight, ResourceRecords=hint)
        for region, weight in zip(REGIONS, weights, strict=True)
    ]


@pytest.mark.parametrize("other", ["HTTPS", "SVCB"])
async def test_a_drained_region_is_not_0_percent_without_a_word(other: str) -> None:
    """Said before the drain, in its answer, and after it: in status, `why` and notices."""
    world = world_of(leaves(other))
    async with world.running() as controller:
        await asyncio.sleep(WELL_S)
        (before,) = [n for n in observed_of(controller).notices if "not steered" in n]
        asked = controller.previews.under(())
        order = await controller.overrides.add(drain("eu-west-1"))
        supposed = controller.previews.under((order,)).evidence
        preview = plan_warnings(supposed.snapshot, supposed.decision)
        answer = order_warnings(asked.evidence.snapshot, order)
        await asyncio.sleep(5)
        latest = controller.reconciliation.latest
        assert latest is not None
        observed, holds = observed_of(controller), holds_of(controller)

    (account, *_) = region_accounts(Evidence(latest.snapshot, latest.decision), "eu-west-1")
    assert weights_of(world, "A")["eu-west-1"] == weights_of(world, "AAAA")["eu-west-1"] == 0
    assert weights_of(world, other)["eu-west-1"] == 128, "what we do not model is left alone"
    said = f"33.3 % of {other} answers go on leading to eu-west-1: these records are not steered"
    assert preview == answer == (f"shop/world: {said}",)
    assert f"{other} records of {POOL_NAME} are not steered" in before
    assert observed.unsteered[WEST] == {other: pytest.approx(1 / 3)}
    assert account.share == 0
    assert f"not steered: 33.3 % of {other} answers lead here, whatever its share is" in (
        account.because
    )
    assert (observed.faults, holds) == ({}, ()), "it hinders no steering"


async def test_what_an_operator_drained_by_hand_is_no_more_counted() -> None:
    """By weights, all zero as equal ones; identifiers that are no region are nobody's share."""
    for weights, share in [((128, 0, 128), 0.0), ((64, 128, 64), 0.5), ((0, 0, 0), 1 / 3)]:
        world = world_of(leaves("HTTPS", weights))
        async with world.running() as controller:
            await asyncio.sleep(WELL_S)
            found = observed_of(controller).unsteered.get(WEST, {}).get("HTTPS", 0.0)
        assert found == pytest.approx(share)


async def test_records_that_lead_nobody_are_not_mentioned() -> None:
    """Other tools keep TXT records at the same names. The service's own name counts, too."""
    text = [record(POOL_NAME, "TXT", region, 128) for region in REGIONS]
    own = record(NAME, "HTTPS", None, ResourceRecords=values("1 . ipv4hint=192.0.2.1"))
    world = world_of([*leaves("TXT")[:6], *text, own])
    async with world.running() as controller:
        await asyncio.sleep(WELL_S)
        notices = [n for n in observed_of(controller).notices if "not steered" in n]

    (notice,) = notices
    assert notice.startswith(f"HTTPS records of {NAME} are not steered")
