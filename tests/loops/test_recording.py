"""Which decisions are kept, and what is added to them later."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from controller import __version__
from controller.loops.cycle import recording, unsaved_records
from controller.loops.cycle.recording import Recording
from controller.loops.cycle.unsaved_records import UnsavedRecord
from controller.model.configuration import EndpointId, Mode, Settings
from controller.model.decision import (
    Decision,
    DecisionRecord,
    Held,
    Hold,
    PipelineStep,
    PoolPlan,
    Rule,
    Snapshot,
    TimelineEvent,
    WriteResult,
)
from controller.model.encoding import EXACT, as_text
from controller.model.health import HealthState, RegionHealth, Verdict
from controller.model.levers import Change, LeverState, Outcome, OutcomeStatus, Position
from controller.model.memory import Memory
from controller.model.overrides import Override, OverrideKind
from controller.planning.account.decision_summary import decision_summary, reduced_to_summary
from controller.planning.account.evidence import Evidence, canonical_text, encode_evidence
from controller.planning.decision import decide
from tests.bench.worlds import at_rest
from tests.fakes.clock import NOON, FakeClock
from tests.fakes.store import FakeStore
from tests.loops.hanging import failing
from tests.loops.small import EAST, WEST, events, logged, region, small, weighted
from tests.planning.placement.transport_problems import world

pytestmark = pytest.mark.looptime

WELL = RegionHealth(Verdict.UP, "web: answers in 1 ms")
DEAD = RegionHealth(Verdict.DOWN, "web: refused", suspect_since=0.0, agreeing=1)
EVEN = {WEST: 0.5, EAST: 0.5}
STAYS = PoolPlan("shop", "world", EVEN, EVEN, EVEN)
CALM = Decision({"shop": {WEST: WELL, EAST: WELL}}, (STAYS,), {}, Memory())
LEAVES = replace(
    STAYS,
    desired={WEST: 0.0, EAST: 1.0},
    after={WEST: 0.0, EAST: 1.0},
    rules=(Rule(PipelineStep.PLACEMENT, "region_down", WEST, 0.5, 0.0, True, "web: refused"),),
    changes=(Change(Position("shop", "world", WEST), LeverState(128), LeverState(0)),),
    emergency=True,
)
FAILOVER = replace(CALM, regions={"shop": {WEST: DEAD, EAST: WELL}}, plans=(LEAVES,))
HELD = replace(CALM, plans=(replace(STAYS, held=(Held(Hold.STARTUP, "1.0 of 3 s"),)),))
RECORD = DecisionRecord(0, NOON, 1, Mode.ACTIVE, (), {}, (), (), (), "")
ORDER = Override(
    7, OverrideKind.DRAIN, WEST, None, "ann", "INC-42", NOON, NOON + timedelta(seconds=60)
)


class Bench:
    """A recording, fed decision after decision."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store = FakeStore()
        self.told: list[DecisionRecord] = []
        self.recording = Recording(self.store, self.clock, (self.told.append,))
        self.cycle = 0

    async def keep(
        self,
        decision: Decision,
        *statuses: OutcomeStatus,
        overrides: tuple[Override, ...] = (),
        settings: Settings | None = None,
        health: dict[EndpointId, HealthState] | None = None,
    ) -> DecisionRecord | None:
        """One cycle, with one write for each status."""
        self.cycle += 1
        snapshot = Snapshot(
            now=self.clock.monotonic(),
            started_at=0.0,
            settings=settings or small(),
            health={"here": health or {}},
            known_good={},
            observed={},
            expected={},
            overrides=overrides,
        )
        written = tuple(
            WriteResult("route53", f"Z{i}", decision.changes, Outcome(status))
            for i, status in enumerate(statuses)
        )
        unsaved = self.recording.new_record(self.cycle, snapshot, decision, written)
        return await self.recording.save(unsaved)

    async def stored(self) -> tuple[DecisionRecord, ...]:
        return await self.store.records(limit=1_000)


async def test_the_first_decision_is_kept_and_the_same_again_is_not() -> None:
    """An idle day is one record."""
    bench = Bench()
    first = await bench.keep(CALM)
    again = [await bench.keep(CALM) for _ in range(100)]

    assert first is not None
    assert (first.id, first.cycle, first.at) == (1, 1, NOON)
    assert again == [None] * 100


