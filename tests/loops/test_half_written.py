"""Positions whose parts differ: records A and AAAA, groups of two listeners, two endpoints.

Either a write of ours went half through, which is finished with back-off and is no drift, or an
operator changed one part manually, which is drift while all is calm and keeps no user in a region
that must leave.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import product

import pytest

from controller.composition import Controller
from controller.model.decision import Hold
from controller.model.levers import (
    EndpointGroup,
    GroupChange,
    LeverState,
    Outcome,
    OutcomeStatus,
    Position,
    RecordSet,
    WeightChange,
)
from controller.model.overrides import OverrideKind, OverrideRequest
from controller.planning.levers import batches
from tests.fakes.methods import Method
from tests.fakes.trouble import Trouble
from tests.loops.simulated import SETTINGS, ZONE, World, groups
from tests.loops.watching import CALM, drain, drifting, reasons

pytestmark = pytest.mark.looptime

WEST, EAST = "eu-west-1", "us-east-1"
ARN = next(iter(groups(SETTINGS)))
HTTP, HTTPS = f"{ARN}/listener/1", f"{ARN}/listener/2"
OPEN = {(100.0, 128)}
SOON_S = 8
"""Everything is up and the start-up rule satisfied."""
HOLD_S = SETTINGS.guards.drift.hold_s
OUTCOMES = ("applied", "refused", "throttled", "lost_request", "lost_reply")


@dataclass
class Scripted:
    """Outcomes of the next writes in order; every later one is applied."""

    world: World
    script: deque[str] = field(default_factory=deque)
    sent: list[str] = field(default_factory=list)
    """What became of each write since the script began."""
    unread: int = 0
    """Readings that fail after the first scripted write."""

    def __post_init__(self) -> None:
        world = self.world
        change_zone, change_group = world.records.change, world.accelerators.change
        read_zone, read_groups = world.records.read, world.accelerators.read

        async def zone(
            hosted_zone_id: str, changes: Sequence[WeightChange], *, emergency: bool
        ) -> Outcome:
            self._next(world.records.trouble)
            outcome = await change_zone(hosted_zone_id, changes, emergency=emergency)
            return self._told(outcome)

        async def group(
            accelerator_arn: str, changes: Sequence[GroupChange], *, emergency: bool
        ) -> Outcome:
            self._next(world.accelerators.trouble)
            outcome = await change_group(accelerator_arn, changes, emergency=emergency)
            return self._told(outcome)

        async def records(hosted_zone_id: str) -> tuple[RecordSet, ...]:
            self._reading(world.records.trouble)
            return await read_zone(hosted_zone_id)

        async def listed(accelerator_arn: str) -> tuple[EndpointGroup, ...]:
            self._reading(world.accelerators.trouble)
            return await read_groups(accelerator_arn)

        Method(change_zone).replace(zone)
        Method(change_group).replace(group)
        Method(read_zone).replace(records)
        Method(read_groups).replace(listed)

    def _next(self, trouble: Trouble) -> None:
        self._now = self.script.popleft() if self.script else "applied"
        self.sent.append(self._now)
        setting = {
            "throttled": "throttle_next",
            "refused": "throttle_next",
            "lost_request": "lose_requests",
            "lost_reply": "lose_replies",
        }
        if self._now in setting:
            setattr(trouble, setting[self._now], 1)

    def _told(self, outcome: Outcome) -> Outcome:
        if self._now == "refused":
            return Outcome(OutcomeStatus.REFUSED, "AccessDeniedException: not now")
        return outcome

    def _reading(self, trouble: Trouble) -> None:
        fails = bool(self.sent) and self.unread > 0
        self.unread -= fails
        trouble.unavailable = fails

    async def watch(self, controller: Controller, seconds: float) -> set[Position]:
        """Every position that any decision meanwhile called drift."""
        found: set[Position] = set()
        for _ in range(round(seconds / 0.1)):
            await asyncio.sleep(0.1)
            # The trouble of a reading ends with it.
            self.world.records.trouble.unavailable = False
            self.world.accelerators.trouble.unavailable = False
            found |= drifting(controller)
        return found


def two_listeners(world: World) -> None:
    """Every group of the accelerator once more, behind a second listener."""
    for group in world.accelerators.stored(ARN):
        world.accelerators.put(ARN, replace(group, arn=group.arn.replace(HTTP, HTTPS)))


def at(world: World, region: str) -> list[tuple[float, tuple[int, ...]]]:
    """Dial and endpoint weights of each group of a region."""
    return [
        (group.dial, tuple(endpoint.weight for endpoint in group.endpoints))
        for group in world.accelerators.stored(ARN)
        if group.region == region
    ]


def leaf_weights(world: World, pool: str, region: str) -> dict[str, int | None]:
    return {
        record.type: record.weight
        for record in world.records.stored(ZONE)
        if record.name.startswith(f"{pool}.") and record.set_identifier == region
    }


def edit_leaf(world: World, pool: str, region: str, type_: str, weight: int) -> None:
    """An operator gives one of two twin records another weight."""
    for record in world.records.stored(ZONE):
        named = record.name.startswith(f"{pool}.") and record.type == type_
        if named and record.set_identifier == region:
            world.records.put(ZONE, replace(record, weight=weight))


def edit_group(world: World, region: str, listener: str, dial: float, weight: int) -> None:
    for group in world.accelerators.stored(ARN):
        if group.region == region and group.arn.startswith(listener):
            endpoints = tuple(replace(one, weight=weight) for one in group.endpoints)
            world.accelerators.put(ARN, replace(group, dial=dial, endpoints=endpoints))


async def read_anew(controller: Controller) -> set[Position]:
    """Positions called drift once the levers are read again."""
    for target in (ZONE, ARN):
        controller.observation.invalidate(target)
    await controller.reconciliation.reconcile()
    return drifting(controller)


def pin(service: str, share: float, pool: str | None = None) -> OverrideRequest:
    """A calm change: what it moves waits for drift."""
    return OverrideRequest(
        OverrideKind.PIN, "ann", "INC-42", 600, WEST, service=service, pool=pool, share=share
    )


# -- our own half-written positions


@pytest.mark.parametrize("unread", [0, 2], ids=["read", "unread"])
@pytest.mark.parametrize("outcomes", list(product(OUTCOMES, repeat=2)), ids="+".join)
async def test_what_only_some_listeners_took_is_ours_and_is_finished(
    outcomes: tuple[str, str], unread: int
) -> None:
    """Every subset of a position's groups applied, by every outcome; then one edited manually."""
    world = World()
    two_listeners(world)
    async with world.running() as controller:
        await asyncio.sleep(SOON_S)
        scripted = Scripted(world, deque(outcomes), unread=unread)
        await controller.overrides.add(pin("api", 0.9))
        drift = await scripted.watch(controller, 5)
        finished = at(world, WEST)
        expected = controller.expectations.all[Position("api", "world", WEST)]
        edit_group(world, WEST, HTTPS, 50.0, 128)
        by_hand = await read_anew(controller)

    assert drift == set()
    assert finished == [(90.0, (128,))] * 2
    assert expected == (LeverState(128, 90.0),)
    assert by_hand == {Position("api", "world", WEST)}


