"""Values of the model in terms of JSON: one encoder, in two forms.

Dataclasses, named tuples and pydantic models become objects, sequences lists, sets sorted lists,
enumerations their values. `EXACT` loses nothing: `controller.model.decoding` reads it back, whole
numbers stay whole and mappings keep their order. `SHOWN` is what the API and its live events show:
times in UTC to the millisecond, keys of mappings as text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from enum import Enum
from operator import attrgetter
from types import NoneType
from typing import Any

from pydantic import BaseModel

Encode = Callable[[Any], Any]
_ATOMS = frozenset((str, int, float, bool, NoneType))


class Encoder:
    """Makes values of the model into dict, list, str, int, float, bool and None.

    What encodes a type is found out once for each type, because snapshots are large.
    """

    def __init__(
        self, time: Callable[[datetime], str], mapping: Callable[[Encode, Any], Any]
    ) -> None:
        """`mapping` is given what encodes a member, and a mapping whose keys are not all text."""
        self._time = time
        self._mapping = mapping
        self._by_type: dict[type, Encode] = {}

    def __call__(self, value: object) -> Any:
        """The value in terms of JSON. Raises TypeError for one of no known kind."""
        kind = type(value)
        if kind in _ATOMS:
            return value
        encode = self._by_type.get(kind)
        if encode is None:
            encode = self._by_type[kind] = self._encoder_of(kind)
        return encode(value)

    def _encoder_of(self, kind: Any) -> Encode:
        if issubclass(kind, tuple) and hasattr(kind, "_fields"):
            return self._object(kind._fields, iter)
        if issubclass(kind, BaseModel):
            return self._members(tuple(kind.model_fields))
        if is_dataclass(kind):
            return self._members(tuple(field.name for field in fields(kind)))
        encoders: tuple[tuple[Any, Encode], ...] = (
            (Enum, lambda value: value.value),
            (datetime, self._time),
            (date, date.isoformat),
            (Mapping, self._encode_mapping),
            (tuple | list, lambda value: [self(one) for one in value]),
            (frozenset | set, lambda value: sorted((self(one) for one in value), key=as_text)),
            (tuple(_ATOMS), lambda value: value),
        )
        for bases, encode in encoders:
            if issubclass(kind, bases):
                return encode
        raise TypeError(f"{kind.__name__} cannot be encoded")

    def _members(self, names: tuple[str, ...]) -> Encode:
        """What encodes objects with these attributes."""
        if len(names) > 1:
            return self._object(names, attrgetter(*names))
        return lambda value: {name: self(getattr(value, name)) for name in names}

    def _object(self, names: tuple[str, ...], members: Callable[[Any], Any]) -> Encode:
        def encode(value: Any) -> dict[str, Any]:
            # Most members are atoms: a call for each would take a third longer.
            return {
                name: one if type(one) in _ATOMS else self(one)
                for name, one in zip(names, members(value), strict=True)
            }

        return encode

    def _encode_mapping(self, value: Mapping[Any, Any]) -> Any:
        if all(type(key) is str for key in value):
            return {key: one if type(one) in _ATOMS else self(one) for key, one in value.items()}
        return self._mapping(self, value)


def as_text(data: object) -> str:
    """Encoded data as JSON, the same for the same data."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def iso(at: datetime) -> str:
    """`2026-06-01T12:00:00.000Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _exact_mapping(encode: Encode, value: Mapping[Any, Any]) -> Any:
    """Objects for keys of text or of several texts, else a list of pairs."""
    if all(isinstance(key, str) for key in value):
        return {str(encode(key)): encode(one) for key, one in value.items()}
    found = _by_parts(encode, value)
    return [[encode(key), encode(one)] for key, one in value.items()] if found is None else found


def _by_parts(encode: Encode, value: Mapping[Any, Any]) -> dict[str, Any] | None:
    """The mapping as objects in objects, one level for each part of its keys; else None.

    `{("a", "x"): 1, ("a", "y"): 2}` becomes `{"a": {"x": 1, "y": 2}}`. None when a key is no tuple
    of texts, keys differ in length, or keys with the same beginning do not stand together, for then
    the order of the mapping would be lost.
    """
    first = next(iter(value))
    if not isinstance(first, tuple):
        return None
    outermost: dict[str, Any] = {}
    innermost: dict[str, Any] | None = None
    last: list[str] = []
    for key, one in value.items():
        *beginning, end = key
        if innermost is None or beginning != last:
            innermost = _opened(outermost, beginning) if _are_texts(beginning) else None
            last = beginning
        if innermost is None or type(end) is not str or len(key) != len(first):
            return None
        innermost[end] = encode(one)
    return outermost


def _are_texts(parts: list[Any]) -> bool:
    return all(type(part) is str for part in parts)


def _opened(outermost: dict[str, Any], beginning: list[str]) -> dict[str, Any] | None:
    """The innermost object for keys that begin so; None when other keys stand in between."""
    inside = outermost
    for part in beginning:
        if part not in inside:
            inside[part] = {}
        elif part != next(reversed(inside)):
            return None
        inside = inside[part]
    return inside


def _shown_mapping(encode: Encode, value: Mapping[Any, Any]) -> Any:
    return {str(key): encode(one) for key, one in value.items()}


EXACT = Encoder(datetime.isoformat, _exact_mapping)
SHOWN = Encoder(iso, _shown_mapping)
