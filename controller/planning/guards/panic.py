"""Panic: too many regions of a service turn suspect at once, so the probes are not believed.

Worked example: `panic_ratio` 0.5, three regions. Two of them turn suspect within the window: 2 is
more than 0.5 x 3, so a panic begins. It ends when no region is suspect any more,
or when at most one has been suspect for a whole window.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from controller.model.decision import Snapshot
from controller.model.health import RegionHealth, Verdict


def panic_at(snapshot: Snapshot, service: str, regions: Iterable[RegionHealth]) -> float | None:
    """When too many regions of a service were last suspect at once (seconds); None: no panic.

    A panic begins when more than `panic_ratio` of the regions turn suspect within the window. It
    lasts while more than that remain suspect, and for one window longer, because regions recover
    one after the other; it ends sooner when all are known and none is suspect. A service with one
    region never panics.

    Scope: the service. End: that window, a second source that agrees, or a user's failover.
    """
    limits, now, regions = snapshot.settings.guards, snapshot.now, list(regions)
    since = [region.suspect_since for region in regions]
    if len(since) < 2:
        return None
    suspect = [at for at in since if at is not None]
    limit = limits.panic_ratio * len(since)
    panic = snapshot.memory.of(service).panic
    if panic is not None:
        last = now if len(suspect) > limit else panic
        # After a restart or a pause nothing is suspect, until it was asked again.
        lasts = bool(suspect) or any(region.verdict is Verdict.UNKNOWN for region in regions)
        return last if lasts and now - last < limits.panic_window_s else None
    lately = [at for at in suspect if now - at <= limits.panic_window_s]
    return now if len(lately) > limit else None


def panic_detail(regions: Collection[RegionHealth]) -> str:
    """The text of a panic's hold, with its numbers."""
    suspect = sum(region.suspect_since is not None for region in regions)
    return (
        f"too many regions turned suspect at once, {suspect} of {len(regions)} are, and no second "
        "source agrees: left to AWS's own health checks"
    )
