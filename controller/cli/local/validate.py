"""`gtc validate`: every mistake in configuration files; starts nothing.

`--observed` asks the daemon what it reads at AWS: what is set up wrongly or not steered there, and
its residency proof: whether the records keep the users of bound pools in their regions, whichever
regions fail or are drained.

The report goes to standard output. Each problem's first line has the form
`file:line:column: message (path)`, which editors and CI systems parse.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import click

from controller.cli import exit_codes
from controller.cli.daemon import observed_residency
from controller.cli.daemon.client import Client
from controller.cli.daemon.client_options import address_options, client_of
from controller.cli.daemon.observed_residency import WHOLE_DEADLINE_S, ObservedPool, bound_pools
from controller.cli.daemon.observed_set_up import ObservedSetUp, set_up_of
from controller.cli.screen.output import format_option
from controller.model.configuration import Settings
from controller.model.errors import InvalidSettingsError, Problem
from controller.model.plural import counted
from controller.planning.residency.proof import PROOF_LIMITS
from controller.settings import Inspection, inspect, read_text
from controller.settings.overlay import from_environment

_LINE_END = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
"""YAML's line ends. str.splitlines splits at more characters and would misplace the caret."""


@dataclass(frozen=True, slots=True)
class ValidationReport:
    """The result for one file; `text` is empty if the file could not be read."""

    source: str
    text: str
    inspection: Inspection


@dataclass(frozen=True, slots=True)
class Observations:
    """What the daemon read at AWS."""

    pools: tuple[ObservedPool, ...]
    """The bound ones."""
    set_up: ObservedSetUp

    @property
    def proven(self) -> bool:
        """Whether everything was read, and residency holds in every bound pool."""
        return not self.set_up.unread and all(pool.proven for pool in self.pools)


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--references",
    is_flag=True,
    help="Read the secrets and files of authorities that FILES refer to, too, as a start does.",
)
@click.option(
    "--observed",
    "ask_daemon",
    is_flag=True,
    help="Ask the daemon, too: whether AWS is set up as configured and keeps residency.",
)
@address_options
@format_option("text", "json")
def validate(
    files: tuple[Path, ...],
    output: str,
    references: bool,
    ask_daemon: bool,
    endpoints: Sequence[str],
    context_name: str | None,
) -> None:
    """Check configuration FILES and report every mistake at once.

    Variables such as GTC__API__PORT go over each file, as when the daemon runs. Nothing is started
    and nothing is asked of AWS. With --references, what FILES refer to must be readable here. With
    --observed the daemon is asked, with or without FILES, for what is misconfigured or not steered
    at AWS, and for its proof over every combination of failed regions and drains, by the settings
    it runs with and by all records of its hosted zones, which it lists for that; `gtc reload
    --dry-run` has it prove those of its file. Exits with 0 when all is in order (there may be
    warnings and notices), with 78 when a file or AWS's set-up is not, and with 4 when residency is
    not proven or AWS was not read yet.
    """
    context = click.get_current_context()
    if not files and not ask_daemon:
        raise click.UsageError("name FILES to check, or --observed to ask the daemon")
    reports = [_examine(path, references) for path in files]
    seen = _observations(client_of(context, endpoints, context_name)) if ask_daemon else None
    click.echo(_as_json(reports, seen) if output == "json" else _as_text(reports, seen))
    is_set_up = seen is None or not seen.set_up.faults
    if not is_set_up or any(report.inspection.problems for report in reports):
        context.exit(exit_codes.BAD_CONFIG)
    if seen is not None and not seen.proven:
        context.exit(exit_codes.REFUSED)


def problem_text(source: str, text: str, problem: Problem, kind: str = "") -> str:
    """A problem as text: place and message, the line with a caret, the hint.

    `text` is the file's content; without it the line is left out.
    """
    position = f"{source}:{problem.line}:{problem.column}" if problem.line else source
    position = problem.origin or position
    path = f" ({problem.path})" if problem.path else ""
    lines = [f"{position}: {kind}{problem.message}{path}"]
    if text and problem.line and not problem.confidential:
        lines += _excerpt(text, problem.line, problem.column)
    if problem.hint:
        lines.append(f"      {problem.hint}")
    return "\n".join(lines)