@pytest.mark.parametrize(
    ("most", "unread"), [(7, 0), (4, 2)], ids=["pools_apart-read", "pool_in_parts-unread"]
)
@pytest.mark.parametrize("outcomes", list(product(OUTCOMES, repeat=2)), ids="+".join)
async def test_what_only_some_batches_of_a_zone_took_is_ours_and_is_finished(
    monkeypatch: pytest.MonkeyPatch, outcomes: tuple[str, str], most: int, unread: int
) -> None:
    """Two batches, or a pool in several, because one cannot hold what changes."""
    monkeypatch.setattr(batches, "MAX_ELEMENTS", most)
    world = World()
    async with world.running() as controller:
        await asyncio.sleep(SOON_S)
        scripted = Scripted(world, deque(outcomes), unread=unread)
        await controller.overrides.add(pin("shop", 0.3))
        drift = await scripted.watch(controller, 6)
        left = controller.previews.present().evidence.decision.changes
        edit_leaf(world, "world", WEST, "AAAA", 1)
        scripted.unread = 0
        by_hand = await read_anew(controller)

    assert len(scripted.sent) >= 2
    assert (drift, left) == (set(), ())
    assert by_hand == {Position("shop", "world", WEST)}


@pytest.mark.parametrize("second", ["refused", "throttled", "lost_request"])
async def test_a_write_of_unknown_fate_may_be_applied_though_the_next_one_is_refused(
    second: str,
) -> None:
    """It arrives late, after a reading that did not show it and after the refusal."""
    world = World()
    async with world.running() as controller:
        await asyncio.sleep(SOON_S)
        scripted = Scripted(world, deque(["lost_request", second, "throttled"]))
        await controller.overrides.add(pin("shop", 0.3, pool="europe"))
        for _ in range(80):
            if len(scripted.sent) < 2:
                await scripted.watch(controller, 0.1)
        assert len(scripted.sent) == 2
        _, late, _ = world.records.writes[0]
        for change in late:
            world.records.put(ZONE, replace(change.record, weight=change.weight))
        drift = await scripted.watch(controller, 4)

    assert drift == set()


