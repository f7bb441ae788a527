"""Route-flap damping (RFC 2439): a region that keeps failing returns later and later.

Each failure adds 1 to a penalty that halves every half-life. Above `flapping.failures` the region
is damped, until its penalty is below 1. The limit is 3 by default, because 2 punished single events
(RFC 7196). Only the return is damped, never the drain, and only while some other region may serve
(`planning.eligibility`).

Worked example with a half-life of 900 s and a limit of 3: failures at 0, 60, 120 and 180 s make a
penalty of 3.74 at 180 s, which is above 3: damped. If it fails no more, the penalty is below 1
after log2(3.74) = 1.9 half-lives, 29 min later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import log2

from controller.model.configuration import FlappingSettings
from controller.model.decision import Snapshot
from controller.model.health import RegionHealth, Verdict
from controller.model.memory import FlapDamping

_REUSE_LIMIT = 1.0
"""Penalty below which a damped region may return."""
_MAX_PENALTY = 16.0
"""Penalty that further failures do not exceed. So a region that fails no more returns after at most
log2(16) = 4 half-lives: an hour by default. RFC 2439 has a maximum suppression time, too."""
_FORGOTTEN_BELOW = 0.05
"""Penalty below which a region that is not down is removed from the memory."""


def updated_flaps(
    snapshot: Snapshot, service: str, regions: Mapping[str, RegionHealth]
) -> dict[str, FlapDamping]:
    """Region to penalty as of now, this cycle's failure included; without those near 0."""
    limits, now = snapshot.settings.guards.flapping, snapshot.now
    known = snapshot.memory.of(service).flaps
    found = {
        region: _next(known.get(region), health, limits, now) for region, health in regions.items()
    }
    return {
        r: flaps for r, flaps in found.items() if flaps.down or flaps.penalty >= _FORGOTTEN_BELOW
    }


def reuse_wait_s(flaps: FlapDamping, limits: FlappingSettings) -> float:
    """Seconds until a damped region may return if it fails no more."""
    return max(0.0, log2(flaps.penalty / _REUSE_LIMIT)) * limits.half_life_s


def _next(
    known: FlapDamping | None, health: RegionHealth, limits: FlappingSettings, now: float
) -> FlapDamping:
    before = known or FlapDamping(0.0, now, down=False)
    faded: float = before.penalty * 0.5 ** (max(0.0, now - before.at) / limits.half_life_s)
    down = health.verdict is Verdict.DOWN or (before.down and health.verdict is Verdict.UNKNOWN)
    penalty = min(_MAX_PENALTY, faded + (1.0 if down and not before.down else 0.0))
    damped = penalty > limits.failures or (before.damped and penalty >= _REUSE_LIMIT)
    return replace(before, penalty=penalty, at=now, down=down, damped=damped)
