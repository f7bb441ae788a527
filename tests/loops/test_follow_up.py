"""What becomes of acknowledged writes, step by step, in simulated time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from controller.loops.active_settings import ActiveSettings
from controller.loops.cycle.recording import Recording
from controller.loops.levers.follow_up import FollowUp
from controller.loops.levers.lever_ports import spread_checks
from controller.loops.reports.traffic import TrafficReports
from controller.model.configuration import Mode
from controller.model.decision import DecisionRecord, PoolPlan, WriteResult
from controller.model.levers import Change, LeverState, Outcome, OutcomeStatus, Position
from controller.model.traffic import Measurement
from tests.fakes.accelerators import FakeAccelerators
from tests.fakes.clock import NOON, FakeClock
from tests.fakes.methods import Method
from tests.fakes.record_sets import FakeRecordSets
from tests.fakes.store import FakeStore
from tests.loops.small import (
    ARN,
    EAST,
    WEST,
    ZONE,
    accelerated,
    events,
    groups,
    in_background,
    leaves,
    logged,
    small,
    unsaved,
    weighted,
)

pytestmark = pytest.mark.looptime

EVEN = {WEST: 0.5, EAST: 0.5}
TTL_S = 5


class Bench:
    """A follow-up over fakes that take as long as they are told."""

    def __init__(self) -> None:
        settings = small(
            services={"shop": weighted(ttl_s=TTL_S), "api": accelerated()},
            cycle={"insync_poll_s": 2},
        )
        self.clock = FakeClock()
        self.store = FakeStore()
        self.records = FakeRecordSets({ZONE: leaves(settings)})
        self.accelerators = FakeAccelerators({ARN: groups()})
        self.traffic = TrafficReports(self.clock)
        self.propagated: list[tuple[str, float]] = []
        self.follow_up = FollowUp(
            ActiveSettings(settings),
            spread_checks(self.records, self.accelerators),
            self.recording,
            self.traffic,
            self.clock,
            lambda lever, took_s: self.propagated.append((lever, round(took_s, 3))),
        )

    @property
    def recording(self) -> Recording:
        """One that knows the records that `follow` stored."""
        if not hasattr(self, "_recording"):
            self._recording = Recording(self.store, self.clock)
        return self._recording

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with in_background(self.follow_up.run()):
            yield

    async def follow(
        self,
        after: Mapping[str, float],
        *,
        service: str = "shop",
        status: OutcomeStatus = OutcomeStatus.APPLIED,
        before: Mapping[str, float] = EVEN,
    ) -> int:
        """A record whose one plan was written; its id."""
        lever, target = ("route53", ZONE) if service == "shop" else ("accelerator", ARN)
        changes = tuple(
            Change(Position(service, "world", r), LeverState(1), LeverState(2))
            for r in before
            if before[r] != after[r]
        )
        plan = PoolPlan(service, "world", before, after, after, changes=changes)
        written = WriteResult(lever, target, changes, Outcome(status, change_id="C1"))
        stored = await self.recording.save(unsaved(record_of(plan, written)))
        assert stored is not None
        self.follow_up.follow(stored)
        return stored.id

    async def users(self, shares: Mapping[str, int], for_s: float, service: str = "shop") -> None:
        """Users report every half second that they went there."""
        until = self.clock.monotonic() + for_s
        while self.clock.monotonic() < until - 0.01:
            self.traffic.add(Measurement(service, "world", r, n, 0) for r, n in shares.items())
            await asyncio.sleep(0.5)

    async def timeline(self, record_id: int = 1) -> list[tuple[str, float]]:
        """Moments with their seconds since the beginning."""
        record = await self.store.record(record_id)
        assert record is not None
        return [(m.name, round((m.at - NOON).total_seconds(), 1)) for m in record.timeline]

    async def effects(self, record_id: int = 1) -> list[str]:
        record = await self.store.record(record_id)
        assert record is not None
        return record.measured_effect.splitlines()


def record_of(plan: PoolPlan, *written: WriteResult) -> DecisionRecord:
    return DecisionRecord(
        id=0,
        at=NOON,
        cycle=1,
        mode=Mode.ACTIVE,
        trigger=(),
        regions={},
        plans=(plan,),
        written=written,
        timeline=(),
        expected_effect="",
    )


SPREAD = {"shop": "insync", "api": "deployed"}
DRAINED = {WEST: 0.0, EAST: 1.0}


@pytest.mark.parametrize(
    ("service", "lever", "moment", "hold"),
    [
        ("shop", "route53", "insync", "hold_insync"),
        ("api", "accelerator", "deployed", "hold_deployed"),
    ],
)
async def test_a_change_is_asked_about_until_it_has_spread(
    service: str, lever: str, moment: str, hold: str
) -> None:
    """The moment and the seconds since its acknowledgement are kept."""
    bench = Bench()
    outside = bench.records if service == "shop" else bench.accelerators
    setattr(outside, hold, True)
    async with bench.running():
        await bench.follow(DRAINED, service=service)
        await asyncio.sleep(7)
        assert await bench.timeline() == []
        setattr(outside, hold, False)
        await asyncio.sleep(5)

    assert await bench.timeline() == [(moment, 8)]
    assert bench.propagated == [(lever, 8)]


@pytest.mark.parametrize("status", [OutcomeStatus.REFUSED, OutcomeStatus.UNKNOWN])
async def test_what_was_not_acknowledged_is_not_followed(status: OutcomeStatus) -> None:
    """The next reading shows what became of it."""
    bench = Bench()
    async with bench.running():
        await bench.follow(DRAINED, status=status)
        await asyncio.sleep(60)

    assert await bench.timeline() == []
    assert bench.propagated == []


async def test_a_change_that_never_spreads_is_given_up_after_ten_minutes() -> None:
    """A person should look; the record says so, and nothing is claimed about users."""
    bench = Bench()
    bench.records.hold_insync = True
    with logged() as lines:
        async with bench.running():
            await bench.follow(DRAINED)
            await asyncio.sleep(700)

    assert await bench.timeline() == [("not_insync", 600)]
    assert await bench.effects() == []
    assert bench.propagated == []
    assert events(lines) == ["change_never_spread"]


async def test_while_aws_does_not_answer_it_is_polled_on_and_logged_once() -> None:
    """AWS may be away for minutes."""
    bench = Bench()
    bench.records.trouble.unavailable = True
    with logged() as lines:
        async with bench.running():
            await bench.follow(DRAINED)
            await asyncio.sleep(61)
            bench.records.trouble.unavailable = False
            await asyncio.sleep(10)

    assert await bench.timeline() == [("insync", 62)]
    assert events(lines) == ["follow_up_unanswered"]


async def test_a_question_that_is_refused_is_not_asked_again() -> None:
    """A change that is unknown to AWS will not become known."""
    bench = Bench()
    bench.accelerators._groups.clear()
    with logged() as lines:
        async with bench.running():
            await bench.follow(DRAINED, service="api")
            await asyncio.sleep(60)

    record = await bench.store.record(1)
    assert record is not None
    assert [m.name for m in record.timeline] == ["not_deployed"]
    assert "AcceleratorNotFoundException" in record.timeline[0].detail
    assert events(lines) == ["change_never_spread"]


@pytest.mark.parametrize("service", ["shop", "api"])
async def test_users_who_leave_a_drained_region_are_measured(service: str) -> None:
    """Until a twentieth of those who were there is left, whatever the lever's own numbers were."""
    bench = Bench()
    before = EVEN if service == "shop" else {WEST: 1.0, EAST: 1.0}
    async with bench.running():
        await bench.users({WEST: 20, EAST: 80}, 10, service)
        await bench.follow(DRAINED, service=service, before=before)
        await bench.users({WEST: 20, EAST: 80}, 4, service)
        assert await bench.effects() == []
        await bench.users({WEST: 2, EAST: 98}, 6, service)
        assert await bench.effects() == []
        await bench.users({WEST: 1, EAST: 99}, 6, service)

    (effect,) = await bench.effects()
    left = f"{service}/world: 95 % of the users of eu-west-1 had left 9.5 s after 12:00:12"
    assert effect == left
    assert await bench.timeline() == [(SPREAD[service], 12), ("measured", 21.5)]