# -- a manual change of one part


def half_closed(world: World, how: str) -> Position:
    """The position of which an operator closes one part."""
    if how in ("A", "AAAA"):
        edit_leaf(world, "world", WEST, how, 0)
        return Position("shop", "world", WEST)
    if how == "endpoint":
        (group,) = (g for g in world.accelerators.stored(ARN) if g.region == WEST)
        two = tuple(
            replace(group.endpoints[0], endpoint_id=f"e{i}", weight=128 * i) for i in (0, 1)
        )
        world.accelerators.put(ARN, replace(group, endpoints=two))
    else:
        two_listeners(world)
        edit_group(world, WEST, HTTP if how == "first_listener" else HTTPS, 0.0, 0)
    return Position("api", "world", WEST)


DRIFTING_HALVES = ("A", "AAAA", "first_listener", "second_listener")
HALVES = (*DRIFTING_HALVES, "endpoint")
"""Weights inside one endpoint group are its operators' and no drift."""


def is_out(world: World) -> bool:
    return set(leaf_weights(world, "world", WEST).values()) == {0} and all(
        group.dial == 0 and not any(one.weight for one in group.endpoints)
        for group in world.accelerators.stored(ARN)
        if group.region == WEST
    )


@pytest.mark.parametrize("why", ["down", "failover", "drain"])
@pytest.mark.parametrize("how", HALVES)
async def test_a_region_that_must_leave_leaves_with_every_part_at_once(how: str, why: str) -> None:
    """Half closed is not drained, and a manual change keeps no user there."""
    world = World()
    async with world.running() as controller:
        await asyncio.sleep(SOON_S)
        half_closed(world, how)
        if why == "down":
            world.kill(WEST)
        else:
            kind = OverrideKind.FAILOVER if why == "failover" else OverrideKind.DRAIN
            await controller.overrides.add(drain(WEST, kind=kind))
        await asyncio.sleep(HOLD_S / 3)
        assert is_out(world)


@pytest.mark.parametrize("why", ["down", "failover"])
@pytest.mark.parametrize("how", DRIFTING_HALVES)
async def test_drift_that_was_seen_before_keeps_no_user_in_a_dead_region(
    how: str, why: str
) -> None:
    """The half-closed position is known and held as drift when the region fails."""
    world = World()
    async with world.running() as controller:
        await asyncio.sleep(SOON_S)
        position = half_closed(world, how)
        assert await read_anew(controller) == {position}
        assert Hold.DRIFT in reasons(controller)
        if why == "down":
            world.kill(WEST)
        else:
            await controller.overrides.add(drain(WEST, kind=OverrideKind.FAILOVER))
        await asyncio.sleep(HOLD_S / 3)
        assert is_out(world)


