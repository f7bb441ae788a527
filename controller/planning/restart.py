"""Values across a restart: their times as dates, and what the next process may make of them.

A process's monotonic times mean nothing to the next one, so they are kept as dates (seconds since
1970, to the microsecond) and converted back when they are read. The date may have been set
meanwhile: then an age is wrong, but never negative, and never more than `OLDEST_S`, which is older
than anything that is remembered counts.

Worked example: kept at 12:00:00, when the monotonic clock showed 500 s, a drain of 480 s has the
date 11:59:40. The next process reads it at 12:01:00, when its clock shows 7 s: the drain was 80 s
ago, at -73 s. Had the date been set back to 11:30, the drain would count as of now: at 7 s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from controller.model.configuration import HealthSettings
from controller.model.health import HealthState, Verdict
from controller.model.memory import FlapDamping, ServiceMemory

K = TypeVar("K")
Convert = Callable[[float], float]
"""Converts one time."""
OLDEST_S = 30 * 86400.0
"""The greatest age that a kept time may have."""
VERDICTS_KEPT_S = 3600.0
"""Seconds without a daemon after which what it believed of endpoints is forgotten: hysteresis then
begins anew, and the first answer makes no verdict."""
_DATE_JUMPED_S = 1.0


@dataclass(frozen=True, slots=True)
class Dating:
    """Converts monotonic seconds to dates and back: `date = time + offset_s`."""

    offset_s: float
    now: float
    """Monotonic seconds."""

    def date(self, time: float) -> float:
        """The date of a monotonic time, in seconds since 1970."""
        return round(time + self.offset_s, 6)

    def time(self, date: float) -> float:
        """The monotonic time of a date: `now - OLDEST_S <= time <= now`."""
        time = round(date - self.offset_s, 6)
        return max(self.now - OLDEST_S, min(time, self.now))

    def is_ahead(self, date: float) -> bool:
        """Whether a date that has passed is in the future: the clock was set back since."""
        return date - self.offset_s > self.now + _DATE_JUMPED_S

    def differs(self, other: Dating) -> bool:
        """Whether the date was set, or the machine suspended, between the two."""
        return abs(self.offset_s - other.offset_s) > _DATE_JUMPED_S


def memory_with_times(memory: ServiceMemory, convert: Convert) -> ServiceMemory:
    """A service's memory with every time converted."""
    return replace(
        memory,
        since=convert(memory.since),
        panic=_optional(memory.panic, convert),
        drift_since=_values(memory.drift_since, convert),
        reasserted=_values(memory.reasserted, convert),
        last_rise=_values(memory.last_rise, convert),
        aborted=_values(memory.aborted, convert),
        batches=tuple(map(convert, memory.batches)),
        emergencies=tuple(map(convert, memory.emergencies)),
        drains=_values(memory.drains, convert),
        learned_at=_optional(memory.learned_at, convert),
        flaps={r: replace(flaps, at=convert(flaps.at)) for r, flaps in memory.flaps.items()},
    )


def resumed_memory(kept: ServiceMemory, present: ServiceMemory) -> ServiceMemory:
    """An earlier process's memory as this process's: it begins anew to steer the service.

    A panic lasts from the start on, for nobody looked meanwhile. `present`: what this process
    remembers of the service so far.
    """
    panic = None if kept.panic is None else max(kept.panic, present.since)
    return replace(kept, since=present.since, begun=present.begun, panic=panic)


def is_same_memory(kept: ServiceMemory, present: ServiceMemory) -> bool:
    """Whether decisions would be the same: penalties that only faded are, and what was learned
    anew from no new reports."""
    are_flaps_same = kept.flaps.keys() == present.flaps.keys() and all(
        _has_only_faded(kept.flaps[region], flaps) for region, flaps in present.flaps.items()
    )
    alike = replace(kept, flaps=present.flaps, learned_at=present.learned_at)
    return are_flaps_same and alike == present


def health_with_times(state: HealthState, convert: Convert) -> HealthState:
    """An endpoint's health with every time converted."""
    return state._replace(
        since=convert(state.since),
        first_failure_at=_optional(state.first_failure_at, convert),
        first_success_at=_optional(state.first_success_at, convert),
        last_result_at=_optional(state.last_result_at, convert),
        not_run_since=_optional(state.not_run_since, convert),
        no_route_since=_optional(state.no_route_since, convert),
    )


def resumed_health(kept: HealthState, dating: Dating) -> HealthState:
    """An earlier process's belief: hysteresis goes on from it with the first result.

    Until then it is as old as its last result, and so unknown when that is not fresh; when the date
    was set back its age is not known. What an earlier process could not ask says nothing of this
    one, which finds the name's addresses itself.
    """
    state = health_with_times(kept, dating.time)._replace(
        not_run="", not_run_since=None, no_route_since=None, addresses=None
    )
    if kept.last_result_at is not None and dating.is_ahead(kept.last_result_at):
        return state._replace(last_result_at=dating.now - OLDEST_S)
    return state


def is_same_health(kept: HealthState, present: HealthState, limits: HealthSettings) -> bool:
    """Whether hysteresis would go on in the same way.

    Further failures of what is down, and further answers of what is up, change nothing.
    """
    return _material(kept, limits) == _material(present, limits)


def _material(state: HealthState, limits: HealthSettings) -> tuple[object, ...]:
    is_up = state.verdict is Verdict.UP
    is_steady = is_up and not state.failures
    bad = state.bad_ratio / limits.gray.bad_ratio if is_up else 0.0
    return (
        state.verdict,
        state.since,
        min(state.failures, limits.down_after),
        state.first_failure_at,
        0 if is_steady else state.successes,
        min(state.answers, limits.gray.over_probes) if is_steady else 0,
        round(4 * bad),
    )


def _has_only_faded(kept: FlapDamping, present: FlapDamping) -> bool:
    return (kept.down, kept.damped) == (present.down, present.damped) and (
        present.penalty <= kept.penalty
    )


def _optional(time: float | None, convert: Convert) -> float | None:
    return None if time is None else convert(time)


def _values(times: Mapping[K, float], convert: Convert) -> dict[K, float]:
    return {key: convert(time) for key, time in times.items()}
