"""Values from outside the file, laid over it: environment variables, and flags over those.

`GTC__API__PORT=9000` and `--set api.port=9000` mean the same key. A variable's name is the key's
path with two underscores between its parts, in any case; a hyphen in a name of the operator's own,
such as `eu-west-1`, is an underscore. They change what the file says or leaves at its default;
services, regions, pools, endpoints and headers are the file's to add.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field

from controller.model.errors import Problem
from controller.settings.file_positions import KeyPath, dotted
from controller.settings.model_paths import is_mapping, noun_at
from controller.settings.renamed import RENAMED
from controller.settings.strict_yaml import read_value

PREFIX = "GTC__"
"""How the name of a variable that is a setting begins."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """One value for one key."""

    origin: str
    """`env:GTC__API__PORT` or `--set api.port`; names it in errors."""
    parts: tuple[str, ...]
    """The key's path as written, folded."""
    text: str

    @property
    def of_environment(self) -> bool:
        """Whether a variable says it rather than a flag."""
        return self.origin.startswith("env:")


@dataclass(frozen=True, slots=True)
class Overlaid:
    """A file's data with other values laid over it."""

    data: dict[str, object]
    origins: Mapping[KeyPath, str] = field(default_factory=dict)
    """The keys that no longer come from the file, and where from they come."""
    problems: tuple[Problem, ...] = ()


def of_environment(environment: Mapping[str, str]) -> tuple[Assignment, ...]:
    """The settings among environment variables."""
    return tuple(
        Assignment(f"env:{name}", _folded(name.removeprefix(PREFIX).split("__")), text)
        for name, text in sorted(environment.items())
        if name.startswith(PREFIX)
    )


def of_flags(flags: Iterable[str]) -> tuple[Assignment, ...]:
    """The settings in `KEY=VALUE` texts, KEY as in the file with points between its parts.

    Raises ValueError for a text without `=`.
    """
    found = []
    for flag in flags:
        key, equals, text = flag.partition("=")
        if not equals:
            raise ValueError(f"{flag!r} is not of the form KEY=VALUE, such as api.port=9000")
        found.append(Assignment(f"--set {key}", _folded(key.split(".")), text))
    return tuple(found)


def overlay(data: Mapping[str, object], assignments: Iterable[Assignment]) -> Overlaid:
    """Lay assignments over a file's data, later ones over earlier ones."""
    result = deepcopy(dict(data))
    origins: dict[KeyPath, str] = {}
    problems: list[Problem] = []
    given = tuple(assignments)
    for one in given:
        problem = _twice(one, given) or _assign(one, result, origins)
        if problem:
            problems.append(problem)
    return Overlaid(result, origins, tuple(problems))


def _assign(
    one: Assignment, data: dict[str, object], origins: dict[KeyPath, str]
) -> Problem | None:
    path = _path(one.parts, data)
    if path is None:
        message = "no setting has this name"
        return Problem(message, hint=_nearest(one, data), origin=one.origin)
    if noun_at(path) or is_mapping(path):
        keys = ", ".join(_spelt(one, (*path, key)) for key in _keys(path, data))
        message = "this is a group of keys; set one of them"
        return Problem(message, dotted(path), hint=f"possible: {keys}", origin=one.origin)
    if not one.text.strip():
        message = "it is set to nothing; unset it, or write null for no value"
        return Problem(message, dotted(path), origin=one.origin)
    try:
        value = read_value(one.text)
    except ValueError as error:
        return Problem(str(error), dotted(path), origin=one.origin)
    if _put(data, path, value):
        origins[path] = one.origin
    return None


def _put(data: dict[str, object], path: KeyPath, value: object) -> bool:
    """Set a key; False when the file has something else than keys on the way, its own mistake."""
    inner: object = data
    for part in path[:-1]:
        if not isinstance(inner, dict):
            return False
        inner = inner.setdefault(part, {})
    if not isinstance(inner, dict):
        return False
    inner[path[-1]] = value
    return True


def _path(parts: tuple[str, ...], data: object) -> KeyPath | None:
    """The key path that folded parts mean."""
    path: KeyPath = ()
    for part in parts:
        key = next((key for key in _keys(path, data) if _fold(key) == part), None)
        if key is None:
            return None
        path = (*path, key)
    return path


def _keys(path: KeyPath, data: object) -> tuple[str, ...]:
    """The keys that may follow a path: the noun's own, or those the file has in a mapping."""
    noun = noun_at(path)
    if noun is not None:
        return tuple(noun.model_fields)
    if not is_mapping(path):
        return ()
    for part in path:
        data = data.get(part) if isinstance(data, dict) else None
    return tuple(data) if isinstance(data, dict) else ()


def _twice(one: Assignment, given: Iterable[Assignment]) -> Problem | None:
    """Two variables of one meaning: which of them holds would be chance."""
    if not one.of_environment:
        return None
    same = [other for other in given if other.of_environment and other.parts == one.parts]
    if same[0] is one:
        return None
    return Problem(f"{same[0].origin} sets the same key; keep one", origin=one.origin)


def _nearest(one: Assignment, data: Mapping[str, object]) -> str:
    """The hint for an unknown name: what it is called now, or the nearest key."""
    if one.parts in RENAMED:
        return f"it is now {_spelt(one, RENAMED[one.parts])}"
    known = {"__".join(map(_fold, path)): path for path in _leaves((), data)}
    near = difflib.get_close_matches("__".join(one.parts), known, n=1)
    return f"did you mean {_spelt(one, known[near[0]])}?" if near else ""


def _leaves(path: tuple[str, ...], data: Mapping[str, object]) -> Iterator[tuple[str, ...]]:
    for key in _keys(path, data):
        here = (*path, key)
        if noun_at(here) or is_mapping(here):
            yield from _leaves(here, data)
        else:
            yield here


def _spelt(one: Assignment, path: KeyPath) -> str:
    """A key as it is written where this assignment stands."""
    if one.of_environment:
        return PREFIX + "__".join(_fold(str(part)).upper() for part in path)
    return dotted(path)


def _folded(parts: Iterable[str]) -> tuple[str, ...]:
    return tuple(map(_fold, parts))


def _fold(part: str) -> str:
    return part.lower().replace("-", "_")
