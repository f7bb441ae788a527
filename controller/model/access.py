"""Who may ask the admin API for what, and how much."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema

from controller.model.config_model import ConfigModel, HostName, Name

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class Role(StrEnum):
    """What a caller may do; each role may do what the ones before it may.

    `viewer`: look. `operator`: drain, fail over, pin, freeze, end all but freezes, and report what
    users do, which steers, too. `admin`: everything.
    """

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def covers(self, needed: Role) -> bool:
        """Whether this role may do what takes the other."""
        order = tuple(Role)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls."""

    name: str
    role: Role | None
    """None: nothing but what is public."""

    def may(self, needed: Role | None) -> bool:
        """Whether the caller's role covers the needed one; None is needed for what is public."""
        return needed is None or (self.role is not None and self.role.covers(needed))


LOCAL = Principal("local", Role.ADMIN)
"""Whoever reaches the API of a daemon without tokens, which listens to this machine only."""
ANYBODY = Principal("anybody", None)
"""Whoever has not said who they are."""
OWN_NAMES = frozenset({LOCAL.name, ANYBODY.name, "gtc", "preview"})
"""Actors that no token may pass for."""


def is_loopback(host: str) -> bool:
    """Whether only callers on this machine reach this address.

    A name is not trusted, but for localhost: where it leads is decided elsewhere.
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _date(value: object) -> date:
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass  # the 31st of a shorter month; the sentence below says what is allowed
    raise ValueError("a date such as 2027-01-31")


Day = Annotated[date, BeforeValidator(_date), WithJsonSchema({"type": "string", "format": "date"})]


class Token(ConfigModel):
    """Somebody who may call the admin API, known by the hash of a secret."""

    name: Name
    """Who it is, in the audit and in logs."""
    role: Annotated[Role, Field(strict=False)]
    """`viewer` looks, `operator` gives orders and reports, `admin` does everything."""
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    """SHA-256 of the token in hex; `gtc token new` makes both."""
    expires_at: Day | None = None
    """First day, in UTC, on which it is refused."""


class ApiLimits(ConfigModel):
    """How much one caller may ask, so that none keeps out the others.

    Each caller has buckets of its own, by name and, from elsewhere than this machine, by address.
    """

    writes_per_min: Annotated[float, Field(gt=0)] = 60
    """Orders a minute: overrides set, extended and ended."""
    writes_burst: Annotated[int, Field(ge=1)] = 30
    """Orders at once. An emergency is a handful of regions, each previewed and then ordered."""
    reads_per_s: Annotated[float, Field(gt=0)] = 50
    """Questions a second, previews among them."""
    reads_burst: Annotated[int, Field(ge=1)] = 200
    """Questions at once."""
    measurements_per_s: Annotated[float, Field(gt=0)] = 100
    """Reports of users' traffic a second."""
    measurements_burst: Annotated[int, Field(ge=1)] = 500
    """Reports at once."""
    connections: Annotated[int, Field(ge=10)] = 1000
    """Connections at once; above it, the one that has been idle longest is closed."""


class ApiSettings(ConfigModel):
    """Where the admin API listens, and who may call it."""

    host: str = "127.0.0.1"
    """Address to listen on. Without tokens only a loopback address is allowed."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8640
    """TCP port; 0 takes a free one."""
    hosts: tuple[HostName, ...] = Field((), strict=False)
    """Names, besides localhost and its own address, by which callers may call it."""
    tokens: tuple[Token, ...] = Field((), strict=False)
    """Who may call; empty: whoever is on this machine, as admin."""
    limits: ApiLimits = ApiLimits()
