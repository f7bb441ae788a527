"""Which readings say something of what we wrote, and when a position is written again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeVar

import pytest

from controller.loops.active_settings import ActiveSettings
from controller.loops.levers.lever_ports import lever_ports
from controller.loops.levers.observation import Observation
from controller.model.errors import ProviderUnavailableError
from controller.model.levers import (
    Change,
    LeverChange,
    LeverState,
    Outcome,
    OutcomeStatus,
    Position,
    WeightChange,
)
from controller.planning.levers.accelerator import ACCELERATOR
from controller.planning.levers.registry import AnyLever
from controller.planning.levers.route53 import ROUTE53
from controller.planning.levers.write_steps import WriteStep
from tests.fakes.accelerators import FakeAccelerators, to_all
from tests.fakes.clock import FakeClock
from tests.fakes.methods import Method
from tests.fakes.record_sets import FakeRecordSets
from tests.loops.small import ARN, EAST, WEST, ZONE, accelerated, groups, leaves, small, weighted

pytestmark = pytest.mark.looptime
T = TypeVar("T")

APPLIED = Outcome(OutcomeStatus.APPLIED)
REFUSED = Outcome(OutcomeStatus.REFUSED)
UNKNOWN = Outcome(OutcomeStatus.UNKNOWN)
THROTTLED = Outcome(OutcomeStatus.REFUSED, throttled=True)
OUTCOMES = [APPLIED, REFUSED, UNKNOWN, THROTTLED]
NAMES = ["applied", "refused", "unknown", "throttled"]
SETTLING_S = ACCELERATOR.settling_s
LEVERS: list[AnyLever] = [ROUTE53, ACCELERATOR]


class Bench:
    """An observation of a zone and an accelerator, and what stands in WEST behind one of them."""

    def __init__(self, lever: AnyLever) -> None:
        settings = small(services={"shop": weighted(), "api": accelerated()})
        self.lever = lever
        self.target = ZONE if lever is ROUTE53 else ARN
        self.position = Position("shop" if lever is ROUTE53 else "api", "world", WEST)
        self.records = FakeRecordSets({ZONE: leaves(settings)})
        self.accelerators = FakeAccelerators({ARN: groups()})
        self.takes_s, self.fail = 0.0, False
        """Of each reading from now on; it shows what stood when it began."""
        self.wakes = 0
        for method in (self.records.read, self.accelerators.read):
            Method[Any, Any](method).replace(self._slow(method))
        ports = lever_ports(self.records, self.accelerators)
        self.observation = Observation(
            ActiveSettings(settings), ports, FakeClock(), on_late_reading=self._wake
        )

    def stand(self, weight: int) -> None:
        """From now on AWS shows this weight, and the dial that goes with it."""
        for record in self.records.stored(ZONE):
            if record.set_identifier == WEST:
                self.records.put(ZONE, replace(record, weight=weight))
        for group in self.accelerators.stored(ARN):
            if group.region == WEST:
                endpoints = tuple(replace(e, weight=weight) for e in group.endpoints)
                self.accelerators.put(
                    ARN, replace(group, dial=dial_of(weight), endpoints=endpoints)
                )

    def writes(self, before: int, after: int) -> tuple[LeverChange, ...]:
        """The writes of one change, made for what showed `before`."""
        if self.lever is ROUTE53:
            ours = [r for r in self.records.stored(ZONE) if r.set_identifier == WEST]
            return tuple(WeightChange(replace(r, weight=before), after) for r in ours)
        group = next(g for g in self.accelerators.stored(ARN) if g.region == WEST)
        endpoints = tuple(replace(e, weight=before) for e in group.endpoints)
        shown = replace(group, dial=dial_of(before), endpoints=endpoints)
        return (to_all(shown, dial_of(after), after),)

    def answered(self, outcome: Outcome, after: int, before: int = 128) -> None:
        """AWS answers so to a write."""
        change = Change(self.position, LeverState(before), LeverState(after))
        step: WriteStep[Any] = WriteStep({change: self.writes(before, after)})
        self.observation.note_outcome(self.lever, self.target, step, outcome)

    def shown(self) -> int:
        """The weight that the service is decided about by."""
        return self.observation.observed()[self.position.service].settings[self.position].weight

    def wait_s(self) -> float:
        """How long another write to the same place waits for a reading."""
        until = self.observation.unread_until(self.lever, self.target, self.writes(128, 64))
        return 0.0 if until is None else until - asyncio.get_running_loop().time()

    async def read(self) -> None:
        """Read now, whatever the age of the last reading."""
        self.observation.invalidate(self.target)
        await self.observation.refresh(10, wait_s=1_000)

    def _slow(self, method: Callable[[str], Awaitable[T]]) -> Callable[[str], Awaitable[T]]:
        async def slow(target: str) -> T:
            found, fail = await method(target), self.fail
            await asyncio.sleep(self.takes_s)
            if fail:
                raise ProviderUnavailableError("as planned")
            return found

        return slow

    def _wake(self) -> None:
        self.wakes += 1


def dial_of(weight: int) -> float:
    return round(weight / 1.28)


@pytest.mark.parametrize("lever", LEVERS, ids=["route53", "accelerator"])
@pytest.mark.parametrize("outcome", OUTCOMES, ids=NAMES)
async def test_what_is_applied_is_shown_at_once_and_nothing_else_is(
    outcome: Outcome, lever: AnyLever
) -> None:
    """Status is no reading behind; what may not be there is not shown."""
    bench = Bench(lever)
    await bench.observation.refresh(10)
    changes = bench.observation.changes
    bench.answered(outcome, after=0)

    assert bench.shown() == (0 if outcome is APPLIED else 128)
    assert (bench.observation.changes > changes) is (outcome is APPLIED)


@pytest.mark.parametrize("lever", LEVERS, ids=["route53", "accelerator"])
@pytest.mark.parametrize("outcome", OUTCOMES, ids=NAMES)
async def test_a_reading_that_began_before_the_answer_says_nothing_against_the_write(
    outcome: Outcome, lever: AnyLever
) -> None:
    """It ends after it. The next one counts, even if it begins in the same moment."""
    bench = Bench(lever)
    await bench.observation.refresh(10)
    bench.takes_s = 0.4
    reading = asyncio.create_task(bench.read())
    await asyncio.sleep(0.2)
    bench.stand(7)
    bench.answered(outcome, after=0)
    await asyncio.sleep(0.3)
    during = bench.shown()
    await reading

    assert during == (0 if outcome is APPLIED else 128)
    assert bench.shown() == 7


@pytest.mark.parametrize(("after_s", "shown"), [(SETTLING_S - 1, 0), (SETTLING_S + 1, 128)])
@pytest.mark.parametrize("lever", LEVERS, ids=["route53", "accelerator"])
async def test_what_a_write_replaced_may_be_listed_for_a_minute_by_an_accelerator(
    lever: AnyLever, after_s: float, shown: int
) -> None:
    """Then it was put back by somebody; in a zone it was from the first moment."""
    bench = Bench(lever)
    await bench.observation.refresh(10)
    bench.answered(APPLIED, after=0)
    await asyncio.sleep(after_s)
    await bench.read()

    assert bench.shown() == (shown if lever is ACCELERATOR else 128)
    bench.stand(7)
    await bench.read()
    assert bench.shown() == 7


async def test_every_state_that_was_replaced_lately_may_be_listed() -> None:
    """Steps follow each other in less than a minute."""
    bench = Bench(ACCELERATOR)
    await bench.observation.refresh(10)
    for before, after in ((128, 96), (96, 64), (64, 32)):
        bench.answered(APPLIED, after, before)
        await asyncio.sleep(10)
    for listed in (128, 96, 64, 32):
        bench.stand(listed)
        await bench.read()
        assert bench.shown() == 32


async def test_a_write_of_unknown_outcome_that_was_seen_is_one_that_was_acknowledged() -> None:
    """Of an accelerator, the state before may be listed once more after the new one."""
    bench = Bench(ACCELERATOR)
    await bench.observation.refresh(10)
    bench.answered(UNKNOWN, after=0)
    seen = []
    for listed in (128, 0, 128, 0):
        bench.stand(listed)
        await bench.read()
        seen.append(bench.shown())

    assert seen == [128, 0, 0, 0]


@pytest.mark.parametrize(
    ("outcomes", "wait_s"),
    [
        ([APPLIED], 0.0),
        ([THROTTLED], 0.0),
        ([REFUSED], 5.0),
        ([UNKNOWN], 5.0),
        ([UNKNOWN, THROTTLED], 5.0),
        ([UNKNOWN, REFUSED], 5.0),
        ([UNKNOWN, APPLIED], 0.0),
    ],
)
@pytest.mark.parametrize("lever", LEVERS, ids=["route53", "accelerator"])
async def test_what_may_stand_there_is_read_before_it_is_written_again(
    lever: AnyLever, outcomes: list[Outcome], wait_s: float
) -> None:
    """What is known need not be: neither an acknowledgement nor a throttled request."""
    bench = Bench(lever)
    await bench.observation.refresh(10)
    for outcome in outcomes:
        bench.answered(outcome, after=0)
    waits = [bench.wait_s()]
    await bench.read()
    waits.append(bench.wait_s())

    assert waits == [wait_s, 0.0]


@pytest.mark.parametrize("outcome", [REFUSED, UNKNOWN])
async def test_no_write_waits_for_a_reading_that_fails_or_hangs(outcome: Outcome) -> None:
    """A failure wakes the loop for it; a reading that hangs is waited for as long as one call."""
    bench = Bench(ROUTE53)
    await bench.observation.refresh(10)
    bench.takes_s, bench.fail = 2, True
    bench.answered(outcome, after=0)
    await bench.observation.refresh(10)
    before = bench.wait_s() > 0, bench.wakes
    await asyncio.sleep(2)
    failed = bench.wait_s() > 0, bench.wakes
    bench.takes_s = 1_000
    bench.answered(outcome, after=0)
    await bench.observation.refresh(10)
    await asyncio.sleep(4)
    waiting = bench.wait_s() > 0
    await asyncio.sleep(1)

    assert (before, failed) == ((True, 0), (False, 1))
    assert (waiting, bench.wait_s()) == (True, 0.0)
    await bench.observation.end()


async def test_a_place_beside_it_waits_for_nothing() -> None:
    """What is not known of one record holds back no other one's write."""
    bench = Bench(ROUTE53)
    await bench.observation.refresh(10)
    bench.answered(UNKNOWN, after=0)
    east = [r for r in bench.records.stored(ZONE) if r.set_identifier == EAST]
    writes = [WeightChange(record, 0) for record in east]

    assert bench.observation.unread_until(ROUTE53, ZONE, writes) is None
