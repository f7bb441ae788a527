"""Overrides as the API shows them."""

from __future__ import annotations

from datetime import datetime

from controller.api.dependencies import ApiDependencies
from controller.api.http.response_bodies import View
from controller.model.overrides import Override, OverrideKind
from controller.planning.guards.way_back import order_warnings
from controller.planning.void_orders import void_reason


class OverrideView(View):
    """A person's standing instruction."""

    id: int
    kind: OverrideKind
    region: str | None
    """Null for a freeze."""
    service: str | None
    """Null: every service."""
    pool: str | None
    """Null: every pool of the service."""
    share: float | None
    """A pin's part of each pool's traffic, its dial behind an accelerator; null for all others."""
    author: str
    """Who gave it: the caller, and in front of that whom the caller named."""
    reason: str
    created_at: datetime
    expires_at: datetime
    ignore_guards: tuple[str, ...]
    """Guards it overrides."""
    remaining_s: float
    """Seconds until it ends by itself; 0 once it has ended."""
    expires_soon: bool
    """Whether its end is announced: `overrides.announce_before_s` in the configuration."""
    void: str | None
    """Why it orders nothing now: what it speaks of is not configured; null: it is."""
    warnings: tuple[str, ...]
    """What it does not do (records that are not steered), or does for good, by the last cycle."""


def override_view(dependencies: ApiDependencies, override: Override) -> OverrideView:
    """The override with its remaining seconds; 0 when it is no longer active."""
    active_ids = [active.id for active in dependencies.overrides.active()]
    is_active = override.id in active_ids
    remaining_s = dependencies.overrides.remaining_s(override.id) if is_active else 0.0
    announce_s = dependencies.settings.overrides.announce_before_s
    return OverrideView(
        id=override.id,
        kind=override.kind,
        region=override.region,
        service=override.service,
        pool=override.pool,
        share=override.share,
        author=override.author,
        reason=override.reason,
        created_at=override.created_at,
        expires_at=override.expires_at,
        ignore_guards=override.ignore_guards,
        remaining_s=round(remaining_s, 1),
        expires_soon=0 < remaining_s <= announce_s,
        void=void_reason(override, dependencies.settings),
        warnings=_warnings(dependencies, override),
    )


def _warnings(dependencies: ApiDependencies, override: Override) -> tuple[str, ...]:
    latest = dependencies.reconciliation.latest
    return order_warnings(latest.snapshot, override) if latest else ()


def active_override_views(dependencies: ApiDependencies) -> tuple[OverrideView, ...]:
    """Every active override, oldest first."""
    active = dependencies.overrides.active()
    return tuple(override_view(dependencies, override) for override in active)
