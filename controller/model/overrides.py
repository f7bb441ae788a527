"""Overrides: standing orders of an operator."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class OverrideKind(StrEnum):
    """What an operator may order.

    `drain`: planned; a region's share goes to zero if the other regions can carry it.
    `failover`: the region counts as down; only the guards of an emergency apply.
    `pin`: a region carries a stated share while it is up, if it and the other regions can.
    `freeze`: nothing is changed; probing and deciding go on.
    """

    DRAIN = "drain"
    FAILOVER = "failover"
    PIN = "pin"
    FREEZE = "freeze"


OverrideTarget = tuple[OverrideKind, str | None, str | None, str | None]
"""Kind, service, pool and region of an override."""


@dataclass(frozen=True, slots=True)
class Override:
    """One standing order, with author, reason and expiry.

    Invariants: `created_at < expires_at`; `region is None == (kind is FREEZE)`;
    `pool is None or service is not None`;
    `share is None == (kind is not PIN)`; `share is None or 0 < share <= 1`.
    """

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
    """Names of the guards that the order overrides."""
    pool: str | None = None
    """None: every pool of the service."""
    share: float | None = None
    """Share of each pool's traffic that a pin orders (behind an accelerator: dial / 100)."""

    @property
    def fault(self) -> str:
        """What contradicts the invariants (the times excepted); empty: nothing."""
        if (self.region is None) != (self.kind is OverrideKind.FREEZE):
            return (
                f"it is a {self.kind.value} {'without' if self.region is None else 'of'} a region"
            )
        if self.pool is not None and self.service is None:
            return "it names a pool and no service"
        if (self.share is None) != (self.kind is not OverrideKind.PIN):
            return (
                f"it is a {self.kind.value} {'without' if self.share is None else 'with'} a share"
            )
        if self.share is not None and not _is_share(self.share):
            return f"its share is {self.share!r}, no number above 0 up to 1"
        return ""

    @property
    def target(self) -> OverrideTarget:
        """What is ordered where. A new override replaces an older one with the same target."""
        return (self.kind, self.service, self.pool, self.region)

    def applies_to(self, service: str, region: str | None = None, *, pool: str) -> bool:
        """Whether the override applies to this pool, and to this region if one is given."""
        return (
            self.service in (None, service)
            and self.pool in (None, pool)
            and (region is None or self.region == region)
        )


def _is_share(share: object) -> bool:
    return isinstance(share, int | float) and 0 < share <= 1


@dataclass(frozen=True, slots=True)
class OverrideRequest:
    """An order before it is accepted; the fields mean the same as those of `Override`."""

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
    def target(self) -> OverrideTarget:
        """What is ordered where."""
        return (self.kind, self.service, self.pool, self.region)
