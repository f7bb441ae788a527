"""Whether a region that gets traffic back may take its next step: time passed, and it went well.

A step is over when users arrived as predicted and the region stayed healthy, not when AWS said
yes. Steps back are as far apart as steps up: what is measured tells of the time before them. Where
nobody reports what users do, time alone decides. Users who never come (resolvers that ignore the
TTL) are not waited for beyond `ramp.look_for_s`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from controller.model.decision import Shares, Snapshot
from controller.model.health import RegionHealth
from controller.model.levers import Position
from controller.model.traffic import MeasuredShare
from controller.planning.levers.registry import lever_of
from controller.planning.shares import percent


@dataclass(frozen=True, slots=True)
class RampGate:
    """What one region may do next."""

    verdict: Literal["go", "wait", "back"]
    why: str = ""
    wait_s: float = 0.0
    """Seconds until time alone may change the verdict."""


def ramp_gate(
    snapshot: Snapshot, position: Position, before: Shares, health: RegionHealth
) -> RampGate:
    """The region's pace on its way up."""
    memory, limits = snapshot.memory.of(position.service), snapshot.settings.ramp
    measured = snapshot.measured.get((position.service, position.pool), {})
    seen = measured.get(position.region)
    share = before.get(position.region, 0.0)
    back_s = snapshot.now - memory.aborted.get(position, float("-inf"))
    trouble = _trouble(snapshot, health, seen)
    if trouble and share > 0 and back_s >= limits.step_gap_s:
        return RampGate("back", trouble, limits.step_gap_s)
    if trouble:
        return RampGate("wait", trouble, max(0.0, limits.step_gap_s - back_s) or limits.step_gap_s)
    if back_s < limits.retry_after_s:
        left_s = limits.retry_after_s - back_s
        return RampGate("wait", f"went back lately, tried again in {left_s:.0f} s", left_s)
    since_s = snapshot.now - memory.last_rise.get(position, float("-inf"))
    if since_s < limits.step_gap_s:
        left_s = limits.step_gap_s - since_s
        return RampGate("wait", f"next step in {left_s:.1f} s", left_s)
    behind = _behind(snapshot, position, share, measured)
    if share > 0 and behind and since_s < limits.look_for_s:
        return RampGate("wait", behind, limits.step_gap_s)
    return RampGate("go", f"next step in {limits.step_gap_s:.1f} s", limits.step_gap_s)


def _trouble(snapshot: Snapshot, health: RegionHealth, seen: MeasuredShare | None) -> str:
    """Why the region does not stand its traffic well; empty when it does."""
    limits = snapshot.settings.ramp
    if health.usable < 1:
        return f"degraded: {health.why}"
    if seen is not None and seen.requests >= limits.min_requests:
        ratio = seen.errors / seen.requests
        if ratio > limits.max_error_ratio:
            return f"{seen.errors} of {seen.requests} measured requests failed there"
    return ""


def _behind(
    snapshot: Snapshot,
    position: Position,
    share: float,
    measured: Mapping[str, MeasuredShare],
) -> str:
    """How far users are from where the last step sends them; empty when near, or nobody knows."""
    service = snapshot.settings.services[position.service]
    total = sum(seen.requests for seen in measured.values())
    if not lever_of(service).shares_add_up or total < snapshot.settings.ramp.min_requests:
        return ""
    seen = measured.get(position.region)
    arrived = seen.share if seen else 0.0
    if abs(arrived - share) * 100 <= snapshot.settings.ramp.tolerance_points:
        return ""
    return f"{percent(arrived)} of users arrived, {percent(share)} predicted"
