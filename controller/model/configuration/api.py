"""The `api` section: where the admin API listens, its tokens and the limits of each caller."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated

from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema

from controller.model.access import Role
from controller.model.configuration.base import ConfigModel, HostName, Name

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def _date(value: object) -> date:
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass  # the 31st of a shorter month: the error below says what is allowed
    raise ValueError("a date such as 2027-01-31")


Day = Annotated[date, BeforeValidator(_date), WithJsonSchema({"type": "string", "format": "date"})]


class Token(ConfigModel):
    """One caller of the admin API, with the hash of the caller's secret token."""

    name: Name
    """Name of the caller, as the audit and the log show it."""
    role: Annotated[Role, Field(strict=False)]
    """`viewer`: read. `operator`: also give orders and report measured traffic. `admin`:
    everything."""
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    """SHA-256 of the token, in hex. `gtc token new` makes a token and prints its hash."""
    expires_at: Day | None = None
    """First day (UTC) on which the token is refused. Default: it never expires."""


class ApiLimits(ConfigModel):
    """Rate limits of one caller of the API (token buckets), so that no caller starves the others.

    A caller is a token's name, together with its address unless it calls from this machine.
    """

    writes_per_min: Annotated[float, Field(gt=0)] = 60
    """Orders per minute: overrides set, extended and ended."""
    writes_burst: Annotated[int, Field(ge=1)] = 30
    """Orders at once. The default covers an emergency: a few regions, each previewed and then
    ordered."""
    reads_per_s: Annotated[float, Field(gt=0)] = 50
    """Read requests per second, previews included. One that takes more than 5 ms or answers more
    than 64 kB counts as several."""
    reads_burst: Annotated[int, Field(ge=1)] = 200
    """Read requests at once."""
    measurements_per_s: Annotated[float, Field(gt=0)] = 100
    """Reports of measured traffic per second; of a longer one each 8 kB count as one."""
    measurements_burst: Annotated[int, Field(ge=1)] = 500
    """Reports of measured traffic at once."""
    connections: Annotated[int, Field(ge=10)] = 1000
    """Open connections of all callers; fewer where the process may open too few files. Above it the
    connection that was idle longest is closed."""


class ApiSettings(ConfigModel):
    """Where the admin API listens, and who may call it."""

    host: str = "127.0.0.1"
    """Address to listen on. Without tokens it must be a loopback address."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8640
    """TCP port. 0: any free port."""
    hosts: tuple[HostName, ...] = Field((), strict=False)
    """Host names that requests may use besides localhost and the API's own address. Requests with
    another Host header are refused, which protects against DNS rebinding."""
    tokens: tuple[Token, ...] = Field((), strict=False)
    """Tokens of the callers. Empty: every caller on this machine is admin."""
    limits: ApiLimits = ApiLimits()
    """Rate limits of each caller."""
