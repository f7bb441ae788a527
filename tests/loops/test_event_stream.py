"""The event stream: numbering, continuation after an id, and independent subscribers."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from controller.loops import event_stream as module
from controller.loops.event_stream import MAX_BYTES, MAX_EVENT_BYTES, MAX_EVENTS, EventStream
from controller.model.configuration import Mode
from controller.model.decision import DecisionRecord, PoolPlan
from controller.model.encoding import SHOWN
from controller.model.events import Event, EventType
from controller.model.levers import Change, LeverState, Position
from controller.model.overrides import Override, OverrideKind, OverrideRequest
from tests.fakes.clock import NOON, FakeClock
from tests.loops.simulated import World

pytestmark = pytest.mark.looptime

FREEZE = Override(
    id=1,
    kind=OverrideKind.FREEZE,
    region=None,
    service=None,
    author="ann",
    reason="deploy",
    created_at=NOON,
    expires_at=NOON + timedelta(hours=1),
)


def say(event_stream: EventStream, count: int = 1) -> None:
    """Something happens."""
    for _ in range(count):
        event_stream.on_override(EventType.OVERRIDE_SET, FREEZE, "ann")


def types(events: list[Event]) -> list[str]:
    """What they are."""
    return [event.type.value for event in events]


async def test_ids_grow_by_one_from_the_time_of_the_start() -> None:
    """A later process begins above every id of an earlier one."""
    event_stream = EventStream(FakeClock())
    say(event_stream, 2)
    first, second = event_stream.recent(10)
    assert second.id == first.id + 1 == event_stream.last_id
    later = EventStream(FakeClock(NOON + timedelta(minutes=1)))
    assert later.last_id > second.id


async def test_a_listener_gets_what_happens_after_it_came() -> None:
    """In order, and nothing from before."""
    event_stream = EventStream(FakeClock())
    say(event_stream)
    with event_stream.subscription() as listener:
        assert await listener.next(1.0) is None
        event_stream.on_override(EventType.OVERRIDE_SET, FREEZE, "ann")
        event_stream.on_override(EventType.OVERRIDE_ENDED, FREEZE, "bob", "withdrawn")
        one, two = await listener.next(1.0), await listener.next(1.0)
        assert one is not None
        assert two is not None
        assert types([one, two]) == ["override_set", "override_ended"]
        assert two.data == {"override": SHOWN(FREEZE), "actor": "bob", "why": "withdrawn"}
    assert event_stream.listeners == 0


async def test_a_listener_goes_on_where_it_stopped() -> None:
    """Exactly: nothing twice, nothing left out."""
    event_stream = EventStream(FakeClock())
    say(event_stream, 5)
    with event_stream.subscription(after=event_stream.last_id - 2) as listener:
        ids = [event.id for _ in range(2) if (event := await listener.next(1.0))]
        assert ids == [event_stream.last_id - 1, event_stream.last_id]
        assert await listener.next(0.1) is None


@pytest.mark.parametrize("after", ["too old", "of an earlier process", "of the future"])
async def test_a_place_that_is_kept_no_longer_begins_with_a_resync(after: str) -> None:
    """And goes on after it with what happens next."""
    event_stream = EventStream(FakeClock())
    began = event_stream.last_id
    say(event_stream, MAX_EVENTS + 1)
    place = {
        "too old": began,
        "of an earlier process": 17,
        "of the future": event_stream.last_id + 1,
    }
    with event_stream.subscription(after=place[after]) as listener:
        resync = await listener.next(1.0)
        assert resync is not None
        assert (resync.type, resync.id) == (EventType.RESYNC, event_stream.last_id)
        say(event_stream)
        event = await listener.next(1.0)
        assert event is not None
        assert event.id == event_stream.last_id


async def test_the_oldest_place_kept_is_not_a_resync() -> None:
    """The limit's other side."""
    event_stream = EventStream(FakeClock())
    began = event_stream.last_id
    say(event_stream, MAX_EVENTS)
    with event_stream.subscription(after=began) as listener:
        first = await listener.next(1.0)
        assert first is not None
        assert (first.type, first.id) == (EventType.OVERRIDE_SET, began + 1)


