"""An endpoint that is up and goes on answering as usual: a few numbers change, and no more.

By far the commonest result of a probe, and the only one that moves nothing and wakes nobody. So it
is folded in place, which costs a fifth of what a new `HealthState` does. Whatever else happens is
for `planning.health.hysteresis.advance`; both reckon alike, to the last bit.
"""

from __future__ import annotations

from typing import Self

from controller.model.configuration import GrayFailureSettings
from controller.model.health import HealthState, ProbeOutcome, ProbeResult, Verdict
from controller.planning.health.hysteresis import BASELINE_ANSWERS

# Python 3.11 looks up a member of an enumeration anew each time, which is slow for every probe.
_PASSED = ProbeOutcome.PASSED


class SteadyState:
    """What is believed of one endpoint, until its `folds` says that it is steady no more."""

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
        """An endpoint that is not degraded, in this state; None: another answer may be news."""
        last = state.last_result_at
        is_steady = (
            state.verdict is Verdict.UP
            and not state.failures
            and state.bad_ratio < limits.bad_ratio
        )
        return None if last is None or not is_steady else cls(state, last, limits)

    def folds(self, result: ProbeResult) -> bool:
        """Fold in an answer like those before; False: it is not, and nothing is changed."""
        outcome, at, latency_s, _, certificate_ends_at, address = result
        usual_s = self._usual_s
        # Slower than both parts of `hysteresis.slow_from`, once something is usual.
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
        """What is believed, as of now."""
        base = self._base
        more = self._answers - base.answers
        if more:
            self._base = base = base._replace(
                successes=base.successes + more,
                last_result_at=self.last_result_at,
                latency_s=self._latency_s,
                answers=self._answers,
                usual_latency_s=self._usual_s,
                bad_ratio=self._bad_ratio,
            )
        return base
