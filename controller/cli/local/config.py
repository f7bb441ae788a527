"""`gtc config`: effective settings and their origin, JSON Schema, difference of two files.

Works on files, without a daemon.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import click

from controller.cli import exit_codes
from controller.cli.local.config_migrate import migrate
from controller.cli.local.validate import problem_text
from controller.cli.screen.output import format_option
from controller.cli.types.set_option import set_option
from controller.model.configuration import Settings
from controller.model.errors import InvalidSettingsError
from controller.settings import Inspection, inspect, read_text
from controller.settings.difference import differences
from controller.settings.effective_settings import EffectiveSetting, as_tree, as_yaml, entries
from controller.settings.json_schema import schema_text
from controller.settings.overlay import Assignment, from_environment, from_flags

_file = click.Path(path_type=Path, dir_okay=False)


@click.group()
def config() -> None:
    """Settings in effect and where they come from, their schema, how two files differ."""


config.add_command(migrate)


@config.command(short_help="What FILE comes to, defaults and environment included.")
@click.argument("file", type=_file)
@click.option("--origin", is_flag=True, help="Say of each value where it comes from.")
@set_option
@format_option("yaml", "json")
def show(file: Path, origin: bool, flags: tuple[str, ...], output: str) -> int:
    """What FILE comes to, with every default and what the environment lays over it.

    Precedence: --set, environment (GTC__API__PORT for api.port), file, default. Of secrets only
    where they are found is shown.
    """
    try:
        effective = _effective(file, flags)
    except InvalidSettingsError as error:
        return _report_mistakes(error)
    if output == "json":
        tree = as_tree(effective, with_origin=origin)
        click.echo(json.dumps(tree, indent=2, ensure_ascii=False))
    else:
        click.echo(as_yaml(effective, with_origin=origin))
    return exit_codes.OK


@config.command()
def schema() -> None:
    """The JSON Schema of configuration files, as in config/schema.json."""
    click.echo(schema_text(), nl=False)


@config.command(short_help="What changes from file OLD to file NEW, key by key.")
@click.argument("old", type=_file)
@click.argument("new", type=_file)
@format_option("text", "json")
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 3 when they differ.")
def diff(old: Path, new: Path, output: str, detailed_exitcode: bool) -> int:
    """What changes from file OLD to file NEW, key by key, defaults considered.

    A mark (restart) shows what a running daemon cannot take over by `gtc reload`.
    """
    try:
        changes = differences(_settings(_inspected(old)), _settings(_inspected(new)))
    except InvalidSettingsError as error:
        return _report_mistakes(error)
    if output == "json":
        click.echo(json.dumps([asdict(change) for change in changes], indent=2, ensure_ascii=False))
    elif changes:
        lines = (f"{change}{'  (restart)' if change.needs_restart else ''}" for change in changes)
        click.echo("\n".join(lines))
    else:
        click.echo("No difference.")
    return exit_codes.PLAN_HAS_CHANGES if detailed_exitcode and changes else exit_codes.OK


def _effective(file: Path, flags: tuple[str, ...]) -> tuple[EffectiveSetting, ...]:
    assignments = (*from_environment(os.environ), *from_flags(flags))
    inspection = _inspected(file, assignments)
    origins = {
        path: f"{file}:{origin.removeprefix('line ')}" if origin.startswith("line ") else origin
        for path, origin in inspection.origins.items()
    }
    return entries(_settings(inspection), origins)


def _inspected(file: Path, assignments: Iterable[Assignment] = ()) -> Inspection:
    """The file's inspection; `settings` is not None. Raises InvalidSettingsError.

    A file of version 1 causes a warning on standard error.
    """
    inspection = inspect(read_text(file), assignments)
    if inspection.settings is None:
        raise InvalidSettingsError(str(file), inspection.problems)
    if inspection.outdated is not None:
        click.echo(problem_text(str(file), "", inspection.outdated, "warning: "), err=True)
    return inspection


def _settings(inspection: Inspection) -> Settings:
    assert inspection.settings is not None, "`_inspected` refuses files with mistakes"
    return inspection.settings


def _report_mistakes(error: InvalidSettingsError) -> int:
    for problem in error.problems:
        click.echo(problem_text(error.source, "", problem), err=True)
    return exit_codes.BAD_CONFIG