async def test_a_slow_subscriber_gets_resync_while_a_quick_one_gets_all() -> None:
    """Its slowness costs no memory: the row is shared and bounded."""
    event_stream = EventStream(FakeClock())
    with event_stream.subscription() as slow, event_stream.subscription() as quick:
        got = 0
        for _ in range(3 * MAX_EVENTS):
            say(event_stream)
            got += await quick.next(1.0) is not None
        assert got == 3 * MAX_EVENTS
        assert len(event_stream.recent(10 * MAX_EVENTS)) == MAX_EVENTS
        told = await slow.next(1.0)
        assert told is not None
        assert told.type is EventType.RESYNC
        assert await slow.next(0.1) is None


def large(count: int) -> DecisionRecord:
    """A decision that moves so many pools of twenty regions."""
    before, after = (
        {f"region-{i}": 0.05 for i in range(20)},
        {f"region-{i}": 0.0 for i in range(20)},
    )
    change = Change(Position("shop", "p", "region-0"), LeverState(1), LeverState(0))
    plans = tuple(
        PoolPlan("shop", f"pool-{i}", before, after, after, changes=(change,)) for i in range(count)
    )
    return DecisionRecord(7, NOON, 1, Mode.ACTIVE, ("a region is down",), {}, plans, (), (), "")


async def test_events_are_kept_in_so_many_bytes() -> None:
    """A thousand large ones would take hundreds of MB; one farther behind gets `resync`."""
    event_stream = EventStream(FakeClock())
    began = event_stream.last_id
    for _ in range(MAX_EVENTS):
        event_stream.on_record(large(20))
    kept = event_stream.recent(MAX_EVENTS)
    size = sum(len(event.text) for event in kept)
    assert MAX_BYTES - MAX_EVENT_BYTES < size <= MAX_BYTES
    assert len(kept) < MAX_EVENTS
    assert [event.id for event in kept] == [*range(kept[0].id, event_stream.last_id + 1)]
    for after, told in ((kept[0].id - 1, kept[0].id), (kept[0].id - 2, event_stream.last_id)):
        with event_stream.subscription(after=after) as listener:
            event = await listener.next(1.0)
            assert event is not None
            assert event.id == told
            assert (event.type is EventType.RESYNC) is (after < kept[0].id - 1)
    assert began < kept[0].id
    say(event_stream, MAX_EVENTS)
    assert len(event_stream.recent(2 * MAX_EVENTS)) == MAX_EVENTS, (
        "small ones are bounded by their number"
    )


async def test_an_event_that_is_too_large_says_what_it_leaves_out() -> None:
    """And all listeners are given the same bytes."""
    event_stream = EventStream(FakeClock())
    with event_stream.subscription() as one, event_stream.subscription() as other:
        event_stream.on_record(large(250))
        event, again = await one.next(1.0), await other.next(1.0)
    assert event is not None
    assert again is event
    assert len(event.text) < MAX_EVENT_BYTES + 200
    assert event.data["decision_id"] == 7
    assert 0 < len(event.data["moves"]) == 250 * 20 - event.data["left_out"]["moves"]


async def test_what_changed_is_published_once() -> None:
    """A pool that neither moves nor has moved since is in no event about how things stand."""
    world = World()
    async with world.running() as controller:
        await asyncio.sleep(30)
        before = controller.event_stream.last_id
        world.kill("eu-west-1")
        await asyncio.sleep(30)
        events = [
            e
            for e in controller.event_stream.recent(MAX_EVENTS, {EventType.CYCLE})
            if e.id > before
        ]
    assert events
    seen: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for event in events:
        for pool in event.data["pools"]:
            seen.setdefault((pool["service"], pool["pool"]), []).append(pool)
    assert seen[("shop", "europe")][-1]["observed"]["eu-west-1"] == 0
    for pools in seen.values():
        assert all(one != other for one, other in pairwise(pools))


async def test_types_are_filtered_but_a_resync_always_comes() -> None:
    """A subscriber to decisions only must still learn that some were missed."""
    event_stream = EventStream(FakeClock())
    with event_stream.subscription({EventType.DECISION}) as listener:
        say(event_stream)
        assert await listener.next(1.0) is None
        say(event_stream, MAX_EVENTS + 1)
        told = await listener.next(1.0)
        assert told is not None
        assert told.type is EventType.RESYNC


