"""Overlay: values from environment variables and flags that override those of the file.

`GTC__API__PORT=9000` and `--set api.port=9000` set the same key. The name of a variable is the key
path with two underscores between its parts, in upper or lower case, with underscores for hyphens
(`eu-west-1` is `EU_WEST_1`). Flags override variables. Services, regions, pools, endpoints and
headers cannot be added, only changed. Keys are those of the file's version.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field

from controller.model.configuration import KeyPath, Settings
from controller.model.errors import Problem
from controller.settings.file_positions import dotted
from controller.settings.migration.version_1 import key_in_version_1, key_in_version_2
from controller.settings.model_paths import RootModel, is_mapping, model_at
from controller.settings.strict_yaml import read_value

PREFIX = "GTC__"
"""Prefix of the names of variables that are settings."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """One value for one key."""

    origin: str
    """`env:GTC__API__PORT` or `--set api.port`; names the assignment in errors."""
    parts: tuple[str, ...]
    """Parts of the key path, in lower case and with underscores for hyphens."""
    text: str
    """The value as YAML text."""

    @property
    def is_variable(self) -> bool:
        """Whether it is an environment variable, not a flag."""
        return self.origin.startswith("env:")


@dataclass(frozen=True, slots=True)
class OverlayResult:
    """A file's data with assignments laid over it."""

    data: dict[str, object]
    origins: Mapping[KeyPath, str] = field(default_factory=dict)
    """Key that was overridden to the assignment's origin."""
    problems: tuple[Problem, ...] = ()


def from_environment(environment: Mapping[str, str]) -> tuple[Assignment, ...]:
    """Assignments in environment variables."""
    return tuple(
        Assignment(f"env:{name}", _normalised_parts(name.removeprefix(PREFIX).split("__")), text)
        for name, text in sorted(environment.items())
        if name.startswith(PREFIX)
    )


def from_flags(flags: Iterable[str]) -> tuple[Assignment, ...]:
    """Assignments in `KEY=VALUE` texts; KEY is a key path with points between its parts.

    Raises ValueError for a text without `=`.
    """
    found = []
    for flag in flags:
        key, equals, text = flag.partition("=")
        if not equals:
            raise ValueError(f"{flag!r} is not of the form KEY=VALUE, such as api.port=9000")
        found.append(Assignment(f"--set {key}", _normalised_parts(key.split(".")), text))
    return tuple(found)


def overlay(
    data: Mapping[str, object], assignments: Iterable[Assignment], root: RootModel = Settings
) -> OverlayResult:
    """A file's data with assignments laid over it, later over earlier; `root` is its model."""
    base = _Base(deepcopy(dict(data)), root)
    origins: dict[KeyPath, str] = {}
    problems: list[Problem] = []
    given = tuple(assignments)
    for assignment in given:
        problem = _duplicate(assignment, given) or _assign(assignment, base, origins)
        if problem:
            problems.append(problem)
    return OverlayResult(base.data, origins, tuple(problems))