@pytest.mark.parametrize("how", DRIFTING_HALVES)
async def test_a_part_edited_manually_is_drift_and_corrected_after_its_hold(how: str) -> None:
    """While all is calm, as its policy says."""
    world = World()
    async with world.running() as controller:
        await asyncio.sleep(SOON_S)
        position = half_closed(world, how)
        writes = len(world.records.writes) + len(world.accelerators.writes)
        scripted = Scripted(world)
        seen = await scripted.watch(controller, HOLD_S)
        held = len(world.records.writes) + len(world.accelerators.writes)
        await asyncio.sleep(HOLD_S + 5)

        assert seen == {position}
        assert held == writes
        assert leaf_weights(world, "world", WEST) == {"A": CALM[WEST], "AAAA": CALM[WEST]}
        assert {one for dial, all_ in at(world, WEST) for one in [(dial, *set(all_))]} == OPEN
        assert drifting(controller) == set()


@pytest.mark.parametrize("second", ["refused", "throttled", "lost_request"])
async def test_drift_that_was_put_right_in_part_is_no_answer_to_our_write(second: str) -> None:
    """The other part still shows the manual edit: it is written again, without another hold."""
    world = World()
    two_listeners(world)
    async with world.running() as controller:
        await asyncio.sleep(SOON_S)
        await controller.overrides.add(pin("api", 0.9))
        await asyncio.sleep(5)
        for listener in (HTTP, HTTPS):
            edit_group(world, WEST, listener, 99.0, 128)
        await read_anew(controller)
        scripted = Scripted(world, deque(["applied", second]))
        await asyncio.sleep(HOLD_S + 2)
        latest = controller.reconciliation.latest

    assert at(world, WEST) == [(90.0, (128,))] * 2
    assert scripted.sent == ["applied", second, "applied"]
    assert latest is not None
    assert not any(latest.decision.memory.of("shop").reverted.values())


async def test_a_receiver_that_is_half_closed_opens_before_the_dead_region_closes() -> None:
    """The second listener's only open group is the dead region's; it is not the last open one."""
    world = World()
    two_listeners(world)
    async with world.running() as controller:
        await asyncio.sleep(SOON_S)
        edit_group(world, EAST, HTTPS, 0.0, 0)
        await read_anew(controller)
        world.kill(WEST)
        await asyncio.sleep(3)

    order = [(change.group.arn, change.dial) for change in world.accelerators.writes]
    assert order == [
        (f"{HTTPS}/endpoint-group/{EAST}", 100.0),
        (f"{HTTP}/endpoint-group/{WEST}", 0.0),
        (f"{HTTPS}/endpoint-group/{WEST}", 0.0),
    ]


@pytest.mark.parametrize("how", ["A", "AAAA", HTTP, HTTPS])
async def test_a_dead_region_is_not_out_while_a_kind_of_user_has_no_region_open(how: str) -> None:
    """All of a record type, or of a listener, is closed: AWS then sends those users to any region.

    The last receiver was half closed manually just before, in no reading yet.
    """
    world = World()
    two_listeners(world)
    async with world.running():
        await asyncio.sleep(SOON_S)
        for region in ("eu-central-1", EAST):
            if how in ("A", "AAAA"):
                edit_leaf(world, "world", region, how, 0)
            else:
                edit_group(world, region, how, 0.0, 0)
        world.kill(WEST)
        await asyncio.sleep(HOLD_S / 2)

    assert is_out(world)
    assert at(world, EAST) == [(100.0, (128,))] * 2
    assert all(leaf_weights(world, "world", EAST).values())
