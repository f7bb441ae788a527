"""Values of the model as JSON, and back without loss.

What the values are made of decides both ways: dataclasses and named tuples become objects, mappings
whose keys are more than text become lists of pairs, sets become sorted lists. Whole numbers stay
whole, mappings keep their order. Reading tolerates other versions of a type: a member it has a
default for may be missing, one it does not know is left out.
"""

from __future__ import annotations

import json
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from controller.model.noun import Noun

T = TypeVar("T")
Reader = Callable[[Any, str], Any]
_ATOMS = (str, bool, int, float)


class UnreadableError(ValueError):
    """Text does not hold what it should; says where and why."""


def packed(value: object) -> Any:
    """The value in terms of dict, list, str, int, float, bool and None."""
    kind: Any = type(value)
    return _packer(kind)(value)


def unpacked(kind: type[T], data: object, where: str = "") -> T:
    """The value of this type that was packed. Raises UnreadableError; `where` names the whole."""
    value: T = reader(kind)(data, where)
    return value


def as_text(data: object) -> str:
    """Packed data as JSON, the same for the same data."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def reader(kind: Any) -> Reader:
    """What reads a type. Raises TypeError for a type that cannot be read."""
    return _reader(kind)


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
        return _checked(kind, f"one of {', '.join(str(one.value) for one in kind)}")
    if issubclass(kind, datetime):
        return _checked(kind.fromisoformat, "a time such as 2026-06-01T12:00:00+00:00")
    if issubclass(kind, Noun):
        return _as_it_is(kind)
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return _object(kind, getattr(kind, "_field_defaults", ()))
    if is_dataclass(kind):
        defaults = (f for f in fields(kind) if (f.default, f.default_factory) != (MISSING, MISSING))
        return _object(kind, {field.name for field in defaults})
    raise TypeError(f"{kind.__name__} cannot be read")


@cache
def _packer(kind: Any) -> Callable[[Any], Any]:
    """What packs values of a type; found out once for each, because snapshots are large."""
    if issubclass(kind, Enum):
        return lambda value: value.value
    if issubclass(kind, (*_ATOMS, types.NoneType)):
        return lambda value: value
    if issubclass(kind, datetime):
        return datetime.isoformat
    if issubclass(kind, Mapping):
        return _packed_mapping
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        names = kind._fields
        return lambda value: dict(zip(names, map(packed, value), strict=True))
    if issubclass(kind, tuple | list):
        return lambda value: list(map(packed, value))
    if issubclass(kind, frozenset | set):
        return lambda value: sorted(map(packed, value), key=as_text)
    if is_dataclass(kind):
        members = tuple(field.name for field in fields(kind))
        return lambda value: {name: packed(getattr(value, name)) for name in members}
    raise TypeError(f"{kind.__name__} cannot be packed")


def _packed_mapping(value: Mapping[Any, Any]) -> object:
    if all(isinstance(key, str) for key in value):
        return {str(packed(key)): packed(one) for key, one in value.items()}
    return [[packed(key), packed(one)] for key, one in value.items()]


def _object(kind: Any, optional: Any) -> Reader:
    members = {name: hint for name, hint in get_type_hints(kind).items() if _is_member(kind, name)}

    def read(data: Any, where: str) -> Any:
        if not isinstance(data, dict):
            raise UnreadableError(f"{where} is no object")
        missing = [name for name in members if name not in data and name not in optional]
        if missing:
            raise UnreadableError(f"{where} has no {missing[0]}")
        return kind(
            **{
                name: reader(hint)(data[name], f"{where}.{name}")
                for name, hint in members.items()
                if name in data
            }
        )

    return read


def _is_member(kind: Any, name: str) -> bool:
    return name in (kind._fields if hasattr(kind, "_fields") else kind.__dataclass_fields__)


def _mapping(key: Any, item: Any) -> Reader:
    def read(data: Any, where: str) -> Any:
        if isinstance(data, dict):
            pairs = list(data.items())
        elif isinstance(data, list) and all(isinstance(p, list) and len(p) == 2 for p in data):
            pairs = [(one, other) for one, other in data]
        else:
            raise UnreadableError(f"{where} is neither an object nor a list of pairs")
        return {
            reader(key)(one, f"{where} key"): reader(item)(other, f"{where}[{_short(one)}]")
            for one, other in pairs
        }

    return read


def _sequence(arguments: tuple[Any, ...]) -> Reader:
    def read(data: Any, where: str) -> Any:
        if not isinstance(data, list):
            raise UnreadableError(f"{where} is no list")
        kinds = arguments[:1] * len(data) if arguments[-1] is Ellipsis else arguments
        if len(kinds) != len(data):
            raise UnreadableError(f"{where} has {len(data)} members instead of {len(kinds)}")
        pairs = zip(kinds, data, strict=True)
        return tuple(reader(k)(one, f"{where}[{i}]") for i, (k, one) in enumerate(pairs))

    return read


def _set(item: Any) -> Reader:
    members = _sequence((item, ...))

    def read(data: Any, where: str) -> Any:
        return frozenset(members(data, where))

    return read


def _optional(kind: Any, arguments: tuple[Any, ...]) -> Reader:
    others = [one for one in arguments if one is not types.NoneType]
    if len(others) != 1 or len(others) == len(arguments):
        raise TypeError(f"{kind} cannot be read")

    def read(data: Any, where: str) -> Any:
        return None if data is None else reader(others[0])(data, where)

    return read


def _atom(kind: Any) -> Reader:
    allowed = (int, float) if kind is float else (kind,)

    def read(data: Any, where: str) -> Any:
        if not isinstance(data, allowed) or (isinstance(data, bool) and kind is not bool):
            raise UnreadableError(f"{where} is {_short(data)}, not of type {kind.__name__}")
        return data

    return read


def _as_it_is(kind: type[Noun]) -> Reader:
    """Nouns have a JSON of their own; whoever reads them puts them where they belong."""

    def read(data: Any, where: str) -> Any:
        if not isinstance(data, kind):
            raise UnreadableError(f"{where} is no {kind.__name__}")
        return data

    return read


def _checked(make: Callable[[Any], Any], what: str) -> Reader:
    def read(data: Any, where: str) -> Any:
        try:
            return make(data)
        except (ValueError, TypeError) as error:
            raise UnreadableError(f"{where} is {_short(data)}, not {what}") from error

    return read


def _short(data: object) -> str:
    text = data if isinstance(data, str) else as_text(data)
    return text if len(text) <= 60 else f"{text[:59]}…"
