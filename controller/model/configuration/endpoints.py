"""Endpoints: what is probed in a region, and what counts as a good answer."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, NamedTuple
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, PlainValidator, StringConstraints, WithJsonSchema

from controller.model.configuration.base import (
    AbsolutePath,
    ConfigModel,
    PositiveSeconds,
    Text,
)
from controller.model.configuration.host_names import dns_name


class PlainSecretError(ValueError):
    """A value that may be a secret is where only a reference may be; do not show the value."""


def _probe_address(value: str) -> str:
    """The address unchanged, if it can be probed. Raises ValueError."""
    if "@" in value.partition("://")[2].partition("/")[0]:
        raise PlainSecretError("an address without user name and password; `headers` carries them")
    reason = _why_not_probeable(value)
    if reason:
        raise ValueError(f"an address to probe ({reason})")
    return value


def _why_not_probeable(address: str) -> str:
    """Why an address cannot be probed; empty if it can."""
    if any(character.isspace() for character in address):
        return "an address has no spaces"
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return "host and port cannot be read, as they can in http://[::1]:80/"
    if parts.scheme not in ("http", "https", "tcp"):
        return "a probe starts with http://, https:// or tcp://"
    if not parts.hostname:
        return "a probe names a host, as in tcp://192.0.2.1:9000"
    if "%" in parts.hostname and ":" in parts.hostname:
        return "an address has no zone such as %eth0"
    try:
        dns_name(parts.hostname)
    except ValueError as error:
        return str(error)
    if port == 0:
        return "a port is a number from 1 to 65535"
    if parts.scheme == "tcp" and (port is None or parts.path not in ("", "/")):
        return "a tcp probe is tcp://host:port, with nothing behind the port"
    return ""


def _virtual_host(value: str) -> str:
    """The host name unchanged. Raises ValueError."""
    try:
        dns_name(value)
    except ValueError as error:
        raise ValueError(f"a host name without scheme and port ({error})") from error
    return value


def _status_set(value: object) -> int | str:
    """The status, class or range unchanged. Raises ValueError."""
    if isinstance(value, int) and not isinstance(value, bool) and 100 <= value <= 599:
        return value
    if isinstance(value, str) and _STATUS_CLASS.fullmatch(value):
        return value
    ends = _STATUS_RANGE.fullmatch(value) if isinstance(value, str) else None
    if ends and 100 <= int(ends[1]) <= int(ends[2]) <= 599:
        return ends[0]
    raise ValueError("a status from 100 to 599, a class such as 2xx or a range such as 200-204")


def _secret_reference(value: object) -> str:
    """The reference unchanged. Raises PlainSecretError."""
    if isinstance(value, str) and _SECRET_REFERENCE.fullmatch(value):
        return value
    raise PlainSecretError("where a secret is found, env:NAME or file:/path, never the secret")


_STATUS_CLASS = re.compile("[1-5]xx")
_STATUS_RANGE = re.compile(r"(\d{3})-(\d{3})")
_SECRET_REFERENCE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|file:/\S+")
ProbeAddress = Annotated[
    str,
    AfterValidator(_probe_address),
    WithJsonSchema({"type": "string", "pattern": r"^(https?|tcp)://\S+$"}),
]
VirtualHost = Annotated[
    str, AfterValidator(_virtual_host), WithJsonSchema({"type": "string", "pattern": r"^[^\s/:]+$"})
]
StatusSet = Annotated[
    int | str,
    PlainValidator(_status_set),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 100, "maximum": 599},
                {"type": "string", "pattern": r"^([1-5]xx|[1-5]\d\d-[1-5]\d\d)$"},
            ]
        }
    ),
]
SecretReference = Annotated[
    str,
    PlainValidator(_secret_reference),
    WithJsonSchema({"type": "string", "pattern": f"^({_SECRET_REFERENCE.pattern})$"}),
]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9-]*$")]


class CertificateRules(StrEnum):
    """What is demanded of a chain of certificates."""

    COMPATIBLE = "compatible"
    STRICT = "strict"


class AddressRule(StrEnum):
    """How many of a name's addresses must be down for its endpoint to be down."""

    MOST = "most"
    """More than two thirds of those with a fresh result."""
    ANY = "any"
    ALL = "all"


class EndpointId(NamedTuple):
    """Identity of an endpoint among those of all services."""

    service: str
    region: str
    endpoint: str

    def __str__(self) -> str:
        return "/".join(self)


class Endpoint(ConfigModel):
    """One address that is probed to learn whether its region can serve users."""

    probe: ProbeAddress
    """Address to probe: `http://host:port/path`, `https://host/path` or `tcp://host:port`. It must
    lead to this region only, so never use the steered name."""
    required: bool = True
    """Whether the region counts as down when this endpoint is down."""
    host: VirtualHost | None = None
    """Host header and TLS server name. Default: the host of `probe`. Of both, a final dot is left
    out; names in other scripts are sent as browsers do (`xn--…`)."""
    headers: dict[HeaderName, SecretReference] = Field({})
    """HTTP header to where its secret value is found: `env:NAME` or `file:/path`. Read at the start
    and at every reload."""
    ca_file: AbsolutePath | None = None
    """PEM file with the certificates that an HTTPS probe trusts: of a root, of an intermediate
    authority, or of the server itself. Comments in it may have any encoding. Default: the system's
    authorities."""
    certificates: CertificateRules = Field(CertificateRules.COMPATIBLE, strict=False)
    """What is demanded of an HTTPS endpoint's chain, whatever Python runs the daemon. `compatible`:
    signatures, dates, name and authority, as browsers and curl demand; `strict`: the form of RFC
    5280 besides, such as critical basic constraints and key identifiers."""
    statuses: tuple[StatusSet, ...] = Field((200,), strict=False, min_length=1)
    """HTTP statuses that pass: codes (`200`), classes (`2xx`) and ranges (`200-204`). Redirects are
    not followed."""
    body_contains: Text | None = None
    """Text that the first 64 KiB of the response must contain. Default: any response passes."""
    interval_s: PositiveSeconds | None = None
    """Seconds between two probes. Default: `probing.interval_s`."""
    deadline_s: PositiveSeconds | None = None
    """Seconds after which a probe without an answer has failed. Default: `probing.deadline_s`."""
    addresses: Annotated[AddressRule, Field(strict=False)] | None = None
    """How many of the name's addresses must be down for the endpoint to be down: `most`, `any` or
    `all`. Default: `probing.addresses`."""
    keep_alive: bool = False
    """Probe over one connection that is kept open and renewed every minute. Costs much less CPU,
    and a process that dies is noticed at once. But a process that accepts no new connections may
    still answer on the open one. Latencies then exclude connecting."""

    def accepts(self, status: int) -> bool:
        """Whether an answer with this HTTP status passes."""
        return any(_contains(status_set, status) for status_set in self.statuses)


def _contains(status_set: int | str, status: int) -> bool:
    """Whether a code, class or range contains a status: `2xx` is `200-299`."""
    if isinstance(status_set, int):
        return status_set == status
    first, _, last = status_set.replace("xx", "00-").partition("-")
    return int(first) <= status <= int(last or int(first) + 99)
