"""Loads a file with its overlay: `Settings`, or every mistake at once.

Mistakes come from the YAML (`strict_yaml`), from the configuration models' validation
(`validation_messages`) and from rules that join fields (`rules`). All are reported together, in the
order of the lines. A file of version 1 is validated as such, and then migrated. `ConfigSource.load`
also resolves what the settings refer to (`references`).
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import ValidationError

from controller.model.configuration import ConfigModel, KeyPath, Settings
from controller.model.configuration.earlier_settings import (
    EARLIER_VERSION,
    Contradiction,
    Migration,
    is_earlier,
    migrated,
)
from controller.model.errors import InvalidSettingsError, Problem
from controller.settings.effective_settings import as_flow
from controller.settings.file_positions import RuleFinding, dotted, locate
from controller.settings.migration.version_1 import SettingsOfVersion1
from controller.settings.overlay import (
    Assignment,
    OverlayResult,
    from_environment,
    from_flags,
    overlay,
)
from controller.settings.references import References, resolve
from controller.settings.rules.cross_field import check
from controller.settings.rules.sound_parts import SettingsParts
from controller.settings.rules.warnings import warnings_for
from controller.settings.strict_yaml import Document, read
from controller.settings.validation_messages import findings

MAX_BYTES = 4 * 2**20
"""Limit of a file's size. 2,000 pools with latencies to 60 regions take three quarters of it."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """Result of checking a configuration's text. `(settings is None) == bool(problems)`."""

    settings: Settings | None
    """None if there are problems."""
    problems: tuple[Problem, ...] = ()
    """Mistakes, in the order of the lines."""
    warnings: tuple[Problem, ...] = ()
    """What is allowed but rarely meant, in the order of the lines."""
    origins: Mapping[KeyPath, str] = field(default_factory=dict)
    """Key that is set to its origin: `line 12`, `env:NAME`, `--set key`."""
    outdated: Problem | None = None
    """The warning that the file is of an earlier version, if it is."""


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """Settings and their resolved references, as of one load."""

    settings: Settings
    references: References
    outdated: Problem | None = None
    """The warning that the file is of an earlier version, if it is."""


@dataclass(frozen=True, slots=True)
class ConfigSource:
    """Where a daemon's settings come from. Flags override the environment, which overrides the
    file."""

    path: Path
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)
    flags: tuple[str, ...] = ()
    """Each `KEY=VALUE`."""

    @property
    def assignments(self) -> tuple[Assignment, ...]:
        """Values that override the file. Raises ValueError for a flag without `=`."""
        return (*from_environment(self.environment), *from_flags(self.flags))

    def load(self) -> LoadedSettings:
        """Read file, environment and references. Raises InvalidSettingsError with every mistake."""
        text = read_text(self.path)
        document = _OverlaidDocument(text, self.assignments)
        inspection = document.inspect()
        if inspection.settings is None:
            raise InvalidSettingsError(str(self.path), inspection.problems)
        references, missing = resolve(inspection.settings, self.environment)
        if missing:
            problems = _in_order([document.problem(finding) for finding in missing])
            raise InvalidSettingsError(str(self.path), problems)
        return LoadedSettings(inspection.settings, references, inspection.outdated)


def load(path: Path) -> Settings:
    """The settings in a file, without an overlay.

    Raises InvalidSettingsError with every mistake; a file that cannot be read is one, too.
    """
    return parse(read_text(path), str(path))


def parse(text: str, source: str) -> Settings:
    """The settings in a text; `source` names it in errors.

    Raises InvalidSettingsError with every mistake, and no other error for any text.
    """
    inspection = inspect(text)
    if inspection.settings is None:
        raise InvalidSettingsError(source, inspection.problems)
    return inspection.settings


def inspect(
    text: str,
    assignments: Iterable[Assignment] = (),
    references_in: Mapping[str, str] | None = None,
) -> Inspection:
    """Settings, mistakes and warnings of a text with `assignments` laid over it. Never raises.

    `references_in`: the environment by which secrets and files of authorities are read, too, as at
    a start; None: they are not looked at.
    """
    document = _OverlaidDocument(text, assignments)
    inspection = document.inspect()
    if inspection.settings is None or references_in is None:
        return inspection
    _, missing = resolve(inspection.settings, references_in)
    if not missing:
        return inspection
    return Inspection(None, _in_order([document.problem(finding) for finding in missing]))


def read_text(path: Path) -> str:
    """A file's text. Raises InvalidSettingsError if it cannot be read, is too large or not
    UTF-8."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) <= MAX_BYTES:
            return data.decode().replace("\r\n", "\n").replace("\r", "\n")
        message = (
            f"larger than {MAX_BYTES // 2**20} MiB, which no settings are; is it the right file?"
        )
    except UnicodeDecodeError as error:
        message = f"not UTF-8 text (byte {error.start + 1}); save it as UTF-8"
    except OSError as error:
        message = f"cannot be read: {error.strerror or error}"
    raise InvalidSettingsError(str(path), (Problem(message),))


