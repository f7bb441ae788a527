"""Values of the model as JSON, by one rule for all of them.

Dataclasses and named tuples become objects, mappings objects with text keys, sequences lists,
enumerations their values, times ISO 8601 in UTC with a final Z.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from enum import Enum
from functools import cache
from typing import Any

from aiohttp import web
from pydantic import BaseModel


def plain(value: object) -> object:
    """The value in terms of dict, list, str, int, float, bool and None."""
    kind: Any = type(value)
    return value if kind in _AS_IT_IS else _rule(kind)(value)


_AS_IT_IS = frozenset({str, int, float, bool, type(None)})


@cache
def _rule(kind: type) -> Callable[[Any], object]:
    """How values of this type become plain; there are as many as types that are answered."""
    if issubclass(kind, Enum):
        return lambda value: value.value
    if issubclass(kind, datetime):
        return iso
    if issubclass(kind, date):
        return lambda value: value.isoformat()
    if (names := _names(kind)) is not None:
        return lambda value: {name: plain(getattr(value, name)) for name in names}
    if issubclass(kind, Mapping):
        return lambda value: {str(key): plain(item) for key, item in value.items()}
    if issubclass(kind, tuple | list | set | frozenset):
        return lambda value: [plain(item) for item in value]
    return lambda value: value


def _names(kind: type) -> tuple[str, ...] | None:
    """The fields of what becomes an object; None for every other type."""
    if issubclass(kind, BaseModel):
        return tuple(kind.model_fields)
    if is_dataclass(kind):
        return tuple(field.name for field in fields(kind))
    if issubclass(kind, tuple):
        return getattr(kind, "_fields", None)
    return None


def iso(at: datetime) -> str:
    """`2026-06-01T12:00:00.000Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def answer(
    body: object, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """A JSON response that a person with curl can read too."""
    text = json.dumps(plain(body), ensure_ascii=False, allow_nan=False)
    return web.Response(
        text=text + "\n", status=status, headers=headers, content_type="application/json"
    )
