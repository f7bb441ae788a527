"""From a file to `Settings`, or to every mistake in it at once.

Three sources of mistakes meet here: the YAML itself (`yaml`), the nouns' own validation put into
words (`messages`), and rules that join fields (`rules`). Whatever can be known is reported in one
go, in the order of the lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from controller.model.configuration import Settings
from controller.model.errors import InvalidSettingsError, Problem
from controller.settings.messages import findings
from controller.settings.parts import Parts
from controller.settings.rules import check
from controller.settings.warnings import warnings_for
from controller.settings.yaml import Document, read


@dataclass(frozen=True, slots=True)
class Inspection:
    """All that can be said of a configuration's text."""

    settings: Settings | None
    """None when there are problems."""
    problems: tuple[Problem, ...] = ()
    """Mistakes, in the order of the lines."""
    warnings: tuple[Problem, ...] = ()
    """What is allowed but rarely meant, in the order of the lines."""


def load(path: Path) -> Settings:
    """The settings in a file.

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


def inspect(text: str) -> Inspection:
    """Settings, mistakes and warnings of a text, without raising."""
    document = read(text)
    if document.data is None:
        return Inspection(None, _in_order(document.problems))
    settings, problems = _validate(document, document.data)
    joined = [document.problem(finding) for finding in check(Parts.of(document.data))]
    if settings is None or document.problems or joined:
        return Inspection(None, _in_order([*document.problems, *problems, *joined]))
    warnings = [document.problem(finding) for finding in warnings_for(settings)]
    return Inspection(settings, warnings=_in_order(warnings))


def read_text(path: Path) -> str:
    """A file's text. Raises InvalidSettingsError when it cannot be read as UTF-8."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        message = f"not UTF-8 text (byte {error.start + 1}); save it as UTF-8"
    except OSError as error:
        message = f"cannot be read: {error.strerror or error}"
    raise InvalidSettingsError(str(path), (Problem(message),))


def _validate(document: Document, data: object) -> tuple[Settings | None, list[Problem]]:
    """The settings, or the mistakes but for those that only follow from the YAML's own."""
    try:
        return Settings.model_validate(data), []
    except ValidationError as error:
        found = findings(error.errors(include_url=False), document.places)
    refused = {(problem.line, problem.column) for problem in document.problems}
    problems = [document.problem(finding) for finding in found]
    return None, [one for one in problems if (one.line, one.column) not in refused]


def _in_order(problems: list[Problem] | tuple[Problem, ...]) -> tuple[Problem, ...]:
    return tuple(sorted(problems, key=lambda problem: (problem.line, problem.column)))