@pytest.mark.parametrize(
    "other",
    [
        replace(CALM, regions={"shop": {WEST: replace(DEAD, verdict=Verdict.UNKNOWN), EAST: WELL}}),
        replace(CALM, plans=(replace(STAYS, after={WEST: 0.49, EAST: 0.51}),)),
        HELD,
        replace(CALM, drift={Position("shop", "world", WEST): "weight 128 expected, 7 seen"}),
    ],
    ids=["verdict", "split", "hold", "drift"],
)
async def test_what_differs_in_substance_is_kept(other: Decision) -> None:
    """And so is the way back."""
    bench = Bench()
    await bench.keep(CALM)

    assert await bench.keep(other) is not None
    assert await bench.keep(other) is None
    assert await bench.keep(CALM) is not None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            CALM,
            replace(CALM, regions={"shop": {WEST: replace(WELL, why="2 ms"), EAST: WELL}}),
        ),
        (
            CALM,
            replace(CALM, regions={"shop": {WEST: replace(WELL, suspect_since=3.0), EAST: WELL}}),
        ),
        (CALM, replace(CALM, plans=(replace(STAYS, after={WEST: 0.5004, EAST: 0.4996}),))),
        (CALM, replace(CALM, wake_at=5.0)),
        (HELD, replace(CALM, plans=(replace(STAYS, held=(Held(Hold.STARTUP, "2.0 of 3 s"),)),))),
    ],
    ids=["latency", "one lost probe", "rounding", "wake", "seconds of a hold"],
)
async def test_what_differs_in_numbers_only_is_not_kept(one: Decision, other: Decision) -> None:
    """Ten seconds of waiting are not ten records."""
    bench = Bench()
    await bench.keep(one)

    assert await bench.keep(other) is None


async def test_an_order_and_its_end_are_kept_with_their_author() -> None:
    """Also when nothing moves by it."""
    bench = Bench()
    await bench.keep(CALM)
    began = await bench.keep(CALM, overrides=(ORDER,))
    ended = await bench.keep(CALM)

    assert began is not None
    assert ended is not None
    assert began.trigger == ("drain eu-west-1 set by ann: INC-42",)
    assert ended.trigger == ("drain eu-west-1 by ann ended",)
    assert began.authors == ended.authors == ("ann",)


async def test_a_write_tried_again_is_kept_when_it_is_answered_differently() -> None:
    """Twenty throttled answers are one record, the one that was applied another."""
    bench = Bench()
    await bench.keep(CALM)
    refused = [await bench.keep(FAILOVER, OutcomeStatus.REFUSED) for _ in range(20)]
    applied = await bench.keep(FAILOVER, OutcomeStatus.APPLIED)

    assert [record is not None for record in refused] == [True, *[False] * 19]
    assert applied is not None
    assert [w.outcome.status for w in applied.written] == [OutcomeStatus.APPLIED]


async def test_the_same_answer_of_only_some_targets_counts_as_another() -> None:
    """One zone applied, the other not, is news."""
    bench = Bench()
    await bench.keep(FAILOVER, OutcomeStatus.UNKNOWN, OutcomeStatus.UNKNOWN)

    assert await bench.keep(FAILOVER, OutcomeStatus.UNKNOWN, OutcomeStatus.APPLIED) is not None


async def test_a_failover_has_its_moments_from_first_failure_to_answer() -> None:
    """In the order in which they happened, on the wall clock."""
    bench = Bench()
    await asyncio.sleep(11)
    dead = HealthState(Verdict.DOWN, since=10.4, failures=3, first_failure_at=10.0)
    record = await bench.keep(
        FAILOVER, OutcomeStatus.APPLIED, health={EndpointId("shop", WEST, "web"): dead}
    )

    assert record is not None
    offsets = [(m.name, round((m.at - NOON).total_seconds(), 3)) for m in record.timeline]
    assert offsets == [("first_failure", 10), ("detected", 10.4), ("decided", 11), ("applied", 11)]
    assert record.timeline[-1].detail == "route53 Z0"


async def test_each_write_has_its_own_time_though_all_are_reported_together() -> None:
    """An accelerator that took it at once, beside a zone that hung for its deadline."""
    bench = Bench()
    await asyncio.sleep(20)
    taken = [("Z0", 3.0, "unknown"), ("arn", 0.1, "applied"), ("arn", 0.4, "applied")]
    written = tuple(
        WriteResult(
            "lever", target, FAILOVER.changes, Outcome(OutcomeStatus(status), took_s=took_s)
        )
        for target, took_s, status in taken
    )
    snapshot = Snapshot(17.0, 0.0, small(), {"here": {}}, {}, {}, {}, ())
    record = await bench.recording.save(bench.recording.new_record(1, snapshot, FAILOVER, written))

    assert record is not None
    assert [
        (m.name, m.detail, round((m.at - NOON).total_seconds(), 3)) for m in record.timeline
    ] == [
        ("decided", "", 17),
        ("applied", "lever arn", 17.1),
        ("applied", "lever arn", 17.5),
        ("unknown", "lever Z0", 20),
    ]


