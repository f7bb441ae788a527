"""Roles of the admin API's callers."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a caller may do: `viewer < operator < admin`, each includes the roles before it.

    `viewer`: read. `operator`: drain, fail over, pin, freeze, end every override but a freeze, and
    report measured traffic (which steers, too). `admin`: everything.
    """

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def covers(self, needed: Role) -> bool:
        """Whether this role includes the needed one."""
        order = tuple(Role)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated or anonymous caller."""

    name: str
    role: Role | None
    """None: only public requests are allowed."""

    def may(self, needed: Role | None) -> bool:
        """Whether the caller's role includes the needed one; None is needed for a public
        request."""
        return needed is None or (self.role is not None and self.role.covers(needed))


LOCAL_ADMIN = Principal("local", Role.ADMIN)
"""Every caller of a daemon without tokens, which listens to its own machine only."""
ANONYMOUS = Principal("anybody", None)
"""An unauthenticated caller."""
RESERVED_NAMES = frozenset({LOCAL_ADMIN.name, ANONYMOUS.name, "gtc", "preview"})
"""Actors of the audit that no token may be named after."""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address.

    Names other than localhost count as not loopback: their address depends on a resolver.
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