async def test_users_who_stay_are_reported() -> None:
    """A minute after the last cached answer has expired no user should be there."""
    bench = Bench()
    async with bench.running():
        await bench.users({WEST: 50, EAST: 50}, 5)
        await bench.follow(DRAINED)
        await bench.users({WEST: 50, EAST: 50}, 80)

    assert await bench.effects() == ["shop/world: users still arrive in eu-west-1 65 s later"]
    assert "measured" not in dict(await bench.timeline())


async def test_missing_reports_are_no_evidence_that_users_left() -> None:
    """From the beginning, or from the middle of the measurement on."""
    silent, fading = Bench(), Bench()
    async with silent.running(), fading.running():
        await silent.follow(DRAINED)
        await fading.users({WEST: 50, EAST: 50}, 5)
        await fading.follow(DRAINED)
        await fading.users({WEST: 50, EAST: 50}, 5)
        await asyncio.sleep(80)

    assert await silent.effects() == ["shop/world: nobody reports measured traffic"]
    assert await fading.effects() == [
        "shop/world: nobody reports any more whether users of eu-west-1 have left"
    ]


async def test_each_drained_region_has_its_own_time() -> None:
    """The slower one does not date the quicker one."""
    bench = Bench()
    three = {WEST: 0.3, EAST: 0.3, "eu-central-1": 0.4}
    async with bench.running():
        await bench.users({WEST: 30, EAST: 30, "eu-central-1": 40}, 5)
        await bench.follow({WEST: 0.0, EAST: 0.0, "eu-central-1": 1.0}, before=three)
        await bench.users({WEST: 30, EAST: 30, "eu-central-1": 40}, 4)
        await bench.users({WEST: 30, EAST: 0, "eu-central-1": 70}, 6)
        await bench.users({WEST: 0, EAST: 0, "eu-central-1": 100}, 10)

    east, west = await bench.effects()
    assert "users of us-east-1 had left 3.5 s after" in east
    assert "users of eu-west-1 had left 9.5 s after" in west


