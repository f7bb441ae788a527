"""The probe schedule: each item fires once an interval at its phase."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.loops.probing.probe_schedule import ProbeSchedule
from tests.fakes.clock import FakeClock

pytestmark = pytest.mark.looptime


class Noted:
    """A schedule of names, and when each fired."""

    def __init__(self, **wanted: tuple[float, float]) -> None:
        """Name → interval and first time."""
        self.fired: list[tuple[str, float]] = []
        self._clock = FakeClock()
        self.schedule: ProbeSchedule[str] = ProbeSchedule(self._clock, self._fire)
        self.replace(**wanted)

    def replace(self, **wanted: tuple[float, float]) -> None:
        self.schedule.replace((name, every_s, first) for name, (every_s, first) in wanted.items())

    def of(self, name: str) -> list[float]:
        return [at for one, at in self.fired if one == name]

    def _fire(self, name: str) -> None:
        self.fired.append((name, round(self._clock.monotonic(), 3)))


async def test_items_keep_the_phase_of_their_first_time() -> None:
    """Not that of when they fired; wheels of different intervals work side by side."""
    noted = Noted(a=(1.0, 0.25), b=(1.0, 0.5), seldom=(2.0, 0.1))
    noted.schedule.start()
    await asyncio.sleep(2.9)

    assert noted.fired == [
        ("seldom", 0.1),
        ("a", 0.25),
        ("b", 0.5),
        ("a", 1.25),
        ("b", 1.5),
        ("seldom", 2.1),
        ("a", 2.25),
        ("b", 2.5),
    ]


async def test_nothing_fires_before_the_start_and_after_the_stop() -> None:
    """Times missed meanwhile are skipped: each item fires once at once, then at its phase."""
    noted = Noted(a=(1.0, 0.5), b=(1.0, 0.25))
    await asyncio.sleep(3.4)
    assert noted.fired == []
    noted.schedule.start()
    await asyncio.sleep(0.2)
    assert noted.fired == [("b", 3.4), ("a", 3.4), ("a", 3.5)]
    noted.schedule.stop()
    await asyncio.sleep(5)
    assert len(noted.fired) == 3


async def test_only_new_entries_fire_after_a_replacement() -> None:
    """What stays keeps its next time, at another interval too; what is new begins as given."""
    noted = Noted(stays=(1.0, 0.2), slower=(1.0, 0.4), faster=(4.0, 0.6), goes=(1.0, 0.8))
    noted.schedule.start()
    await asyncio.sleep(1.1)
    noted.fired.clear()
    noted.replace(stays=(1.0, 9), slower=(4.0, 9), faster=(1.0, 9), new=(1.0, 1.3))
    await asyncio.sleep(2.8)

    assert noted.of("stays") == [1.2, 2.2, 3.2]
    assert noted.of("slower") == [1.4]
    assert noted.of("faster") == [1.6, 2.6, 3.6], "not the 4.6 of before"
    assert noted.of("new") == [1.3, 2.3, 3.3]
    assert noted.of("goes") == []


async def test_items_due_within_a_millisecond_fire_together() -> None:
    """Thousands of items a second must not take thousands of timers; none fires early."""
    noted = Noted(**{f"n{number}": (10.0, 1 + number * 0.0001) for number in range(10)})
    noted.schedule.start()
    await asyncio.sleep(2)

    assert [name for name, _ in noted.fired] == [f"n{number}" for number in range(10)]
    assert len({at for _, at in noted.fired}) == 2


async def test_an_empty_schedule_sets_no_timer() -> None:
    """Settings may name no endpoint; an endpoint added later fires nevertheless."""
    noted = Noted()
    noted.schedule.start()
    await asyncio.sleep(1)
    noted.replace(a=(1.0, 1.5))
    await asyncio.sleep(1)

    assert noted.fired == [("a", 1.5)]


@given(
    interval_s=st.sampled_from([0.1, 1.0, 7.0]),
    parts=st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=8),
    gaps=st.lists(st.floats(0.001, 3), min_size=1, max_size=20),
)
def test_each_item_fires_once_an_interval_however_late_the_timer_is(
    interval_s: float, parts: list[float], gaps: list[float]
) -> None:
    """The k-th time of an item fires at the first call of the timer after it, or was missed for
    good; none fires early, and none twice. Calls are `gaps` intervals apart."""
    clock = Looked()
    noted: list[int] = []
    schedule: ProbeSchedule[int] = ProbeSchedule(clock, noted.append)
    firsts = [part * interval_s for part in parts]
    schedule.replace((index, interval_s, first) for index, first in enumerate(firsts))
    schedule.start()
    had = [-1.0] * len(parts)
    for gap in gaps:
        clock.now += gap * interval_s
        noted.clear()
        clock.ring()
        assert len(set(noted)) == len(noted)
        for index, first in enumerate(firsts):
            turn = (clock.now - first) // interval_s
            near = abs((clock.now - first) / interval_s - round((clock.now - first) / interval_s))
            if near > 1e-4:  # or rounding decides
                assert (index in noted) == (turn >= 0 and turn > had[index])
            if index in noted:
                had[index] = turn if near > 1e-4 else round((clock.now - first) / interval_s)


class Looked:
    """A clock that stands still between two calls of `ring`, which calls the timer that is due."""

    def __init__(self) -> None:
        self.now = 0.0
        self._alarm: Alarm | None = None

    def monotonic(self) -> float:
        return self.now

    def boottime(self) -> float:
        raise NotImplementedError

    def wall(self) -> datetime:
        raise NotImplementedError

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError

    def call_at(self, when: float, callback: Callable[[], None]) -> Alarm:
        self._alarm = Alarm(when, callback)
        return self._alarm

    def ring(self) -> None:
        alarm = self._alarm
        assert alarm is not None
        if alarm.when <= self.now:
            self._alarm = None
            alarm.callback()


@dataclass
class Alarm:
    """Set until it is cancelled."""

    when: float
    callback: Callable[[], None]

    def cancel(self) -> None:
        self.when = inf


@given(
    old_s=st.sampled_from([0.5, 1.0, 7.0, 300.0]),
    new_s=st.sampled_from([0.5, 1.0, 7.0, 300.0]),
    parts=st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=8),
    at_part=st.floats(0, 3),
)
def test_a_new_interval_applies_from_now_on(
    old_s: float, new_s: float, parts: list[float], at_part: float
) -> None:
    """No item fires later than it would have; with a shorter interval, one new interval after it
    last did, or within a new interval from now if that is past."""
    clock = Looked()
    schedule: ProbeSchedule[int] = ProbeSchedule(clock, lambda item: None)
    schedule.replace((index, old_s, part * old_s) for index, part in enumerate(parts))
    schedule.start()
    clock.now = now = at_part * old_s
    clock.ring()
    before = dict(schedule.next_times())
    schedule.replace((index, new_s, now + part * new_s) for index, part in enumerate(parts))
    after = dict(schedule.next_times())

    rounding_s = 1e-6 * (old_s + new_s)
    for index, known in before.items():
        soon = known - old_s + new_s
        latest = min(known, soon if soon >= now else now + new_s) if new_s < old_s else known
        assert min(now, known) - rounding_s <= after[index] <= latest + rounding_s
