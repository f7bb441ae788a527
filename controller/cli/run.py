"""`gtc run FILE`: the daemon, in the foreground."""

from __future__ import annotations

import json
from pathlib import Path

import click

from controller.cli import exit_codes


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def run(file: Path) -> int:
    """Run the daemon with the settings in FILE until SIGTERM or Ctrl-C.

    Prints one JSON line with the admin API's address when it is ready; logs go to standard error.
    """
    import asyncio

    from controller import daemon
    from controller.adapters import structured_log
    from controller.adapters.aws.session import EndpointUrlMissingError
    from controller.cli.validate import problem_text
    from controller.model.errors import InvalidSettingsError, StateUnavailableError
    from controller.settings import load

    try:
        settings = load(file)
    except InvalidSettingsError as error:
        for problem in error.problems:
            click.echo(problem_text(error.source, "", problem), err=True)
        click.echo(f"{len(error.problems)} problem(s); see: gtc validate {file}", err=True)
        return exit_codes.BAD_CONFIG
    structured_log.configure()
    try:
        asyncio.run(daemon.run(settings, lambda ready: click.echo(json.dumps(ready))))
    except (StateUnavailableError, EndpointUrlMissingError, OSError) as error:
        click.echo(f"gtc run: {error}", err=True)
        return exit_codes.FAILED
    return exit_codes.OK