async def test_only_what_condemned_the_region_dates_its_failure() -> None:
    """An optional endpoint that has failed for days, or another region, says nothing about it."""
    bench = Bench()
    shop = weighted()
    shop["regions"] = {
        WEST: region(
            web={"probe": "tcp://w.test:1"},
            extra={"probe": "tcp://x.test:1", "required": False},
            flaky={"probe": "tcp://y.test:1"},
        ),
        EAST: region(),
    }
    await asyncio.sleep(100)
    down = HealthState(Verdict.DOWN, since=90.4, failures=3, first_failure_at=90.0)
    record = await bench.keep(
        FAILOVER,
        OutcomeStatus.APPLIED,
        settings=small(services={"shop": shop}),
        health={
            EndpointId("shop", WEST, "web"): down,
            EndpointId("shop", WEST, "extra"): down._replace(since=95.0, first_failure_at=1.0),
            EndpointId("shop", WEST, "flaky"): HealthState(
                Verdict.UP, since=97.0, failures=1, first_failure_at=50.0
            ),
            EndpointId("shop", EAST, "web"): down._replace(since=96.0, first_failure_at=2.0),
        },
    )

    assert record is not None
    assert [(m.name, m.at - NOON) for m in record.timeline[:2]] == [
        ("first_failure", timedelta(seconds=90)),
        ("detected", timedelta(seconds=90.4)),
    ]


async def test_what_becomes_known_later_is_added_stored_and_published() -> None:
    """Moments in their order, effects line by line."""
    bench = Bench()
    record = await bench.keep(CALM)
    assert record is not None
    await bench.recording.add_event(record.id, TimelineEvent("insync", NOON, "route53 Z1"))
    await bench.recording.add_effect(record.id, "95 % had left")
    await bench.recording.add_effect(record.id, "after 3 s")

    (stored,) = await bench.stored()
    assert stored.measured_effect == "95 % had left\nafter 3 s"
    assert [moment.name for moment in stored.timeline] == ["decided", "insync"]
    assert decision_summary(bench.told[-1]) == decision_summary(stored)
    assert bench.told[-1].timeline == stored.timeline
    assert len(bench.told) == 3


async def test_additions_at_the_same_moment_do_not_overwrite_each_other() -> None:
    """Several writes of one decision are followed at once."""
    bench = Bench()
    record = await bench.keep(CALM)
    assert record is not None
    async with asyncio.TaskGroup() as group:
        for number in range(10):
            group.create_task(bench.recording.add_effect(record.id, str(number)))

    (stored,) = await bench.stored()
    assert stored.measured_effect.splitlines() == [str(number) for number in range(10)]


async def test_a_record_that_cannot_be_stored_waits_and_nothing_stops() -> None:
    """It is said once, and stored as soon as the store is well, before anything newer."""
    bench = Bench()
    bench.store.unavailable = True
    with logged() as lines:
        assert await bench.keep(FAILOVER, OutcomeStatus.APPLIED) is None
        assert [await bench.keep(FAILOVER) for _ in range(5)] == [None] * 5
        assert await bench.keep(CALM) is None
    bench.store.unavailable = False
    newest = await bench.keep(HELD)

    assert events(lines) == ["record_not_durable"] * 2
    assert newest is not None
    assert [(r.id, r.cycle) for r in await bench.stored()] == [(3, 8), (2, 7), (1, 1)]
    assert newest.id == 3


async def test_a_record_that_is_given_up_by_a_mistake_stops_nothing() -> None:
    """Its cycle is reported all the same, and the next one is stored."""
    bench = Bench()
    with failing(bench.store, "add_record", ZeroDivisionError()), logged() as lines:
        assert await bench.keep(FAILOVER, OutcomeStatus.APPLIED) is None

    assert events(lines) == ["record_given_up", "record_not_durable"]
    assert await bench.keep(CALM) is not None


async def test_a_record_that_waits_needs_no_news_to_be_stored() -> None:
    """The next cycle tries again, whatever it finds."""
    bench = Bench()
    bench.store.unavailable = True
    await bench.keep(FAILOVER, OutcomeStatus.APPLIED)
    bench.store.unavailable = False

    assert await bench.keep(FAILOVER) is None
    assert [record.cycle for record in await bench.stored()] == [1]


async def test_while_the_store_fails_the_newest_hundred_records_wait() -> None:
    """Memory is bounded; the oldest are given up."""
    bench = Bench()
    bench.store.unavailable = True
    for _ in range(75):
        await bench.keep(CALM)
        await bench.keep(HELD)
    bench.store.unavailable = False
    await bench.keep(HELD)

    assert [record.cycle for record in await bench.stored()] == list(range(150, 50, -1))


