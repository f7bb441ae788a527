"""Gray failure: a region that answers, but badly, can be counted on for less.

An endpoint's bad probes (failed, or far slower than its own baseline; `planning.health.hysteresis`)
are counted by every vantage point; the majority's view holds. A few bad probes in sixty are too
weak a reason to empty a region, so its usable capacity goes down in steps and never to zero;
placement then spills what does not fit. It recovers at half the part at which it was degraded.
"""

from __future__ import annotations

from collections.abc import Collection

from controller.model.configuration import GrayFailureSettings
from controller.model.health import HealthState, Verdict
from controller.planning.health.hysteresis import slow_threshold_s

STEPS = ((1, 0.75), (3, 0.5), (8, 0.25))
"""Multiples of `gray.bad_ratio`, and the part of its capacity that can then be counted on."""
_RECOVERS_AT = 0.5
_UP = Verdict.UP


def degraded_steps(state: HealthState, was: int, limits: GrayFailureSettings) -> int:
    """How many steps one vantage point's opinion degrades a region that stood at `was`."""
    if state.verdict is not _UP or state.answers < limits.over_probes:
        return 0 if state.verdict is Verdict.DOWN else min(was, len(STEPS))
    if not was and state.bad_ratio < limits.bad_ratio:
        return 0
    found = 0
    for index, (multiple, _) in enumerate(STEPS, 1):
        threshold = multiple * limits.bad_ratio * (_RECOVERS_AT if index <= was else 1.0)
        if state.bad_ratio >= threshold:
            found = index
    return found


def majority_steps(
    states: Collection[HealthState], quorum: int, was: int, limits: GrayFailureSettings
) -> int:
    """How many steps a region is degraded by one endpoint's states, one per vantage point.

    `was`: the steps until now.
    """
    levels = sorted([degraded_steps(state, was, limits) for state in states], reverse=True)
    return levels[quorum - 1] if len(levels) >= quorum else was


def usable_fraction(steps: int) -> float:
    """The part of a region's capacity that can be counted on when it is degraded so far."""
    return STEPS[steps - 1][1] if steps else 1.0


def describe_bad_probes(state: HealthState, limits: GrayFailureSettings) -> str:
    """The evidence in one line."""
    return (
        f"{state.bad_ratio:.0%} of the last {limits.over_probes} probes failed or took more than "
        f"{slow_threshold_s(state.usual_latency_s, limits) * 1000:.0f} ms"
    )
