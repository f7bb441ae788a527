"""Gray failure: a region that answers, but badly, has less usable capacity.

Each vantage point keeps the ratio of an endpoint's bad probes, those that failed or were far slower
than its own baseline (`planning.health.hysteresis`); the majority's steps count. A few bad probes
in sixty are too weak a reason to empty a region, so its usable capacity falls in steps and never to
0; placement then spills what does not fit. A step is left at half the ratio that reached it.

Worked example with `gray.bad_ratio` 5 %, one vantage point, probe after probe:

    bad probes        4 %    6 %    16 %   8 %    7 %    2 %
    steps              0      1      2      2      1      0
    usable capacity   100 %   75 %   50 %   50 %   75 %  100 %

Step 1 is reached at 5 % and left below 2.5 %; step 2 is reached at 15 % and left below 7.5 %.

Addresses of its name that are down degrade an endpoint likewise, at once: users come to all of them
alike, so no more of the capacity counts than the part of the addresses that is not down. 1 of 4
down: 75 %; 1 of 3 or 1 of 2: 50 %; 2 of 3: 25 %.
"""

from __future__ import annotations

from collections.abc import Collection

from controller.model.configuration import GrayFailureSettings
from controller.model.health import AddressCounts, HealthState, Verdict
from controller.planning.health.hysteresis import slow_threshold_s

STEPS = ((1, 0.75), (3, 0.5), (8, 0.25))
"""Of each step: the multiple of `gray.bad_ratio` that reaches it, and the usable capacity."""
_RECOVERS_AT = 0.5
"""Part of the ratio that reached a step below which the step is left."""
_UP = Verdict.UP


def degraded_steps(state: HealthState, before: int, limits: GrayFailureSettings) -> int:
    """Steps, 0 to 3, by which one vantage point's state degrades a region; `before`: until now."""
    by_probes = _steps_of_bad_probes(state, before, limits)
    if state.addresses is None or state.verdict is not _UP:
        return by_probes
    return max(by_probes, _steps_of_addresses(state.addresses))


def _steps_of_addresses(counts: AddressCounts) -> int:
    """The fewest steps after which no more is usable than the addresses that are not down."""
    if not counts.down:
        return 0
    well = 1 - counts.down / counts.fresh
    return next((n for n, (_, usable) in enumerate(STEPS, 1) if usable <= well), len(STEPS))


def _steps_of_bad_probes(state: HealthState, before: int, limits: GrayFailureSettings) -> int:
    if state.verdict is not _UP or state.answers < limits.over_probes:
        return 0 if state.verdict is Verdict.DOWN else min(before, len(STEPS))
    if not before and state.bad_ratio < limits.bad_ratio:
        return 0
    found = 0
    for index, (multiple, _) in enumerate(STEPS, 1):
        threshold = multiple * limits.bad_ratio * (_RECOVERS_AT if index <= before else 1.0)
        if state.bad_ratio >= threshold:
            found = index
    return found


def majority_steps(
    states: Collection[HealthState], quorum: int, before: int, limits: GrayFailureSettings
) -> int:
    """Steps that at least `quorum` of an endpoint's states, one per vantage point, reach.

    `before`: the steps until now; they stay with fewer states than `quorum`.
    """
    steps = sorted([degraded_steps(state, before, limits) for state in states], reverse=True)
    return steps[quorum - 1] if len(steps) >= quorum else before


def usable_fraction(steps: int) -> float:
    """The usable part of a region's capacity, 0 to 1, after so many steps."""
    return STEPS[steps - 1][1] if steps else 1.0


def describe_addresses(counts: AddressCounts) -> str:
    """The addresses of a name in one line: how many are down, and which; empty if there is no more
    to say than that all answer."""
    parts = []
    if counts.down:
        more = ", …" if counts.down > len(counts.failing) else ""
        named = ", ".join(counts.failing)
        parts.append(f"{counts.down} of {counts.fresh} addresses fail: {named}{more}")
    if counts.probed < counts.known:
        parts.append(f"{counts.probed} of its {counts.known} addresses are probed")
    if counts.silent_families:
        families = " and ".join(counts.silent_families)
        parts.append(f"nothing answers over {families} from here, such addresses do not count")
    elif 0 < counts.fresh < counts.probed:
        parts.append(
            f"{counts.probed - counts.fresh} of {counts.probed} addresses not asked lately"
        )
    return "; ".join(parts)


def describe_bad_probes(state: HealthState, limits: GrayFailureSettings) -> str:
    """An endpoint's bad probes in one line."""
    return (
        f"{state.bad_ratio:.0%} of the last {limits.over_probes} probes failed or took more than "
        f"{slow_threshold_s(state.usual_latency_s, limits) * 1000:.0f} ms"
    )