class _OverlaidDocument:
    """A document with values laid over it. It knows the origin of each key and mistake."""

    def __init__(self, text: str, assignments: Iterable[Assignment]) -> None:
        self._document: Document = read(text)
        data = self._document.data
        self._root = SettingsOfVersion1 if is_earlier(data) else Settings
        self._overlaid = OverlayResult({})
        self._migration = Migration({})
        if data is not None:
            self._overlaid = overlay(data, assignments, self._root)
            self._migration = Migration(self._overlaid.data)
        if self._root is SettingsOfVersion1:
            self._migration = migrated(self._overlaid.data)

    def inspect(self) -> Inspection:
        if self._document.data is None:
            return Inspection(None, _in_order(self._document.problems))
        model, mistakes = self._validated()
        unknown = [mistake for mistake in mistakes if mistake.path == "schema_version"]
        if unknown and "schema_version" in self._document.data:
            return Inspection(None, _in_order(unknown))  # all other checks need the version
        found = [*self._document.problems, *self._overlaid.problems, *mistakes]
        found += self._contradictions({mistake.path for mistake in mistakes})
        found += [
            self.problem(finding) for finding in check(SettingsParts.of(self._migration.data))
        ]
        if model is None or found:
            return Inspection(None, _in_order(found))
        if isinstance(model, Settings):
            settings, outdated = model, None
        else:
            settings, outdated = Settings.model_validate(self._migration.data), self._outdated()
        warnings = [self.problem(finding) for finding in warnings_for(settings)]
        warnings += [outdated] if outdated else []
        return Inspection(settings, (), _in_order(warnings), self._origins(), outdated)

    def problem(self, finding: RuleFinding) -> Problem:
        """A finding about settings of version 2, with its origin."""
        return self._located(finding._replace(path=self._migration.earlier_path(finding.path)))

    def _located(self, finding: RuleFinding) -> Problem:
        """A finding in keys of the file, with its position there or the assignment laid over it."""
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

    def _validated(self) -> tuple[ConfigModel | None, list[Problem]]:
        """The validated model, or its mistakes without those that follow from mistakes in the
        YAML."""
        try:
            return self._root.model_validate(self._overlaid.data), []
        except ValidationError as error:
            errors = error.errors(include_url=False)
        found = findings(errors, self._document.positions, self._root)
        refused = {(problem.line, problem.column) for problem in self._document.problems}
        problems = [self._located(finding) for finding in found]
        return None, [p for p in problems if (p.line, p.column) not in refused]

    def _contradictions(self, mistaken: Collection[str]) -> Iterator[Problem]:
        """Different sound values in a file of version 1 for one key of version 2."""
        for found in self._migration.contradictions:
            if dotted(found.first) not in mistaken and dotted(found.second) not in mistaken:
                yield self._located(self._contradiction(found))

    def _contradiction(self, found: Contradiction) -> RuleFinding:
        region, name = found.key[-2:]
        first, second = as_flow(found.first_value), as_flow(found.second_value)
        message = (
            f"{name} of {region} is {second} here and {first} "
            f"in {dotted(found.first)} ({self._origin_text(found.first)}): a region has one"
        )
        hint = "write the same in both; in version 2 it stands once, in the catalogue of regions"
        return RuleFinding(found.second, message, hint)

    def _origin_text(self, path: KeyPath) -> str:
        """Origin of a key: its assignment or its line; if the file lacks it, its parent's line."""
        line = locate(self._document.positions, path).line
        return self._overlaid.origins.get(path, f"line {line}")

    def _outdated(self) -> Problem:
        """The warning that the file is of an earlier version."""
        message = f"the file is of version {EARLIER_VERSION}, which is out of date"
        hint = "`gtc config migrate FILE` prints it in the form of version 2, --write replaces it"
        return self.problem(RuleFinding(("schema_version",), message, hint))

    def _origins(self) -> dict[KeyPath, str]:
        """Origins by keys of the present version."""
        lines = {
            path: f"line {position.key.line}" for path, position in self._document.positions.items()
        }
        found = {**lines, **self._overlaid.origins}
        moved = self._migration.came_from.items()
        return {**found, **{path: found[then] for path, then in moved if then in found}}


def _in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Problems by line and column. If one in a line is confidential, all in that line are."""
    found = sorted(problems, key=lambda problem: (problem.line, problem.column))
    lines = {problem.line for problem in found if problem.confidential}
    return tuple(replace(problem, confidential=problem.line in lines) for problem in found)
