"""The fast path of hysteresis: an endpoint that is up and answers as usual.

This is by far the most frequent result of a probe, and it changes only a few numbers. So it is
folded in place, which costs a fifth of a new `HealthState`. Every other result is for
`planning.health.hysteresis.advance`; both compute the same numbers, to the last bit.
"""

from __future__ import annotations

from typing import Self

from controller.model.configuration import GrayFailureSettings
from controller.model.health import HealthState, ProbeOutcome, ProbeResult, Verdict
from controller.planning.health.hysteresis import BASELINE_ANSWERS

# Python 3.11 looks up a member of an enumeration anew each time, which is slow for every probe.
_PASSED = ProbeOutcome.PASSED


class SteadyState:
    """The state of one steady endpoint, updated in place until `try_fold` returns False."""

    __slots__ = (
        "_address",
        "_answers",
        "_bad_ratio",
        "_base",
        "_certificate_ends_at",
        "_latency_s",
        "_over_probes",
        "_slow_factor",
        "_slow_least_s",
        "_usual_s",
        "last_result_at",
    )

    def __init__(
        self, base: HealthState, last_result_at: float, limits: GrayFailureSettings
    ) -> None:
        self._base = base
        self.last_result_at = last_result_at
        self._address = base.address
        self._certificate_ends_at = base.certificate_ends_at
        self._answers = base.answers
        self._latency_s = base.latency_s
        self._usual_s = base.usual_latency_s
        self._bad_ratio = base.bad_ratio
        self._over_probes = limits.over_probes
        self._slow_factor = limits.slow_factor
        self._slow_least_s = limits.slow_least_s

    @classmethod
    def of(cls, state: HealthState, limits: GrayFailureSettings) -> Self | None:
        """The fast path from this state; None unless it is up, without failures, not degraded.

        Nor may its last probe have been one that could not be run.
        """
        last = state.last_result_at
        is_steady = (
            state.verdict is Verdict.UP
            and not state.failures
            and not state.not_run
            and state.bad_ratio < limits.bad_ratio
        )
        return None if last is None or not is_steady else cls(state, last, limits)

    def try_fold(self, result: ProbeResult) -> bool:
        """Fold in a usual answer; False, and nothing changes, for any other result."""
        outcome, at, latency_s, _, certificate_ends_at, address, _ = result
        usual_s = self._usual_s
        # Slower than both parts of `hysteresis.slow_threshold_s`, once there is a baseline.
        is_slow = (
            latency_s > usual_s * self._slow_factor
            and latency_s > usual_s + self._slow_least_s
            and usual_s > 0.0
        )
        if (
            is_slow
            or outcome is not _PASSED
            or address is not self._address
            or certificate_ends_at is not self._certificate_ends_at
        ):
            return False
        self.last_result_at, self._latency_s = at, latency_s
        self._answers = answers = self._answers + 1
        self._usual_s = usual_s + (latency_s - usual_s) / (
            answers if answers < BASELINE_ANSWERS else BASELINE_ANSWERS
        )
        if self._bad_ratio:
            self._bad_ratio -= self._bad_ratio / self._over_probes
        return True

    def state(self) -> HealthState:
        """The same as a `HealthState`, as of the last result."""
        base = self._base
        new_answers = self._answers - base.answers
        if new_answers:
            self._base = base = base._replace(
                successes=base.successes + new_answers,
                last_result_at=self.last_result_at,
                latency_s=self._latency_s,
                answers=self._answers,
                usual_latency_s=self._usual_s,
                bad_ratio=self._bad_ratio,
            )
        return base
