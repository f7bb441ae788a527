"""Decoder: values of the model from the JSON that `controller.model.encoding.EXACT` made.

The declared type of a value decides how it is decoded. Other versions of a type are accepted: a
member with a default may be missing, an unknown member is ignored. So are older forms: a list for a
named tuple, and a list of pairs for a mapping whose keys are tuples.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from controller.model.configuration import ConfigModel
from controller.model.encoding import EXACT, as_text

T = TypeVar("T")
Reader = Callable[[Any], Any]
_ATOMS = (str, bool, int, float)
_A_TIME = "a time such as 2026-06-01T12:00:00+00:00"


class UnreadableError(ValueError):
    """Data that cannot be decoded; the text names the place and the reason."""

    def __init__(self, message: str, place: str = "") -> None:
        super().__init__(message)
        self.place = place
        """Path from the outermost value, such as `.plans[0].pool`; callers prefix their part."""

    def __str__(self) -> str:
        return f"{self.place} {self.args[0]}" if self.place else str(self.args[0])


def decoded(kind: type[T], data: object, name: str = "") -> T:
    """The decoded value of type `kind`; `name` names it in errors. Raises UnreadableError."""
    with _prefixed(name):
        value: T = reader(kind)(data)
    return value


def reader(kind: Any) -> Reader:
    """Decoder of a type. Raises TypeError for a type that cannot be decoded."""
    return _reader(kind)


def in_present_form(data: Any) -> Any:
    """Encoded data in today's form: lists of pairs whose keys are tuples of texts become objects.

    Equal data stay equal, so data of an older version can be compared with ours. Example:
    `[[["a", "x"], 1]]` becomes `{"a": {"x": 1}}`.
    """
    if isinstance(data, dict):
        return {name: in_present_form(value) for name, value in data.items()}
    if not isinstance(data, list):
        return data
    items = [in_present_form(item) for item in data]
    keys = [_key_of_texts(item) for item in items]
    if None in keys or len(set(keys)) < len(keys):
        return items
    return EXACT({key: pair[1] for key, pair in zip(keys, items, strict=True)}) if keys else items


def _key_of_texts(pair: Any) -> tuple[str, ...] | None:
    """Key of a pair of key and value if it is a tuple of two or more texts; else None."""
    if not (isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], dict | list)):
        return None
    texts = tuple(pair[0].values() if isinstance(pair[0], dict) else pair[0])
    return texts if len(texts) > 1 and all(isinstance(text, str) for text in texts) else None


@contextmanager
def _prefixed(place: str) -> Iterator[None]:
    """Prefix the place of an UnreadableError."""
    try:
        yield
    except UnreadableError as error:
        error.place = place + error.place
        raise


@cache
def _reader(kind: Any) -> Reader:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _optional(kind, arguments)
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(*arguments)
    if origin is tuple:
        return _sequence(arguments)
    if origin is frozenset:
        return _set(arguments[0])
    if kind in _ATOMS:
        return _atom(kind)
    if not isinstance(kind, type):
        raise TypeError(f"{kind} cannot be read")
    return _reader_of_class(kind)


def _reader_of_class(kind: type) -> Reader:
    if issubclass(kind, Enum):
        return _checked(kind, f"one of {', '.join(str(member.value) for member in kind)}")
    if issubclass(kind, datetime):
        return _checked(kind.fromisoformat, _A_TIME)
    if issubclass(kind, ConfigModel):
        return _unchanged(kind)
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return _named_tuple(kind)
    if is_dataclass(kind):
        defaults = (f for f in fields(kind) if (f.default, f.default_factory) != (MISSING, MISSING))
        return _object(kind, {field.name for field in defaults})
    raise TypeError(f"{kind.__name__} cannot be read")


def _object(kind: Any, optional: Any) -> Reader:
    hints = {name: hint for name, hint in get_type_hints(kind).items() if _is_member(kind, name)}
    members: dict[str, Reader] = {}

    def read(data: Any) -> Any:
        if not isinstance(data, dict):
            raise UnreadableError("is no object")
        if not members:  # not before: a type may have itself for a member
            members.update((name, reader(hint)) for name, hint in hints.items())
        found = {}
        for name, read_member in members.items():
            if name in data:
                try:
                    found[name] = read_member(data[name])
                except UnreadableError as error:
                    error.place = f".{name}{error.place}"
                    raise
            elif name not in optional:
                raise UnreadableError(f"has no {name}")
        return kind(**found)

    return read


def _named_tuple(kind: Any) -> Reader:
    read_object = _object(kind, kind._field_defaults)

    def read(data: Any) -> Any:
        if isinstance(data, list) and len(data) <= len(kind._fields):
            data = dict(zip(kind._fields, data, strict=False))
        return read_object(data)

    return read


def _is_member(kind: Any, name: str) -> bool:
    return name in (kind._fields if hasattr(kind, "_fields") else kind.__dataclass_fields__)


def _mapping(key: Any, item: Any) -> Reader:
    read_key, read_item = reader(key), reader(item)
    parts = _text_parts(key)
    make = getattr(key, "_make", tuple)

    def read(data: Any) -> Any:
        if isinstance(data, dict):
            if parts:
                return {make(path): item_at(path, one) for path, one in _leaves(data, parts)}
            return {read_key(name): item_at(name, one) for name, one in data.items()}
        if isinstance(data, list) and all(isinstance(p, list) and len(p) == 2 for p in data):
            return {key_of(name): item_at(name, one) for name, one in data}
        raise UnreadableError("is neither an object nor a list of pairs")

    def key_of(name: Any) -> Any:
        with _prefixed(" key"):
            return read_key(name)

    def item_at(place: Any, item: Any) -> Any:
        try:
            return read_item(item)
        except UnreadableError as error:
            error.place = f"[{_shortened(place)}]{error.place}"
            raise

    return read


def _text_parts(key: Any) -> int:
    """Number of texts that a key consists of; 0 if it is not a tuple of texts."""
    if get_origin(key) is tuple:
        kinds = get_args(key)
    elif isinstance(key, type) and issubclass(key, tuple) and hasattr(key, "_fields"):
        hints = get_type_hints(key)
        kinds = tuple(hints[name] for name in key._fields)
    else:
        return 0
    return len(kinds) if all(kind is str for kind in kinds) else 0


def _leaves(
    data: Mapping[str, Any], parts: int, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Values at depth `parts` of nested objects, each with the names on its path.

    `{"a": {"x": 1, "y": 2}}` with 2 parts gives `("a", "x"), 1` and `("a", "y"), 2`.
    """
    for name, value in data.items():
        if parts == 1:
            yield (*path, name), value
        elif isinstance(value, dict):
            yield from _leaves(value, parts - 1, (*path, name))
        else:
            raise UnreadableError("is no object", f"[{name}]")


