"""Flap damping: a region that keeps failing is let back in later and later.

Each failure counts one and fades by half every half-life, as in route-flap damping (RFC 2439; the
limit of three is the caution of RFC 7196, two punished single events). Only the way back is damped,
never the way out, and nobody is kept out when nobody else could serve.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import log2

from controller.model.configuration import FlappingSettings
from controller.model.decision import Snapshot
from controller.model.health import RegionHealth, Verdict
from controller.model.memory import Flaps

_REUSE_LIMIT = 1.0
_MAX_PENALTY = 16.0
"""However often it failed, a region that fails no more is let in after four half-lives: an hour by
default, as in RFC 2439, where suppression has a longest time, too."""
_FORGOTTEN_BELOW = 0.05


def updated_flaps(
    snapshot: Snapshot, service: str, regions: Mapping[str, RegionHealth]
) -> dict[str, Flaps]:
    """Failures of each of a service's regions as of now, this cycle's included."""
    limits, now = snapshot.settings.guards.flapping, snapshot.now
    known = snapshot.memory.of(service).flaps
    found = {
        region: _next(known.get(region), health, limits, now) for region, health in regions.items()
    }
    return {key: one for key, one in found.items() if one.down or one.penalty >= _FORGOTTEN_BELOW}


def reuse_wait_s(one: Flaps, limits: FlappingSettings) -> float:
    """Seconds until a damped region is let in if it fails no more."""
    return max(0.0, log2(one.penalty / _REUSE_LIMIT)) * limits.half_life_s


def _next(known: Flaps | None, health: RegionHealth, limits: FlappingSettings, now: float) -> Flaps:
    before = known or Flaps(0.0, now, down=False)
    faded: float = before.penalty * 0.5 ** (max(0.0, now - before.at) / limits.half_life_s)
    down = health.verdict is Verdict.DOWN or (before.down and health.verdict is Verdict.UNKNOWN)
    penalty = min(_MAX_PENALTY, faded + (1.0 if down and not before.down else 0.0))
    damped = penalty > limits.failures or (before.damped and penalty >= _REUSE_LIMIT)
    return replace(before, penalty=penalty, at=now, down=down, damped=damped)
