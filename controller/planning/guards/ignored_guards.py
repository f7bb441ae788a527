"""Guards that orders name, so that these do not hold what is ordered."""

from __future__ import annotations

from controller.model.decision import Snapshot


def ignored_guards(snapshot: Snapshot, service: str, pool: str) -> frozenset[str]:
    """The guards that users' orders for this pool name, to be ignored."""
    regions = snapshot.settings.services[service].pools[pool].regions
    return frozenset(
        name
        for override in snapshot.overrides
        if override.applies_to(service, pool=pool) and override.region in regions
        for name in override.ignore_guards
    )
