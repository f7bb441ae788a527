"""`gtc validate`: everything that is wrong with configuration files, without starting anything.

The report goes to standard output, for it is what was asked for. Each problem's first line has the
form `file:line:column: message (path)` that editors and CI systems understand.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from controller.cli import exit_codes
from controller.model.configuration import Settings
from controller.model.errors import InvalidSettingsError, Problem
from controller.settings import Inspection, inspect, read_text
from controller.settings.overlay import of_environment

_LINE_END = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
"""Where YAML counts a new line; str.splitlines knows more, and carets would slip."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was found in one file; `text` is empty when it could not be read."""

    source: str
    text: str
    inspection: Inspection


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Form of the report.",
)
def validate(files: tuple[Path, ...], output: str) -> None:
    """Check configuration FILES and report every mistake at once.

    Variables such as GTC__API__PORT go over each file, as when the daemon runs. Nothing is started
    and nothing is asked of AWS. Exits with 0 when all files are in order (there may be warnings)
    and with 78 when one is not.
    """
    reports = [_examine(path) for path in files]
    click.echo(_as_json(reports) if output == "json" else _as_text(reports))
    if any(report.inspection.problems for report in reports):
        click.get_current_context().exit(exit_codes.BAD_CONFIG)


def problem_text(source: str, text: str, problem: Problem, kind: str = "") -> str:
    """A problem as people read it: place and message, the line with a caret, the hint.

    `text` is the file's content; empty leaves the line out.
    """
    place = f"{source}:{problem.line}:{problem.column}" if problem.line else source
    place = problem.origin or place
    path = f" ({problem.path})" if problem.path else ""
    lines = [f"{place}: {kind}{problem.message}{path}"]
    if text and problem.line and not problem.confidential:
        lines += _excerpt(text, problem.line, problem.column)
    if problem.hint:
        lines.append(f"      {problem.hint}")
    return "\n".join(lines)


def _examine(path: Path) -> Report:
    try:
        text = read_text(path)
    except InvalidSettingsError as error:
        return Report(str(path), "", Inspection(None, error.problems))
    return Report(str(path), text, inspect(text, of_environment(os.environ)))


def _excerpt(text: str, line: int, column: int) -> list[str]:
    """The line and a caret below the column; long lines are shown around it."""
    lines = _LINE_END.split(text)
    content = lines[line - 1] if line <= len(lines) else ""
    start = max(0, column - 60)
    shown = "".join(one if one.isprintable() else " " for one in content[start : start + 100])
    return [f"{line:5} | {shown.rstrip()}", f"      | {' ' * (column - 1 - start)}^"]


def _as_text(reports: list[Report]) -> str:
    blocks = []
    for report in reports:
        source, text, inspection = report.source, report.text, report.inspection
        blocks += [problem_text(source, text, problem) for problem in inspection.problems]
        if inspection.settings is not None:
            blocks.append(f"{source}: ok ({_summary(inspection.settings)})")
        blocks += [problem_text(source, text, one, "warning: ") for one in inspection.warnings]
    count = sum(len(report.inspection.problems) for report in reports)
    if count:
        blocks.append(_count(count, "problem"))
    return "\n".join(blocks)


def _summary(settings: Settings) -> str:
    services, regions, pools = _sizes(settings)
    return f"{_count(services, 'service')}, {_count(regions, 'region')}, {_count(pools, 'pool')}"


def _sizes(settings: Settings) -> tuple[int, int, int]:
    services = settings.services.values()
    regions = sum(len(service.regions) for service in services)
    return len(services), regions, sum(len(service.pools) for service in services)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _as_json(reports: list[Report]) -> str:
    files = [_file_as_json(report) for report in reports]
    ok = not any(report.inspection.problems for report in reports)
    return json.dumps({"version": 1, "ok": ok, "files": files}, indent=2, sort_keys=True)


def _file_as_json(report: Report) -> dict[str, object]:
    inspection = report.inspection
    result: dict[str, object] = {
        "file": report.source,
        "ok": not inspection.problems,
        "problems": [_problem_as_json(problem) for problem in inspection.problems],
        "warnings": [_problem_as_json(one) for one in inspection.warnings],
    }
    if inspection.settings is not None:
        services, regions, pools = _sizes(inspection.settings)
        result |= {"services": services, "regions": regions, "pools": pools}
    return result


def _problem_as_json(problem: Problem) -> dict[str, object]:
    found = asdict(problem)
    del found["confidential"]  # nothing here shows the line
    if not problem.origin:
        del found["origin"]
    return found