def _observations(client: Client) -> Observations:
    client.set_deadline(WHOLE_DEADLINE_S)
    status = client.get("/v1/status", whole="true")
    return Observations(bound_pools(status), set_up_of(status))


def _examine(path: Path, references: bool) -> ValidationReport:
    try:
        text = read_text(path)
    except InvalidSettingsError as error:
        return ValidationReport(str(path), "", Inspection(None, error.problems))
    references_in = os.environ if references else None
    inspection = inspect(text, from_environment(os.environ), references_in)
    return ValidationReport(str(path), text, inspection)


@lru_cache(maxsize=1)
def _lines(text: str) -> list[str]:
    """The lines of a text; cached, because a text may have thousands of mistakes."""
    return _LINE_END.split(text)


def _excerpt(text: str, line: int, column: int) -> list[str]:
    """The line, cut to 100 characters around the column, and a caret below the column."""
    lines = _lines(text)
    content = lines[line - 1] if line <= len(lines) else ""
    start = max(0, column - 60)
    excerpt = "".join(char if char.isprintable() else " " for char in content[start : start + 100])
    return [f"{line:5} | {excerpt.rstrip()}", f"      | {' ' * (column - 1 - start)}^"]


def _as_text(reports: list[ValidationReport], seen: Observations | None) -> str:
    blocks = []
    for report in reports:
        source, text, inspection = report.source, report.text, report.inspection
        blocks += [problem_text(source, text, problem) for problem in inspection.problems]
        if inspection.settings is not None:
            blocks.append(f"{source}: ok ({_summary(inspection.settings)})")
        blocks += [
            problem_text(source, text, warning, "warning: ") for warning in inspection.warnings
        ]
    if seen is not None:
        blocks += [*seen.set_up.report_lines(), *observed_residency.report_lines(seen.pools)]
    blocks += [f"note: {limit}" for limit in _limits(reports, seen)]
    count = sum(len(report.inspection.problems) for report in reports)
    if count:
        blocks.append(counted(count, "problem"))
    return "\n".join(blocks)


def _summary(settings: Settings) -> str:
    services, regions, pools = _sizes(settings)
    return f"{counted(services, 'service')}, {counted(regions, 'region')}, {counted(pools, 'pool')}"


def _sizes(settings: Settings) -> tuple[int, int, int]:
    services = settings.services.values()
    return len(services), len(settings.regions), sum(len(service.pools) for service in services)


def _as_json(reports: list[ValidationReport], seen: Observations | None) -> str:
    ok = not any(report.inspection.problems for report in reports)
    document: dict[str, object] = {
        "version": 1,
        "ok": ok and (seen is None or (seen.proven and not seen.set_up.faults)),
        "files": [_file_as_json(report) for report in reports],
        "limits": list(_limits(reports, seen)),
    }
    if seen is not None:
        document["observed"] = observed_residency.as_json(seen.pools)
        document |= seen.set_up.as_json()
    return json.dumps(document, indent=2, sort_keys=True)


def _limits(reports: list[ValidationReport], seen: Observations | None) -> Iterator[str]:
    """What the residency proof cannot show; empty if no pool is bound by a residency."""
    services = [
        service
        for report in reports
        if report.inspection.settings is not None
        for service in report.inspection.settings.services.values()
    ]
    if (seen and seen.pools) or any(
        pool.residency for service in services for pool in service.pools.values()
    ):
        yield from PROOF_LIMITS


def _file_as_json(report: ValidationReport) -> dict[str, object]:
    inspection = report.inspection
    result: dict[str, object] = {
        "file": report.source,
        "ok": not inspection.problems,
        "problems": [_problem_as_json(problem) for problem in inspection.problems],
        "warnings": [_problem_as_json(warning) for warning in inspection.warnings],
    }
    if inspection.settings is not None:
        services, regions, pools = _sizes(inspection.settings)
        result |= {"services": services, "regions": regions, "pools": pools}
    return result


def _problem_as_json(problem: Problem) -> dict[str, object]:
    members = asdict(problem)
    del members["confidential"]  # the document never shows the line
    if not problem.origin:
        del members["origin"]
    return members
