"""A person's standing instructions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class OverrideKind(StrEnum):
    """What a person may order.

    `drain`: planned; a region's share goes to zero if the others can carry it.
    `failover`: the region is treated as down; only the guards of an emergency bind.
    `pin`: a region carries a stated share while it is well, if it and the others can.
    `freeze`: nothing is changed; probing and deciding go on.
    """

    DRAIN = "drain"
    FAILOVER = "failover"
    PIN = "pin"
    FREEZE = "freeze"


Place = tuple[OverrideKind, str | None, str | None, str | None]
"""Kind, service, pool and region of an override."""


@dataclass(frozen=True, slots=True)
class Override:
    """One standing instruction with author, reason and expiry."""

    id: int
    kind: OverrideKind
    region: str | None
    """None for a freeze."""
    service: str | None
    """None: every service that has the region (a freeze: every service)."""
    author: str
    reason: str
    created_at: datetime
    expires_at: datetime
    ignore_guards: tuple[str, ...] = ()
    """Guards the person overrides by name."""
    pool: str | None = None
    """None: every pool of the service."""
    share: float | None = None
    """A pin's part of each pool's traffic, above 0 up to 1 (its dial behind an accelerator)."""

    @property
    def place(self) -> Place:
        """What it orders where; a newer one of the same place replaces it."""
        return (self.kind, self.service, self.pool, self.region)

    def concerns(self, service: str, region: str | None = None, *, pool: str) -> bool:
        """Whether it speaks of this pool, and of this region where one is given."""
        return (
            self.service in (None, service)
            and self.pool in (None, pool)
            and (region is None or self.region == region)
        )


@dataclass(frozen=True, slots=True)
class OverrideRequest:
    """What a person asks for, before it is accepted."""

    kind: OverrideKind
    author: str
    reason: str
    ttl_s: float
    region: str | None = None
    service: str | None = None
    ignore_guards: tuple[str, ...] = ()
    pool: str | None = None
    share: float | None = None

    @property
    def place(self) -> Place:
        """What it orders where."""
        return (self.kind, self.service, self.pool, self.region)
