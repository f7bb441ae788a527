"""From a file, with what the environment lays over it, to `Settings` or to every mistake at once.

Mistakes come from three sources: the YAML itself (`strict_yaml`), the configuration models' own
validation, put into words by `validation_messages`, and rules that join fields
(`cross_field_rules`). All of them are reported at once, in the order of the lines.
`ConfigSource.load` also fetches what the settings refer to (`references`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import ValidationError

from controller.model.configuration import Settings
from controller.model.errors import InvalidSettingsError, Problem
from controller.settings.cross_field_rules import check
from controller.settings.file_positions import KeyPath, RuleFinding, dotted
from controller.settings.overlay import Assignment, Overlaid, of_environment, of_flags, overlay
from controller.settings.references import References, resolve
from controller.settings.sound_parts import Parts
from controller.settings.strict_yaml import Document, read
from controller.settings.validation_messages import findings
from controller.settings.warnings import warnings_for

LARGEST = 4 * 2**20
"""Bytes a file may have. 2,000 pools with their latencies to 60 regions take three quarters."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """All that can be said of a configuration's text."""

    settings: Settings | None
    """None when there are problems."""
    problems: tuple[Problem, ...] = ()
    """Mistakes, in the order of the lines."""
    warnings: tuple[Problem, ...] = ()
    """What is allowed but rarely meant, in the order of the lines."""
    origins: Mapping[KeyPath, str] = field(default_factory=dict)
    """Where each key comes from that is not at its default: `line 12`, `env:NAME`, `--set key`."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, and what they refer to, as of one moment."""

    settings: Settings
    references: References


@dataclass(frozen=True, slots=True)
class ConfigSource:
    """Where a daemon's settings come from; flags go over the environment, that over the file."""

    path: Path
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)
    flags: tuple[str, ...] = ()
    """`KEY=VALUE` each."""

    @property
    def assignments(self) -> tuple[Assignment, ...]:
        """What is laid over the file. Raises ValueError for a flag without `=`."""
        return (*of_environment(self.environment), *of_flags(self.flags))

    def load(self) -> Loaded:
        """Read everything anew. Raises InvalidSettingsError with every mistake."""
        text = read_text(self.path)
        document = _Layered(text, self.assignments)
        inspection = document.inspect()
        if inspection.settings is None:
            raise InvalidSettingsError(str(self.path), inspection.problems)
        references, missing = resolve(inspection.settings, self.environment)
        if missing:
            problems = _in_order([document.problem(finding) for finding in missing])
            raise InvalidSettingsError(str(self.path), problems)
        return Loaded(inspection.settings, references)


def load(path: Path) -> Settings:
    """The settings in a file, with nothing laid over it.

    Raises InvalidSettingsError with every mistake; a file that cannot be read is one, too.
    """
    return parse(read_text(path), str(path))


def parse(text: str, source: str) -> Settings:
    """The settings in a text; `source` names it in errors.

    Raises InvalidSettingsError with every mistake, and nothing else, whatever the text.
    """
    inspection = inspect(text)
    if inspection.settings is None:
        raise InvalidSettingsError(source, inspection.problems)
    return inspection.settings


def inspect(text: str, assignments: Iterable[Assignment] = ()) -> Inspection:
    """Settings, mistakes and warnings of a text with `assignments` over it, without raising."""
    return _Layered(text, assignments).inspect()


def read_text(path: Path) -> str:
    """A file's text. Raises InvalidSettingsError when it is too large or not UTF-8."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
        if len(data) <= LARGEST:
            return data.decode().replace("\r\n", "\n").replace("\r", "\n")
        message = (
            f"larger than {LARGEST // 2**20} MiB, which no settings are; is it the right file?"
        )
    except UnicodeDecodeError as error:
        message = f"not UTF-8 text (byte {error.start + 1}); save it as UTF-8"
    except OSError as error:
        message = f"cannot be read: {error.strerror or error}"
    raise InvalidSettingsError(str(path), (Problem(message),))


class _Layered:
    """A document with values laid over it; says of each key and mistake where it comes from."""

    def __init__(self, text: str, assignments: Iterable[Assignment]) -> None:
        self._document: Document = read(text)
        self._overlaid = Overlaid({})
        if self._document.data is not None:
            self._overlaid = overlay(self._document.data, assignments)

    def inspect(self) -> Inspection:
        if self._document.data is None:
            return Inspection(None, _in_order(self._document.problems))
        data = self._overlaid.data
        settings, problems = self._validate(data)
        found = [*self._document.problems, *self._overlaid.problems, *problems]
        found += [self.problem(finding) for finding in check(Parts.of(data))]
        if settings is None or found:
            return Inspection(None, _in_order(found))
        warnings = [self.problem(finding) for finding in warnings_for(settings)]
        return Inspection(settings, warnings=_in_order(warnings), origins=self._origins())

    def problem(self, finding: RuleFinding) -> Problem:
        """A finding with its place: in the file, or what was laid over it."""
        origins = self._overlaid.origins
        for path in (finding.path, finding.path[:-1]):  # an item of a list is set with its list
            if path in origins:
                return Problem(
                    finding.message,
                    dotted(finding.path),
                    hint=finding.hint,
                    origin=origins[path],
                    confidential=finding.confidential,
                )
        return self._document.problem(finding)

    def _validate(self, data: object) -> tuple[Settings | None, list[Problem]]:
        """The settings, or the mistakes but for those that only follow from the YAML's own."""
        try:
            return Settings.model_validate(data), []
        except ValidationError as error:
            found = findings(error.errors(include_url=False), self._document.places)
        refused = {(problem.line, problem.column) for problem in self._document.problems}
        problems = [self.problem(finding) for finding in found]
        return None, [one for one in problems if (one.line, one.column) not in refused]

    def _origins(self) -> dict[KeyPath, str]:
        lines = {path: f"line {place.key.line}" for path, place in self._document.places.items()}
        return {**lines, **self._overlaid.origins}


def _in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """By their lines. One that may show a secret keeps the others of its line from showing it."""
    found = sorted(problems, key=lambda problem: (problem.line, problem.column))
    lines = {problem.line for problem in found if problem.confidential}
    return tuple(replace(one, confidential=one.line in lines) for one in found)