async def test_what_waits_is_bounded_in_bytes_and_stored_as_if_it_had_not_waited(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of a large world, three records wait besides the first; the oldest are dropped."""
    bench = Bench()
    evidences = []
    for number in range(7):
        snapshot, decision = told_of(number)
        evidences.append(Evidence(snapshot, decision))
    packed = [len(unsaved_records._Packed.of(UnsavedRecord(RECORD, one)).text) for one in evidences]
    assert max(packed) < 30_000
    monkeypatch.setattr(unsaved_records, "MAX_BYTES", max(packed) * 3.9)
    bench.store.unavailable = True
    for number, one in enumerate(evidences):
        bench.recording.add_trigger(f"note {number}")
        unsaved = bench.recording.new_record(number, one.snapshot, one.decision, ())
        assert await bench.recording.save(unsaved) is None
    assert bench.recording.waiting_reason is not None
    assert "3 decisions wait" in bench.recording.waiting_reason
    bench.store.unavailable = False
    await bench.recording.save(None)

    stored = (await bench.stored())[::-1]
    assert [record.cycle for record in stored] == [4, 5, 6]
    for record, one in zip(stored, evidences[4:], strict=True):
        assert record.plans == one.decision.plans
        assert record.trigger[0] == f"note {record.cycle}"
        assert await bench.store.evidence(record.id) == encode_evidence(one)


def told_of(number: int) -> tuple[Snapshot, Decision]:
    """Another moment of 20 regions x 250 pools."""
    moment = replace(
        at_rest(world(20, 250, 11, capacity_ratio=1.25, bound=False)), now=10_000.0 + number
    )
    return moment, decide(moment)


async def test_records_that_may_still_change_are_bounded_in_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The newest one is kept in any case; its events are those of the whole record."""
    bench = Bench()
    for _ in range(4):
        pair = [await bench.keep(FAILOVER), await bench.keep(CALM)]
        size = sum(len(as_text(EXACT(reduced_to_summary(one)))) for one in pair if one)
        monkeypatch.setattr(recording, "MAX_OPEN_BYTES", 3.2 * size)
    moved = [record for record in await bench.stored() if record.plans[0].changes]
    for record in moved:
        await bench.recording.add_effect(record.id, "left")
    told = [record.id for record in bench.told]
    assert told == [record.id for record in moved[:3]]
    monkeypatch.setattr(recording, "MAX_OPEN_BYTES", 1)
    newest = await bench.keep(FAILOVER)
    assert newest is not None
    await bench.recording.add_effect(newest.id, "left")
    assert bench.told[-1].id == newest.id
    whole = replace(newest, measured_effect="left")
    assert decision_summary(bench.told[-1]) == decision_summary(whole)


async def test_an_addition_that_cannot_be_stored_is_stored_with_the_next_one() -> None:
    """The process still knows it."""
    bench = Bench()
    record = await bench.keep(CALM)
    assert record is not None
    bench.store.unavailable = True
    with logged() as lines:
        await bench.recording.add_effect(record.id, "first")
    bench.store.unavailable = False
    await bench.recording.add_effect(record.id, "second")

    (stored,) = await bench.stored()
    assert stored.measured_effect == "first\nsecond"
    assert events(lines) == ["record_not_durable"]


async def test_only_the_newest_hundred_may_still_change() -> None:
    """Older ones have long been measured or given up: memory is bounded."""
    bench = Bench()
    for _ in range(75):
        await bench.keep(CALM)
        await bench.keep(HELD)
    for record_id in (50, 51):
        await bench.recording.add_effect(record_id, "late")

    effects = {record.id: record.measured_effect for record in await bench.stored()}
    assert len(effects) == 150
    assert (effects[50], effects[51]) == ("", "late")


async def test_a_record_is_kept_with_what_its_decision_was_made_of() -> None:
    """Also one that waited for the store; so that it can be decided again."""
    bench = Bench()
    bench.store.unavailable = True
    await bench.keep(CALM)
    bench.store.unavailable = False
    await bench.keep(FAILOVER)

    texts = [await bench.store.evidence(record.id) for record in await bench.stored()]
    assert [text and text.decision for text in texts] == [
        canonical_text(FAILOVER),
        canonical_text(CALM),
    ]
    versions = {record.version for record in await bench.stored()}
    assert versions == {__version__}


async def test_a_record_says_what_else_was_considered() -> None:
    """For the traffic that it moves."""
    bench = Bench()
    shop = weighted()
    shop["regions"]["eu-north-1"] = region()
    record = await bench.keep(
        replace(FAILOVER, regions={"shop": {WEST: DEAD, EAST: WELL, "eu-north-1": WELL}}),
        settings=small(services={"shop": shop}),
    )
    assert record is not None
    assert [(one.region, one.why) for one in record.rejected] == [
        ("eu-north-1", "not lawful: pool world does not name it")
    ]