def _sequence(arguments: tuple[Any, ...]) -> Reader:
    endless = arguments[-1] is Ellipsis
    readers = tuple(reader(kind) for kind in arguments if kind is not Ellipsis)

    def read(data: Any) -> Any:
        if not isinstance(data, list):
            raise UnreadableError("is no list")
        kinds = readers * len(data) if endless else readers
        if len(kinds) != len(data):
            raise UnreadableError(f"has {len(data)} members instead of {len(kinds)}")
        found = []
        for read_item, item in zip(kinds, data, strict=True):
            try:
                found.append(read_item(item))
            except UnreadableError as error:
                error.place = f"[{len(found)}]{error.place}"
                raise
        return tuple(found)

    return read


def _set(item: Any) -> Reader:
    members = _sequence((item, ...))
    return lambda data: frozenset(members(data))


def _optional(kind: Any, arguments: tuple[Any, ...]) -> Reader:
    kinds = [argument for argument in arguments if argument is not types.NoneType]
    if len(kinds) != 1 or len(kinds) == len(arguments):
        raise TypeError(f"{kind} cannot be read")
    read_value = reader(kinds[0])
    return lambda data: None if data is None else read_value(data)


def _atom(kind: Any) -> Reader:
    allowed = (int, float) if kind is float else (kind,)

    def read(data: Any) -> Any:
        if not isinstance(data, allowed) or (isinstance(data, bool) and kind is not bool):
            raise UnreadableError(f"is {_shortened(data)}, not of type {kind.__name__}")
        return data

    return read


def _unchanged(kind: type[ConfigModel]) -> Reader:
    """Accepts a configuration model only: callers decode settings by pydantic beforehand."""

    def read(data: Any) -> Any:
        if not isinstance(data, kind):
            raise UnreadableError(f"is no {kind.__name__}")
        return data

    return read


def _checked(make: Callable[[Any], Any], what: str) -> Reader:
    def read(data: Any) -> Any:
        try:
            return make(data)
        except (ValueError, TypeError) as error:
            raise UnreadableError(f"is {_shortened(data)}, not {what}") from error

    return read


def _shortened(data: object) -> str:
    text = data if isinstance(data, str) else as_text(data)
    return text if len(text) <= 60 else f"{text[:59]}…"
