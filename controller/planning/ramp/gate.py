"""The gate of a ramp: whether a region that gets traffic back may take its next step.

A step has succeeded when users arrived as predicted and the region stayed healthy; AWS's answer to
the write is not enough. Steps back are `ramp.step_gap_s` apart like steps up, because measurements
lag behind. Without user reports time alone decides. Users who never arrive (behind resolvers that
ignore the TTL) are waited for at most `ramp.look_for_s`.

Worked example of a whole ramp: `planning.ramp.steps`.
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
    """What one region may do next: rise by a step, wait, or step back. `wait_s >= 0`."""

    action: Literal["rise", "wait", "step_back"]
    why: str = ""
    wait_s: float = 0.0
    """Seconds until time alone may change the action."""


def ramp_gate(
    snapshot: Snapshot, position: Position, before: Shares, health: RegionHealth
) -> RampGate:
    """The gate of a region that is to rise in a pool, or that is returning.

    `before`: the pool's present shares.
    """
    memory, limits = snapshot.memory.of(position.service), snapshot.settings.ramp
    measured = snapshot.measured.get((position.service, position.pool), {})
    share = before.get(position.region, 0.0)
    since_back_s = snapshot.now - memory.aborted.get(position, float("-inf"))
    trouble = _trouble(snapshot, health, measured.get(position.region))
    if trouble and share > 0 and since_back_s >= limits.step_gap_s:
        return RampGate("step_back", trouble, limits.step_gap_s)
    if trouble:
        left_s = max(0.0, limits.step_gap_s - since_back_s) or limits.step_gap_s
        return RampGate("wait", trouble, left_s)
    if since_back_s < limits.retry_after_s:
        left_s = limits.retry_after_s - since_back_s
        return RampGate("wait", f"went back lately, tried again in {left_s:.0f} s", left_s)
    since_rise_s = snapshot.now - memory.last_rise.get(position, float("-inf"))
    if since_rise_s < limits.step_gap_s:
        left_s = limits.step_gap_s - since_rise_s
        return RampGate("wait", f"next step in {left_s:.1f} s", left_s)
    missing_users = _missing_users(snapshot, position, share, measured)
    if share > 0 and missing_users and since_rise_s < limits.look_for_s:
        return RampGate("wait", missing_users, limits.step_gap_s)
    return RampGate("rise", f"next step in {limits.step_gap_s:.1f} s", limits.step_gap_s)


def _trouble(snapshot: Snapshot, health: RegionHealth, measured: MeasuredShare | None) -> str:
    """Why the region does not carry its traffic well; empty when it does."""
    limits = snapshot.settings.ramp
    if health.usable < 1:
        return f"degraded: {health.why}"
    if measured is not None and measured.requests >= limits.min_requests:
        ratio = measured.errors / measured.requests
        if ratio > limits.max_error_ratio:
            return f"{measured.errors} of {measured.requests} measured requests failed there"
    return ""


def _missing_users(
    snapshot: Snapshot,
    position: Position,
    share: float,
    measured: Mapping[str, MeasuredShare],
) -> str:
    """Text when users differ from the predicted share by more than the tolerance; else empty.

    Empty as well with too few reports, and behind an accelerator, where shares are no prediction.
    """
    service = snapshot.settings.services[position.service]
    total = sum(seen.requests for seen in measured.values())
    if not lever_of(service).shares_add_up or total < snapshot.settings.ramp.min_requests:
        return ""
    seen = measured.get(position.region)
    arrived = seen.share if seen else 0.0
    if abs(arrived - share) * 100 <= snapshot.settings.ramp.tolerance_points:
        return ""
    return f"{percent(arrived)} of users arrived, {percent(share)} predicted"
