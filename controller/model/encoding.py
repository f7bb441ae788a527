"""Encoder: values of the model as JSON data, in two forms.

Dataclasses, named tuples and pydantic models become objects, sequences lists, sets sorted lists,
enumerations their values. `EXACT` is lossless: `controller.model.decoding` decodes it, integers
stay integers and mappings keep their order. `SHOWN` is the form of the API and its event stream:
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

from controller.model.optional_members import OPTIONAL_MEMBERS

Encode = Callable[[Any], Any]
_ATOMS = frozenset((str, int, float, bool, NoneType))


class Encoder:
    """Turns values of the model into dict, list, str, int, float, bool and None.

    The encoder of a type is cached, because snapshots are large.
    """

    def __init__(
        self, time: Callable[[datetime], str], mapping: Callable[[Encode, Any], Any]
    ) -> None:
        """`mapping` encodes a mapping whose keys are not all text; it gets this encoder, too."""
        self._time = time
        self._mapping = mapping
        self._by_type: dict[type, Encode] = {}

    def __call__(self, value: object) -> Any:
        """The value as JSON data. Raises TypeError for an unknown type."""
        kind = type(value)
        if kind in _ATOMS:
            return value
        encode = self._by_type.get(kind)
        if encode is None:
            encode = self._by_type[kind] = self._encoder_of(kind)
        return encode(value)

    def _encoder_of(self, kind: Any) -> Encode:
        if issubclass(kind, tuple) and hasattr(kind, "_fields"):
            return self._named_tuple(kind)
        if issubclass(kind, BaseModel):
            return self._members(tuple(kind.model_fields))
        if is_dataclass(kind):
            return self._members(tuple(field.name for field in fields(kind)))
        encoders: tuple[tuple[Any, Encode], ...] = (
            (Enum, lambda value: value.value),
            (datetime, self._time),
            (date, date.isoformat),
            (Mapping, self._encode_mapping),
            (tuple | list, lambda value: [self(item) for item in value]),
            (frozenset | set, lambda value: sorted((self(item) for item in value), key=as_text)),
            (tuple(_ATOMS), lambda value: value),
        )
        for bases, encode in encoders:
            if issubclass(kind, bases):
                return encode
        raise TypeError(f"{kind.__name__} cannot be encoded")

    def _members(self, names: tuple[str, ...]) -> Encode:
        """Encoder of objects with these attributes."""
        if len(names) > 1:
            return self._object(names, attrgetter(*names))
        return lambda value: {name: self(getattr(value, name)) for name in names}

    def _object(self, names: tuple[str, ...], members: Callable[[Any], Any]) -> Encode:
        def encode(value: Any) -> dict[str, Any]:
            # Most members are atoms: a call for each would take a third longer.
            return {
                name: member if type(member) in _ATOMS else self(member)
                for name, member in zip(names, members(value), strict=True)
            }

        return encode

    def _named_tuple(self, kind: Any) -> Encode:
        """Encoder of a named tuple; its optional members are left out where they are defaults."""
        optional = OPTIONAL_MEMBERS.get(kind)
        if optional is None:
            return self._object(kind._fields, iter)
        always = len(kind._fields) - len(optional)
        encode_always = self._object(kind._fields[:always], lambda value: value[:always])
        defaults = tuple(kind._field_defaults[name] for name in optional)

        def encode(value: Any) -> dict[str, Any]:
            data: dict[str, Any] = encode_always(value)
            if value[always:] != defaults:
                for name, member, default in zip(optional, value[always:], defaults, strict=True):
                    if member != default:
                        data[name] = self(member)
            return data

        return encode

    def _encode_mapping(self, value: Mapping[Any, Any]) -> Any:
        if all(type(key) is str for key in value):
            return {
                key: item if type(item) in _ATOMS else self(item) for key, item in value.items()
            }
        return self._mapping(self, value)


def as_text(data: object) -> str:
    """Encoded data as compact JSON text; equal data give equal text."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def iso(at: datetime) -> str:
    """Time in UTC to the millisecond: `2026-06-01T12:00:00.000Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _exact_mapping(encode: Encode, value: Mapping[Any, Any]) -> Any:
    """An object if keys are texts, nested objects if they are tuples of texts, else pairs."""
    if all(isinstance(key, str) for key in value):
        return {str(encode(key)): encode(item) for key, item in value.items()}
    nested = _nested_objects(encode, value)
    if nested is not None:
        return nested
    return [[encode(key), encode(item)] for key, item in value.items()]


def _nested_objects(encode: Encode, value: Mapping[Any, Any]) -> dict[str, Any] | None:
    """The mapping as nested objects (a trie), one level for each part of its keys; or None.

    `{("a", "x"): 1, ("a", "y"): 2}` becomes `{"a": {"x": 1, "y": 2}}`. None if a key is not a tuple
    of texts, if keys differ in length, or if keys with a common prefix are not adjacent, because
    then the order of the mapping would be lost.
    """
    first = next(iter(value))
    if not isinstance(first, tuple):
        return None
    outermost: dict[str, Any] = {}
    innermost: dict[str, Any] | None = None
    last: list[str] = []
    for key, item in value.items():
        *prefix, end = key
        if innermost is None or prefix != last:
            innermost = _object_at(outermost, prefix) if _are_texts(prefix) else None
            last = prefix
        if innermost is None or type(end) is not str or len(key) != len(first):
            return None
        innermost[end] = encode(item)
    return outermost


def _are_texts(parts: list[Any]) -> bool:
    return all(type(part) is str for part in parts)


def _object_at(outermost: dict[str, Any], prefix: list[str]) -> dict[str, Any] | None:
    """The object for keys with this prefix, made if missing; None if it is not the last one."""
    innermost = outermost
    for part in prefix:
        if part not in innermost:
            innermost[part] = {}
        elif part != next(reversed(innermost)):
            return None
        innermost = innermost[part]
    return innermost


def _shown_mapping(encode: Encode, value: Mapping[Any, Any]) -> Any:
    return {str(key): encode(item) for key, item in value.items()}


EXACT = Encoder(datetime.isoformat, _exact_mapping)
SHOWN = Encoder(iso, _shown_mapping)