@pytest.mark.parametrize(
    ("service", "effect"),
    [
        (
            "shop",
            "shop/world: measured eu-west-1 30 % (written 25 %), us-east-1 70 % (written 75 %)",
        ),
        ("api", "api/world: measured eu-west-1 30 % (dial 25 %), us-east-1 70 % (dial 75 %)"),
    ],
)
async def test_other_moves_are_measured_once_caches_have_run_out(service: str, effect: str) -> None:
    """Behind an accelerator a dial is no share, and is not called one."""
    bench = Bench()
    async with bench.running():
        await bench.follow({WEST: 0.25, EAST: 0.75}, service=service)
        await bench.users({WEST: 50, EAST: 50}, 2, service)
        await bench.users({WEST: 30, EAST: 70}, 15, service)

    assert await bench.effects() == [effect]


async def test_a_move_without_reports_at_its_end_is_not_called_zero() -> None:
    """Reports stopped meanwhile."""
    bench = Bench()
    async with bench.running():
        await bench.follow({WEST: 0.25, EAST: 0.75})
        await bench.users({WEST: 50, EAST: 50}, 4)
        await asyncio.sleep(30)

    assert await bench.effects() == ["shop/world: nobody reports measured traffic any more"]


async def test_several_changes_are_followed_at_once() -> None:
    """A slow accelerator does not keep a zone from being measured."""
    bench = Bench()
    bench.accelerators.hold_deployed = True
    async with bench.running():
        await bench.follow(DRAINED, service="api")
        await bench.follow(DRAINED)
        await asyncio.sleep(10)

    assert await bench.timeline(1) == []
    assert await bench.timeline(2) == [("insync", 2)]


async def test_many_changes_under_way_share_the_pace_of_questions() -> None:
    """The account's requests are for steering first."""
    bench = Bench()
    bench.records.hold_insync = True
    asked: list[float] = []
    is_insync = bench.records.is_insync

    async def counting(change_id: str) -> bool:
        asked.append(bench.clock.monotonic())
        return await is_insync(change_id)

    Method(is_insync).replace(counting)
    async with bench.running():
        for _ in range(40):
            await bench.follow(DRAINED)
        await asyncio.sleep(60)

    assert 0 < len(asked) <= 2 * 60


async def test_when_too_many_are_under_way_the_newest_is_left_and_said() -> None:
    """And its place is free again once another has ended."""
    bench = Bench()
    bench.records.hold_insync = True
    with logged() as lines:
        async with bench.running():
            for _ in range(60):
                await bench.follow(DRAINED)
            await asyncio.sleep(700)
            bench.records.hold_insync = False
            late = await bench.follow(DRAINED)
            await asyncio.sleep(60)

    assert events(lines).count("follow_up_skipped") == 10
    assert await bench.timeline(50) == [("not_insync", 600)]
    assert await bench.timeline(51) == []
    assert [name for name, _ in await bench.timeline(late)] == ["insync"]


async def test_seconds_count_from_the_acknowledgement() -> None:
    """Not from when the follow-up got round to it."""
    bench = Bench()
    await bench.follow(DRAINED)
    await asyncio.sleep(3)
    async with bench.running():
        await asyncio.sleep(5)

    record = await bench.store.record(1)
    assert record is not None
    assert record.timeline[0].at == NOON + timedelta(seconds=5)
    assert bench.propagated == [("route53", 5)]
