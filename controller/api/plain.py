"""Values of the model as JSON, by one rule for all of them.

Dataclasses and named tuples become objects, mappings objects with text keys, sequences lists,
enumerations their values, times ISO 8601 in UTC with a final Z.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from enum import Enum

from aiohttp import web
from pydantic import BaseModel


def plain(value: object) -> object:
    """The value in terms of dict, list, str, int, float, bool and None."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, BaseModel):
        return {name: plain(getattr(value, name)) for name in type(value).model_fields}
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return plain(value._asdict())
    if isinstance(value, tuple | list | set | frozenset):
        return [plain(item) for item in value]
    return value


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