@dataclass(frozen=True, slots=True)
class _Base:
    """A file's data and the model of its version."""

    data: dict[str, object]
    root: RootModel

    def keys(self, path: KeyPath) -> tuple[str, ...]:
        """Keys possible below a path: those of the model, or those that the file has in a
        mapping."""
        model = model_at(path, self.root)
        if model is not None:
            return tuple(model.model_fields)
        if not is_mapping(path, self.root):
            return ()
        data: object = self.data
        for part in path:
            data = data.get(part) if isinstance(data, dict) else None
        return tuple(data) if isinstance(data, dict) else ()

    def is_group(self, path: KeyPath) -> bool:
        """Whether a path has keys below it, not a value."""
        return model_at(path, self.root) is not None or is_mapping(path, self.root)

    def path(self, parts: Iterable[str]) -> KeyPath | None:
        """The key path with these normalised parts; None if there is none."""
        path: KeyPath = ()
        for part in parts:
            key = next((key for key in self.keys(path) if _normalised(key) == part), None)
            if key is None:
                return None
            path = (*path, key)
        return path

    def leaves(self, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
        """Every key path that may have a value."""
        for key in self.keys(path):
            here = (*path, key)
            if self.is_group(here):
                yield from self.leaves(here)
            else:
                yield here


def _assign(assignment: Assignment, base: _Base, origins: dict[KeyPath, str]) -> Problem | None:
    """Set the key in `base` and note its origin; the problem if that is not possible."""
    path = base.path(assignment.parts)
    if path is None:
        return _key_of_other_version(assignment, base) or Problem(
            "no setting has this name",
            hint=_nearest_key_hint(assignment, base),
            origin=assignment.origin,
        )
    if path == ("schema_version",):
        message = "only the file itself can say of which version it is"
        return Problem(message, dotted(path), hint="unset it", origin=assignment.origin)
    if base.is_group(path):
        keys = ", ".join(_key_text(assignment, (*path, key)) for key in base.keys(path))
        message = "this is a group of keys; set one of them"
        return Problem(message, dotted(path), hint=f"possible: {keys}", origin=assignment.origin)
    if not assignment.text.strip():
        message = "it is set to nothing; unset it, or write null for no value"
        return Problem(message, dotted(path), origin=assignment.origin)
    try:
        value = read_value(assignment.text)
    except ValueError as error:
        return Problem(str(error), dotted(path), origin=assignment.origin)
    if _set_key(base.data, path, value):
        origins[path] = assignment.origin
    return None


def _key_of_other_version(assignment: Assignment, base: _Base) -> Problem | None:
    """The problem that a key is of the other version, with its key in this one; else None."""
    is_present = base.root is Settings
    parts = key_in_version_2(assignment.parts) if is_present else key_in_version_1(assignment.parts)
    if parts is None:
        return None
    there, here = (1, 2) if is_present else (2, 1)
    message = f"files of version {there} have this key, and this file is of version {here}"
    return Problem(
        message,
        hint=f"set {_key_text(assignment, base.path(parts) or parts)}",
        origin=assignment.origin,
    )


def _set_key(data: dict[str, object], path: KeyPath, value: object) -> bool:
    """Set a key. False if the file has a value where the path has a group: a mistake of its own."""
    inner: object = data
    for part in path[:-1]:
        if not isinstance(inner, dict):
            return False
        inner = inner.setdefault(part, {})
    if not isinstance(inner, dict):
        return False
    inner[path[-1]] = value
    return True


def _duplicate(assignment: Assignment, given: Iterable[Assignment]) -> Problem | None:
    """The problem that an earlier variable sets the same key (their order is chance); else None."""
    if not assignment.is_variable:
        return None
    same = [other for other in given if other.is_variable and other.parts == assignment.parts]
    if same[0] is assignment:
        return None
    return Problem(f"{same[0].origin} sets the same key; keep one", origin=assignment.origin)


def _nearest_key_hint(assignment: Assignment, base: _Base) -> str:
    """Hint for an unknown name: the most similar key."""
    known = {"__".join(map(_normalised, path)): path for path in base.leaves()}
    near = difflib.get_close_matches("__".join(assignment.parts), known, n=1)
    return f"did you mean {_key_text(assignment, known[near[0]])}?" if near else ""


def _key_text(assignment: Assignment, path: KeyPath) -> str:
    """A key as a variable or a flag names it, whichever this assignment is."""
    if assignment.is_variable:
        return PREFIX + "__".join(_normalised(str(part)).upper() for part in path)
    return dotted(path)


def _normalised_parts(parts: Iterable[str]) -> tuple[str, ...]:
    return tuple(map(_normalised, parts))


def _normalised(part: str) -> str:
    """A part of a key as variables allow it: `eu-west-1` becomes `eu_west_1`."""
    return part.lower().replace("-", "_")
