"""The faults by their names: what each does, which parameters it takes, and their checking.

Codes and rates follow AWS's documentation and are named where they are used (fault_layer.py,
throttling.py, hands.py). Nothing here does harm yet.
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
class Kind:
    """One fault: its summary for people, the parameters it takes, and those it needs."""

    summary: str
    takes: frozenset[str]
    needs: frozenset[str] = frozenset()
    defaults: Mapping[str, Any] = field(default_factory=dict)


_ENDS = frozenset({"for_s"})
_CALLS = _ENDS | {"times", "service", "region", "operation"}
_LEAF = frozenset({"record", "set_identifier"})

KINDS: Mapping[str, Kind] = {
    "throttle": Kind("calls beyond the account's rate are refused; with times, all calls", _CALLS),
    "error-5xx": Kind("calls end in a server error and are not applied", _CALLS),
    "latency": Kind("answers come late", _CALLS | {"seconds"}, defaults={"seconds": 1.0}),
    "hang": Kind("calls are never answered and not applied", _CALLS),
    "drop": Kind("connections break before anything is applied", _CALLS),
    "reply-lost": Kind(
        "writes are applied, then the connection breaks", _CALLS, defaults={"operation": _WRITES}
    ),
    "late": Kind(
        "writes are never answered and applied much later",
        _CALLS | {"seconds"},
        defaults={"operation": _WRITES, "seconds": 60.0, "times": 1},
    ),
    "gone": Kind(
        "AWS refuses connections; with a service or region, only that is gone (503)",
        _ENDS | {"service", "region"},
    ),
    "prior-request": Kind(
        "Route 53 takes no change while an earlier one of the zone is PENDING",
        _ENDS | {"times"},
        defaults={"service": "route53", "operation": "ChangeResourceRecordSets"},
    ),
    "transaction": Kind(
        "Global Accelerator takes no change while an earlier one is IN_PROGRESS",
        _ENDS | {"times"},
        defaults={"service": "globalaccelerator", "operation": _WRITES},
    ),
    "page-error": Kind(
        "listings fail after their first page", _CALLS, defaults={"operation": _LISTINGS}
    ),
    "small-pages": Kind(
        "listings come in pages of a few items",
        _CALLS | {"items"},
        defaults={"operation": _LISTINGS, "items": 5},
    ),
    "hand-edit": Kind(
        "somebody gives a weighted record another weight", _LEAF | {"weight"}, frozenset({"weight"})
    ),
    "delete-record": Kind("somebody deletes a weighted record until the fault ends", _ENDS | _LEAF),
    "empty-zone": Kind("somebody deletes every record until the fault ends", _ENDS),
    "other-controller": Kind(
        "something else gives a weighted record its own weight again and again",
        _ENDS | _LEAF | {"weight"},
        frozenset({"weight"}),
    ),
}
"""Every fault there is."""


@dataclass(frozen=True, slots=True)
class FaultSpec:
    """What goes wrong, where, and for how long; what is None is not limited."""

    name: str
    service: str | None = None
    region: str | None = None
    operation: str | None = None
    """A pattern for the operation's whole name."""
    for_s: float | None = None
    times: int | None = None
    """How many calls it strikes."""
    seconds: float | None = None
    """How late: of `latency` the answer, of `late` the write."""
    items: int | None = None
    record: str | None = None
    """Name of a record; None: the first weighted one."""
    set_identifier: str | None = None
    weight: int | None = None


def spec_from(parameters: Mapping[str, object]) -> FaultSpec:
    """The fault that is asked for; SandboxError names what is wrong and what is possible."""
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
    """The limits that are set."""
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
}
