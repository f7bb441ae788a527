"""The kinds of faults: names, parameters, and validation.

Codes and rates follow AWS's documentation and are named where they are used (layer.py,
throttling.py, manual_edits.py). This module applies no fault.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from controller.sandbox.errors import SandboxError

SERVICES = ("route53", "globalaccelerator")
_WRITES = "(Add|Change|Create|Delete|Remove|Update).*"
_LISTINGS = "List.*"


@dataclass(frozen=True, slots=True)
class FaultKind:
    """A kind of fault: its summary for users, its allowed and required parameters, defaults."""

    summary: str
    takes: frozenset[str]
    needs: frozenset[str] = frozenset()
    defaults: Mapping[str, Any] = field(default_factory=dict)


_DURATION = frozenset({"for_s"})
_CALLS = _DURATION | {"times", "service", "region", "operation"}
_RECORD = frozenset({"record", "set_identifier"})

KINDS: Mapping[str, FaultKind] = {
    "throttle": FaultKind(
        "calls beyond the account's rate are refused; with times, all calls", _CALLS
    ),
    "error-5xx": FaultKind("calls end in a server error and are not applied", _CALLS),
    "latency": FaultKind("answers come late", _CALLS | {"seconds"}, defaults={"seconds": 1.0}),
    "hang": FaultKind("calls are never answered and not applied", _CALLS),
    "drop": FaultKind("connections break before anything is applied", _CALLS),
    "reply-lost": FaultKind(
        "writes are applied, then the connection breaks", _CALLS, defaults={"operation": _WRITES}
    ),
    "late": FaultKind(
        "writes are never answered and applied much later",
        _CALLS | {"seconds"},
        defaults={"operation": _WRITES, "seconds": 60.0, "times": 1},
    ),
    "gone": FaultKind(
        "AWS refuses connections; with a service or region, only that is gone (503)",
        _DURATION | {"service", "region"},
    ),
    "prior-request": FaultKind(
        "Route 53 takes no change while an earlier one of the zone is PENDING",
        _DURATION | {"times"},
        defaults={"service": "route53", "operation": "ChangeResourceRecordSets"},
    ),
    "transaction": FaultKind(
        "Global Accelerator takes no change while an earlier one is IN_PROGRESS",
        _DURATION | {"times"},
        defaults={"service": "globalaccelerator", "operation": _WRITES},
    ),
    "page-error": FaultKind(
        "listings fail after their first page", _CALLS, defaults={"operation": _LISTINGS}
    ),
    "small-pages": FaultKind(
        "listings come in pages of a few items",
        _CALLS | {"items"},
        defaults={"operation": _LISTINGS, "items": 5},
    ),
    "deny": FaultKind(
        "AWS refuses the credentials; with accept, all but this access key id",
        _CALLS | {"accept"},
    ),
    "hand-edit": FaultKind(
        "somebody gives a weighted record another weight",
        _RECORD | {"weight"},
        frozenset({"weight"}),
    ),
    "delete-record": FaultKind(
        "somebody deletes a weighted record until the fault ends", _DURATION | _RECORD
    ),
    "empty-zone": FaultKind("somebody deletes every record until the fault ends", _DURATION),
    "other-controller": FaultKind(
        "something else gives a weighted record its own weight again and again",
        _DURATION | _RECORD | {"weight"},
        frozenset({"weight"}),
    ),
}
"""All kinds of faults by name."""


@dataclass(frozen=True, slots=True)
class FaultSpec:
    """A fault's name and parameters; None means no limit."""

    name: str
    service: str | None = None
    region: str | None = None
    operation: str | None = None
    """A regular expression for the operation's whole name."""
    for_s: float | None = None
    times: int | None = None
    """Number of calls that it affects."""
    seconds: float | None = None
    """Delay in seconds: of the answer for `latency`, of the write for `late`."""
    items: int | None = None
    record: str | None = None
    """Name of a record; None: the first weighted one."""
    set_identifier: str | None = None
    weight: int | None = None
    accept: str | None = None
    """The access key id that is still accepted."""


def spec_from(parameters: Mapping[str, object]) -> FaultSpec:
    """The fault of these parameters. Raises SandboxError, which says what is allowed."""
    given = dict(parameters)
    name = given.pop("name", None)
    kind = KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise SandboxError(f"no fault is called {name!r}", tuple(KINDS))
    for key in given:
        if key not in kind.takes:
            raise SandboxError(f"{name} takes no {key}", tuple(sorted(kind.takes)))
    for key in sorted(kind.needs - given.keys()):
        raise SandboxError(f"{name} needs {key}")
    for key, value in given.items():
        _CHECKS[key](key, value)
    return FaultSpec(**{"name": name, **kind.defaults, **given})


def to_json(spec: FaultSpec) -> dict[str, object]:
    """The parameters that are set, as JSON."""
    values = ((item.name, getattr(spec, item.name)) for item in fields(spec))
    return {name: value for name, value in values if value is not None}


def _text(key: str, value: object) -> None:
    if not isinstance(value, str) or not value:
        raise SandboxError(f"{key} must be a text, not {json.dumps(value)}")


def _service(key: str, value: object) -> None:
    if value not in SERVICES:
        raise SandboxError(f"no service {value!r} is emulated", SERVICES)


def _pattern(key: str, value: object) -> None:
    _text(key, value)
    try:
        re.compile(str(value))
    except re.error as error:
        raise SandboxError(f"{key} {value!r} is not a pattern: {error}") from None


def _seconds(key: str, value: object) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 < float(str(value)) <= 86_400:
        raise SandboxError(f"{key} must be a number above 0, up to 86400, not {json.dumps(value)}")


def _count(key: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise SandboxError(f"{key} must be a whole number from 1 up, not {json.dumps(value)}")


def _weight(key: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 255:
        raise SandboxError(f"{key} must be a whole number from 0 to 255, not {json.dumps(value)}")


_CHECKS = {
    "service": _service,
    "region": _pattern,
    "operation": _pattern,
    "for_s": _seconds,
    "times": _count,
    "seconds": _seconds,
    "items": _count,
    "record": _text,
    "set_identifier": _text,
    "weight": _weight,
    "accept": _text,
}
