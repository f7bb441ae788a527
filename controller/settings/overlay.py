"""Values from outside the file, laid over it: environment variables, and flags over those.

`GTC__API__PORT=9000` and `--set api.port=9000` mean the same key. A variable's name is the key's
path with two underscores between its parts, in any case; a hyphen in a name of the operator's own,
such as `eu-west-1`, is an underscore. They change what the file says or leaves at its default;
services, regions, pools, endpoints and headers are the file's to add. Keys are those of the
version that the file says to be of.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field

from controller.model.configuration import Settings
from controller.model.errors import Problem
from controller.settings.file_positions import KeyPath, dotted
from controller.settings.migration.version_1 import moved_from, moved_to
from controller.settings.model_paths import RootModel, is_mapping, model_at
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
class OverlayResult:
    """A file's data with other values laid over it."""

    data: dict[str, object]
    origins: Mapping[KeyPath, str] = field(default_factory=dict)
    """The keys that no longer come from the file, and where from they come."""
    problems: tuple[Problem, ...] = ()


def from_environment(environment: Mapping[str, str]) -> tuple[Assignment, ...]:
    """The settings among environment variables."""
    return tuple(
        Assignment(f"env:{name}", _folded(name.removeprefix(PREFIX).split("__")), text)
        for name, text in sorted(environment.items())
        if name.startswith(PREFIX)
    )


def from_flags(flags: Iterable[str]) -> tuple[Assignment, ...]:
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


def overlay(
    data: Mapping[str, object], assignments: Iterable[Assignment], root: RootModel = Settings
) -> OverlayResult:
    """Lay assignments over a file's data, later ones over earlier ones; `root` says its keys."""
    base = _Base(deepcopy(dict(data)), root)
    origins: dict[KeyPath, str] = {}
    problems: list[Problem] = []
    given = tuple(assignments)
    for one in given:
        problem = _twice(one, given) or _assign(one, base, origins)
        if problem:
            problems.append(problem)
    return OverlayResult(base.data, origins, tuple(problems))


@dataclass(frozen=True, slots=True)
class _Base:
    """What is laid over: a file's data, and what its version says of keys."""

    data: dict[str, object]
    root: RootModel

    def keys(self, path: KeyPath) -> tuple[str, ...]:
        """The keys that may follow a path: the noun's own, or those the file has in a mapping."""
        noun = model_at(path, self.root)
        if noun is not None:
            return tuple(noun.model_fields)
        if not is_mapping(path, self.root):
            return ()
        data: object = self.data
        for part in path:
            data = data.get(part) if isinstance(data, dict) else None
        return tuple(data) if isinstance(data, dict) else ()

    def is_group(self, path: KeyPath) -> bool:
        """Whether keys follow, and no value."""
        return model_at(path, self.root) is not None or is_mapping(path, self.root)

    def path(self, parts: Iterable[str]) -> KeyPath | None:
        """The key path that folded parts mean."""
        path: KeyPath = ()
        for part in parts:
            key = next((key for key in self.keys(path) if _fold(key) == part), None)
            if key is None:
                return None
            path = (*path, key)
        return path

    def leaves(self, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
        """Every key that may have a value."""
        for key in self.keys(path):
            here = (*path, key)
            if self.is_group(here):
                yield from self.leaves(here)
            else:
                yield here


def _assign(one: Assignment, base: _Base, origins: dict[KeyPath, str]) -> Problem | None:
    path = base.path(one.parts)
    if path is None:
        return _elsewhere(one, base) or Problem(
            "no setting has this name", hint=_nearest(one, base), origin=one.origin
        )
    if path == ("schema_version",):
        message = "only the file itself can say of which version it is"
        return Problem(message, dotted(path), hint="unset it", origin=one.origin)
    if base.is_group(path):
        keys = ", ".join(_spelt(one, (*path, key)) for key in base.keys(path))
        message = "this is a group of keys; set one of them"
        return Problem(message, dotted(path), hint=f"possible: {keys}", origin=one.origin)
    if not one.text.strip():
        message = "it is set to nothing; unset it, or write null for no value"
        return Problem(message, dotted(path), origin=one.origin)
    try:
        value = read_value(one.text)
    except ValueError as error:
        return Problem(str(error), dotted(path), origin=one.origin)
    if _put(base.data, path, value):
        origins[path] = one.origin
    return None


def _elsewhere(one: Assignment, base: _Base) -> Problem | None:
    """A key that files of the other version have: where this one has it."""
    is_present = base.root is Settings
    parts = moved_to(one.parts) if is_present else moved_from(one.parts)
    if parts is None:
        return None
    there, here = (1, 2) if is_present else (2, 1)
    message = f"files of version {there} have this key, and this file is of version {here}"
    return Problem(message, hint=f"set {_spelt(one, base.path(parts) or parts)}", origin=one.origin)


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


def _twice(one: Assignment, given: Iterable[Assignment]) -> Problem | None:
    """Two variables of one meaning: which of them holds would be chance."""
    if not one.of_environment:
        return None
    same = [other for other in given if other.of_environment and other.parts == one.parts]
    if same[0] is one:
        return None
    return Problem(f"{same[0].origin} sets the same key; keep one", origin=one.origin)


def _nearest(one: Assignment, base: _Base) -> str:
    """The hint for a name that means nothing: the nearest key there is."""
    known = {"__".join(map(_fold, path)): path for path in base.leaves()}
    near = difflib.get_close_matches("__".join(one.parts), known, n=1)
    return f"did you mean {_spelt(one, known[near[0]])}?" if near else ""


def _spelt(one: Assignment, path: KeyPath) -> str:
    """A key as it is written where this assignment stands."""
    if one.of_environment:
        return PREFIX + "__".join(_fold(str(part)).upper() for part in path)
    return dotted(path)


def _folded(parts: Iterable[str]) -> tuple[str, ...]:
    return tuple(map(_fold, parts))


def _fold(part: str) -> str:
    return part.lower().replace("-", "_")
