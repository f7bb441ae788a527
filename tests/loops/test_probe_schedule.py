"""Whose turn it is."""

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
    """Turns of names, and when each was handed out."""

    def __init__(self, **wanted: tuple[float, float]) -> None:
        """Name → interval and first turn."""
        self.handed_out: list[tuple[str, float]] = []
        self._clock = FakeClock()
        self.schedule: ProbeSchedule[str] = ProbeSchedule(self._clock, self._fire)
        self.replace(**wanted)

    def replace(self, **wanted: tuple[float, float]) -> None:
        self.schedule.replace((name, every_s, first) for name, (every_s, first) in wanted.items())

    def of(self, name: str) -> list[float]:
        return [at for one, at in self.handed_out if one == name]

    def _fire(self, name: str) -> None:
        self.handed_out.append((name, round(self._clock.monotonic(), 3)))


async def test_turns_keep_in_step_with_the_first_one() -> None:
    """And not with when we came to it; different intervals go on side by side."""
    noted = Noted(a=(1.0, 0.25), b=(1.0, 0.5), seldom=(2.0, 0.1))
    noted.schedule.start()
    await asyncio.sleep(2.9)

    assert noted.handed_out == [
        ("seldom", 0.1),
        ("a", 0.25),
        ("b", 0.5),
        ("a", 1.25),
        ("b", 1.5),
        ("seldom", 2.1),
        ("a", 2.25),
        ("b", 2.5),
    ]


async def test_nobody_has_a_turn_before_waking_and_after_falling_asleep() -> None:
    """Turns that were missed meanwhile are skipped: everybody has one at once, then its own."""
    noted = Noted(a=(1.0, 0.5), b=(1.0, 0.25))
    await asyncio.sleep(3.4)
    assert noted.handed_out == []
    noted.schedule.start()
    await asyncio.sleep(0.2)
    assert noted.handed_out == [("b", 3.4), ("a", 3.4), ("a", 3.5)]
    noted.schedule.stop()
    await asyncio.sleep(5)
    assert len(noted.handed_out) == 3


async def test_nobody_else_has_turns_after_others_are_wanted() -> None:
    """Who stays keeps its next turn, at another interval too; who is new begins when it is said."""
    noted = Noted(stays=(1.0, 0.2), slower=(1.0, 0.4), faster=(4.0, 0.6), goes=(1.0, 0.8))
    noted.schedule.start()
    await asyncio.sleep(1.1)
    noted.handed_out.clear()
    noted.replace(stays=(1.0, 9), slower=(4.0, 9), faster=(1.0, 9), new=(1.0, 1.3))
    await asyncio.sleep(2.8)

    assert noted.of("stays") == [1.2, 2.2, 3.2]
    assert noted.of("slower") == [1.4]
    assert noted.of("faster") == [1.6, 2.6, 3.6], "not the 4.6 of before"
    assert noted.of("new") == [1.3, 2.3, 3.3]
    assert noted.of("goes") == []


async def test_turns_within_a_millisecond_come_together() -> None:
    """Thousands of turns a second must not ring thousands of alarms; none comes early."""
    noted = Noted(**{f"n{number}": (10.0, 1 + number * 0.0001) for number in range(10)})
    noted.schedule.start()
    await asyncio.sleep(2)

    assert [name for name, _ in noted.handed_out] == [f"n{number}" for number in range(10)]
    assert len({at for _, at in noted.handed_out}) == 2


async def test_without_anybody_no_alarm_rings() -> None:
    """Settings may name no endpoint; whoever comes later has turns all the same."""
    noted = Noted()
    noted.schedule.start()
    await asyncio.sleep(1)
    noted.replace(a=(1.0, 1.5))
    await asyncio.sleep(1)

    assert noted.handed_out == [("a", 1.5)]


@given(
    interval_s=st.sampled_from([0.1, 1.0, 7.0]),
    parts=st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=8),
    gaps=st.lists(st.floats(0.001, 3), min_size=1, max_size=20),
)
def test_everybody_has_one_turn_an_interval_however_late_we_are(
    interval_s: float, parts: list[float], gaps: list[float]
) -> None:
    """Turn k of an interval is handed out at the first look after it, or was missed for good; none
    comes early, and none twice. Looks are `gaps` intervals apart."""
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
    """A clock that stands still between two looks, and rings then what is due."""

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
def test_another_interval_holds_from_now_on(
    old_s: float, new_s: float, parts: list[float], at_part: float
) -> None:
    """No turn comes later than it would have; with a shorter interval, one new interval after the
    last one, or within a new interval from now if that is over."""
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
