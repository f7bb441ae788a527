"""Values across a restart: every time is converted, none is in the future, nothing else changes."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.model.configuration import HealthSettings
from controller.model.decoding import decoded
from controller.model.encoding import EXACT, as_text
from controller.model.health import AddressCounts, HealthState, Verdict
from controller.model.levers import Change, LeverState, Position
from controller.model.memory import FlapDamping, ServiceMemory, SettingsFingerprint
from controller.planning.restart import (
    OLDEST_S,
    Dating,
    health_with_times,
    is_same_health,
    is_same_memory,
    memory_with_times,
    resumed_health,
    resumed_memory,
)
from tests.planning.memories import SERVICE_MEMORIES

NOON = 1_780_315_200.0
"""Seconds since 1970 of 2026-06-01 12:00 UTC."""
SPOT = Position("shop", "world", "eu-west-1")
TIME = 100_000.0
"""Times are above, all other numbers below."""
MEMORY: dict[str, Any] = {
    "learned_under": SettingsFingerprint("route53 Z1 shop.", "p", "n"),
    "since": TIME + 1,
    "begun": True,
    "panic": TIME + 2,
    "drift_since": {SPOT: TIME + 3},
    "reasserted": {"world": TIME + 4},
    "reverted": {"world": 2},
    "adopted": {"world": {"eu-west-1": 0.5}},
    "last_rise": {SPOT: TIME + 5},
    "warming_up": frozenset([SPOT]),
    "closed_is_warming_up": False,
    "aborted": {SPOT: TIME + 6},
    "batches": (TIME + 7, TIME + 8),
    "emergencies": (TIME + 9,),
    "drains": {"eu-west-1": TIME + 10},
    "degraded": {"eu-west-1": 2},
    "nearest": {"eu-west-1": 0.4, "us-east-1": 0.6},
    "learned_at": TIME + 11,
    "flaps": {"eu-west-1": FlapDamping(2.5, TIME + 12, down=True, damped=True)},
    "doubtful": frozenset([Change(SPOT, LeverState(128, 50.0), LeverState(0, 0.0))]),
}
HEALTH: dict[str, Any] = {
    "verdict": Verdict.DOWN,
    "since": TIME + 1,
    "failures": 3,
    "successes": 1,
    "first_failure_at": TIME + 2,
    "first_success_at": TIME + 3,
    "last_result_at": TIME + 4,
    "last_failure": "refused",
    "latency_s": 0.02,
    "certificate_ends_at": None,
    "address": "192.0.2.1:443",
    "answers": 70,
    "usual_latency_s": 0.03,
    "bad_ratio": 0.1,
    "not_run": "no route from here",
    "not_run_since": TIME + 5,
    "no_route_since": TIME + 6,
    "addresses": AddressCounts(3, 3, 3, 2),
}


def numbers(data: object) -> list[float]:
    """All numbers in JSON data, in order."""
    if isinstance(data, dict):
        return [n for value in data.values() for n in numbers(value)]
    if isinstance(data, list):
        return [n for value in data for n in numbers(value)]
    return [data] if isinstance(data, int | float) and not isinstance(data, bool) else []


def test_the_examples_have_every_field() -> None:
    """A new field must be told to be a time, or not."""
    assert MEMORY.keys() == {field.name for field in fields(ServiceMemory)}
    assert HEALTH.keys() == set(HealthState._fields)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (ServiceMemory(**MEMORY), memory_with_times(ServiceMemory(**MEMORY), lambda t: t + 7)),
        (HealthState(**HEALTH), health_with_times(HealthState(**HEALTH), lambda t: t + 7)),
    ],
    ids=["memory", "health"],
)
def test_every_time_is_converted_and_nothing_else(before: object, after: object) -> None:
    """By the numbers in its JSON."""
    was, became = numbers(EXACT(before)), numbers(EXACT(after))

    assert became == [n + 7 if n >= TIME else n for n in was]
    assert sum(n >= TIME for n in was) == len({n for n in was if n >= TIME})


@given(
    SERVICE_MEMORIES,
    st.integers(0, 100_000),
    st.integers(0, 10**9),
    st.integers(-(10**9), 10**9),
)
def test_what_is_kept_comes_back_by_its_age(
    memory: ServiceMemory, away_s: int, zero_ms: int, other_zero_ms: int
) -> None:
    """Through JSON, into a process whose monotonic clock began elsewhere: every age grows by the
    time away, to the microsecond."""
    before = Dating(NOON, 1_000.0 + zero_ms / 1000)
    shift = zero_ms / 1000
    present = memory_with_times(memory, lambda t: t + shift)
    text = as_text(EXACT(memory_with_times(present, before.date)))
    now = other_zero_ms / 1000
    after = Dating(NOON + before.now + away_s - now, now)
    read = memory_with_times(decoded(ServiceMemory, json.loads(text)), after.time)

    def aged(memory: ServiceMemory, now: float) -> ServiceMemory:
        return memory_with_times(memory, lambda t: round(min(OLDEST_S, now - t), 3))

    assert aged(read, after.now) == aged(present, before.now - away_s) or away_s > 0
    expected = aged(memory_with_times(present, lambda t: t - away_s), before.now)
    assert aged(read, after.now) == expected


@given(st.floats(-1e9, 1e9), st.floats(-1e12, 1e12), st.floats(0, 1e9))
def test_no_age_is_negative_nor_greater_than_the_oldest(
    offset_s: float, date: float, now: float
) -> None:
    """Whatever the date was set to."""
    time = Dating(offset_s, now).time(date)

    assert now - OLDEST_S <= time <= now


def test_a_new_process_begins_anew_to_steer() -> None:
    """The start-up guard counts from its start; everything else goes on."""
    kept = ServiceMemory(**MEMORY)

    resumed = resumed_memory(kept, ServiceMemory(since=5.0))

    assert resumed == replace(kept, since=5.0, begun=False)


@pytest.mark.parametrize(
    ("set_back_s", "age_s"), [(0.0, 20.0), (10.0, 10.0), (3600.0, OLDEST_S), (-86400.0, 86420.0)]
)
def test_a_date_that_was_set_back_makes_no_result_fresh(set_back_s: float, age_s: float) -> None:
    """What lies in the future by the date has an unknown age; a date set forward makes it older."""
    kept = health_with_times(HealthState(**HEALTH), Dating(NOON, TIME + 10).date)
    dating = Dating(NOON - set_back_s, TIME + 24)

    state = resumed_health(kept, dating)

    assert state.last_result_at == dating.now - age_s
    assert state.verdict is Verdict.DOWN
    assert state.first_failure_at is not None
    assert state.first_failure_at <= dating.now


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"flaps": {"eu-west-1": FlapDamping(2.0, TIME + 99, down=True, damped=True)}}, True),
        ({"flaps": {"eu-west-1": FlapDamping(2.6, TIME + 99, down=True, damped=True)}}, False),
        ({"flaps": {"eu-west-1": FlapDamping(2.0, TIME + 99, down=False, damped=True)}}, False),
        ({"flaps": {}}, False),
        ({"batches": (TIME + 8,)}, False),
        ({"drains": {}}, False),
        ({"learned_at": TIME + 99}, True),
        ({"learned_at": TIME + 99, "nearest": {}}, False),
        ({"since": TIME}, False),
        ({}, True),
    ],
)
def test_a_memory_is_written_when_decisions_could_differ(
    change: dict[str, Any], same: bool
) -> None:
    """A penalty that only faded is the same penalty."""
    assert is_same_memory(ServiceMemory(**MEMORY), ServiceMemory(**{**MEMORY, **change})) is same


@pytest.mark.parametrize(
    ("before", "change", "same"),
    [
        ({}, {"last_result_at": TIME + 9, "failures": 9, "last_failure": "silent"}, True),
        ({}, {"successes": 2}, False),
        ({}, {"verdict": Verdict.UP}, False),
        ({}, {"first_failure_at": TIME}, False),
        ({"verdict": Verdict.UP, "failures": 0, "answers": 900}, {"answers": 901}, True),
        ({"verdict": Verdict.UP, "failures": 0}, {"successes": 2}, True),
        ({"verdict": Verdict.UP, "failures": 0, "answers": 5}, {"answers": 6}, False),
        ({"verdict": Verdict.UP, "failures": 1}, {"failures": 2}, False),
    ],
)
def test_health_is_written_when_hysteresis_would_differ(
    before: dict[str, Any], change: dict[str, Any], same: bool
) -> None:
    """Not for each failure of what is down, nor for each answer of what is up."""
    kept = HealthState(**{**HEALTH, **before})

    assert is_same_health(kept, kept._replace(**change), HealthSettings()) is same
