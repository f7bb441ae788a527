"""A bound pool whose tree an operator breaks: held, logged, and still drained when it must be."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from controller.composition import Controller
from controller.loops.alarms.residency import ResidencyAlarm
from controller.loops.cycle.reconciliation import CycleReport
from controller.loops.reload.reload import ReloadRefusedError
from controller.model.configuration import Settings
from controller.model.decision import Decision, Hold, Snapshot
from controller.model.levers import Leak, Observed, RecordSet
from controller.model.memory import Memory
from tests.loops.simulated import SETTINGS, ZONE, World
from tests.loops.small import events, logged
from tests.loops.test_reload import File

pytestmark = pytest.mark.looptime

NAME = "shop.example.test."


def geolocation(country: str, pool: str) -> RecordSet:
    """A geolocation alias of the plan."""
    target = {
        "HostedZoneId": ZONE,
        "DNSName": f"{pool}.{NAME}",
        "EvaluateTargetHealth": False,
    }
    rest = {"GeoLocation": {"CountryCode": country}, "AliasTarget": target}
    return RecordSet(NAME, "A", country, None, None, json.dumps(rest))


def stray(world: World) -> RecordSet:
    """An unlawful leaf at weight 0."""
    leaf = next(r for r in world.records.stored(ZONE) if r.name == f"europe.{NAME}")
    return replace(leaf, set_identifier="us-east-1", weight=0)


def built() -> World:
    """The world with the geolocation records that lead to its leaves."""
    world = World(SETTINGS)
    for country in ("DE", "FR", "IE"):
        world.records.put(ZONE, geolocation(country, "europe"))
    world.records.put(ZONE, geolocation("*", "world"))
    return world


async def test_a_leak_is_alarmed_and_holds_the_pool_until_it_is_mended() -> None:
    """One line when it begins, one when it ends; the other pool goes on as ever."""
    world = built()
    with logged() as lines:
        async with world.running() as controller:
            await asyncio.sleep(30)
            assert holds(controller) == set()

            leaf = stray(world)
            world.records.put(ZONE, leaf)
            await asyncio.sleep(30)
            both = {("europe", Hold.RESIDENCY), ("europe", Hold.MISCONFIGURED)}
            assert holds(controller) == both
            record = await world.newest()
            assert any("holds (residency)" in trigger for trigger in record.trigger)

            world.records.remove(ZONE, leaf)
            await asyncio.sleep(30)
            assert holds(controller) == set()

    (alarm,) = [line for line in lines if line["event"] == "residency_leak"]
    assert (alarm["log_level"], alarm["service"], alarm["pool"]) == ("error", "shop", "europe")
    assert alarm["region"] == "us-east-1"
    assert "users of country:DE and 2 more can reach us-east-1" in alarm["detail"]
    assert events(lines).count("residency_restored") == 1


def test_what_was_not_read_is_a_warning_and_a_way_out_an_error() -> None:
    """Said once; what is proven again is said, too."""
    unread = Leak("shop", "europe", ("country:DE",), None, (), (), ("lb.",), "", unread="lb.test.")
    way_out = replace(unread, reached="us-east-1", unread=None)
    alarm = ResidencyAlarm()
    with logged() as lines:
        for leaks in ((unread,), (unread,), (unread, way_out), ()):
            observed = Observed(0.0, {}, leaks={"europe": leaks})
            nothing = Snapshot(0.0, 0.0, SETTINGS, {}, {}, {}, {}, ())
            snapshot = replace(nothing, observed={"shop": observed})
            decision = Decision({}, (), {}, Memory())
            alarm.on_cycle(CycleReport(1, snapshot, decision, (), None, 0.0))

    assert [(line["event"], line["log_level"]) for line in lines] == [
        ("residency_not_proven", "warning"),
        ("residency_leak", "error"),
        ("residency_restored", "info"),
    ]


async def test_a_region_that_fails_is_drained_although_the_pool_leaks() -> None:
    """The drain stays inside the pool; the way back waits until the tree is lawful again."""
    world = built()
    world.records.put(ZONE, stray(world))
    async with world.running() as controller:
        await asyncio.sleep(30)
        world.kill("eu-west-1")
        await asyncio.sleep(30)
        assert weights(world) == {"eu-west-1": 0, "us-east-1": 0}

        world.heal("eu-west-1")
        await asyncio.sleep(120)
        assert weights(world) == {"eu-west-1": 0, "us-east-1": 0}
        assert ("europe", Hold.RESIDENCY) in holds(controller)


async def test_a_reload_by_which_users_could_leave_is_refused_until_the_tree_has_them() -> None:
    """Italy has no record yet: its users would get the default pool."""
    world, file = built(), File()
    data = SETTINGS.model_dump(mode="json")
    data["services"]["shop"]["pools"]["europe"]["geographies"].append("country:IT")
    file.settings = Settings.model_validate(data)
    async with file.running(world) as controller:
        with pytest.raises(ReloadRefusedError, match="there is 1 way out of lawful regions") as no:
            await controller.reload.reload("ann")
        assert "users of country:IT can reach us-east-1 at once" in str(no.value)
        assert "country:IT has no record, and geolocation falls outward" in no.value.proposal.text
        assert controller.api_dependencies().settings is SETTINGS

        world.records.put(ZONE, geolocation("IT", "europe"))
        controller.observation.invalidate(ZONE)
        assert (await controller.reload.reload("ann")).leaks == ()
        assert controller.api_dependencies().settings is file.settings


async def test_a_pool_that_leaks_already_can_still_be_reloaded() -> None:
    """Or a leak would keep people from mending other things."""
    world, file = built(), File()
    world.records.put(ZONE, stray(world))
    data = SETTINGS.model_dump(mode="json")
    data["services"]["shop"]["pools"]["europe"]["demand_rps"] += 1
    file.settings = Settings.model_validate(data)
    async with file.running(world) as controller:
        assert ("europe", Hold.RESIDENCY) in holds(controller)
        assert (await controller.reload.reload("ann")).leaks == ()


def holds(controller: Controller) -> set[tuple[str, Hold]]:
    """Which pools of the shop are held now, and why."""
    latest = controller.reconciliation.latest
    assert latest is not None
    return {(plan.pool, h.reason) for plan in latest.decision.plans for h in plan.held}


def weights(world: World) -> dict[str, int | None]:
    """Weights of the bound pool's A leaves in question."""
    return {
        str(r.set_identifier): r.weight
        for r in world.records.stored(ZONE)
        if (r.name, r.type) == (f"europe.{NAME}", "A")
        if r.set_identifier in ("eu-west-1", "us-east-1")
    }