async def test_other_peoples_events_do_not_put_off_the_heartbeat() -> None:
    """The time to wait counts from the call, whatever notifications come in between."""
    clock = FakeClock()
    event_stream = EventStream(clock)
    with event_stream.subscription({EventType.DECISION}) as listener:
        async with asyncio.TaskGroup() as group:
            asked = clock.monotonic()
            waiting = group.create_task(listener.next(15.0))
            for _ in range(30):
                await asyncio.sleep(1.0)
                say(event_stream)
                if waiting.done():
                    break
        assert 15.0 <= clock.monotonic() - asked <= 16.0


async def test_closing_ends_all_subscriptions_at_once() -> None:
    """Those who come later, too."""
    event_stream = EventStream(FakeClock())
    async with asyncio.TaskGroup() as group:
        with event_stream.subscription() as one, event_stream.subscription() as two:
            waiting = [group.create_task(listener.next(900.0)) for listener in (one, two)]
            await asyncio.sleep(0)
            event_stream.close()
            assert await asyncio.gather(*waiting) == [None, None]
            assert one.closed
    assert asyncio.get_running_loop().time() < 1.0
    with event_stream.subscription() as late:
        assert await late.next(900.0) is None


async def test_a_failure_is_published_with_its_decision_and_outcome() -> None:
    """The daemon's own loops: kept, then updated when it has spread."""
    world = World()
    async with world.running() as controller:
        await asyncio.sleep(30)
        before = controller.event_stream.last_id
        world.kill("eu-west-1")
        await asyncio.sleep(30)
        events = [
            event for event in controller.event_stream.recent(MAX_EVENTS) if event.id > before
        ]
    told = types(events)
    assert told.index("decision") < told.index("decision_updated")
    kept = [event.data for event in events if event.type is EventType.DECISION]
    left = {"service": "shop", "pool": "europe", "region": "eu-west-1", "before": 0.5, "after": 0}
    assert [left in data["moves"] for data in kept].count(True) == 1
    assert all(data["authors"] == [] for data in kept)
    down = [event for event in events if event.type is EventType.CYCLE][-1]
    seen = {(r["service"], r["region"]): r["verdict"] for r in down.data["regions"]}
    assert seen[("shop", "eu-west-1")] == "down"


async def test_the_status_is_published_on_change_and_at_most_once_a_second() -> None:
    """A calm day is silent."""
    world = World()
    async with world.running() as controller:
        await asyncio.sleep(60)
        calm = controller.event_stream.last_id
        await asyncio.sleep(120)
        assert controller.event_stream.last_id == calm
        for _ in range(5):
            world.kill("us-east-1")
            await asyncio.sleep(3)
            world.heal("us-east-1")
            await asyncio.sleep(3)
        cycles = [e.at for e in controller.event_stream.recent(MAX_EVENTS, {EventType.CYCLE})]
    gaps = [(b - a).total_seconds() for a, b in pairwise(cycles)]
    assert len(gaps) >= 2
    assert min(gaps) >= module._CYCLE_GAP_S


async def test_orders_are_published_when_set_when_about_to_end_and_when_ended() -> None:
    """With who did it; a replaced one has ended, too."""
    world = World()
    async with world.running() as controller:
        await asyncio.sleep(30)
        for author in ("ann", "bob"):
            request = OverrideRequest(OverrideKind.FREEZE, author, "deploy", ttl_s=100.0)
            await controller.overrides.add(request)
        await asyncio.sleep(110)
        wanted = {t for t in EventType if t.value.startswith("override")}
        events = controller.event_stream.recent(MAX_EVENTS, wanted)
    assert [(e.type.value, e.data["actor"], e.data["why"]) for e in events] == [
        ("override_set", "ann", ""),
        ("override_ended", "bob", "replaced"),
        ("override_set", "bob", ""),
        ("override_expires_soon", "gtc", ""),
        ("override_ended", "gtc", "expired"),
    ]
