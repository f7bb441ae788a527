"""`gtc run FILE`: the daemon, in the foreground."""

from __future__ import annotations

import json
from pathlib import Path

import click

from controller.cli import exit_codes
from controller.cli.flags import set_option


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@set_option
def run(file: Path, flags: tuple[str, ...]) -> int:
    """Run the daemon with the settings in FILE until SIGTERM or Ctrl-C.

    Variables such as GTC__API__PORT go over the file. SIGHUP has both read again, as `gtc reload`
    does. Prints one JSON line with the admin API's address when it is ready; logs go to standard
    error.
    """
    import asyncio

    import structlog

    from controller import daemon
    from controller.adapters import structured_log
    from controller.adapters.aws.session import EndpointUrlMissingError
    from controller.cli.validate import problem_text
    from controller.loops.supervision import LoopEndedError
    from controller.model.errors import InvalidSettingsError, StateUnavailableError
    from controller.settings import Source

    source = Source(file, flags=flags)
    try:
        loaded = source.load()
    except InvalidSettingsError as error:
        for problem in error.problems:
            click.echo(problem_text(error.source, "", problem), err=True)
        click.echo(f"{len(error.problems)} problem(s); see: gtc validate {file}", err=True)
        return exit_codes.BAD_CONFIG
    structured_log.configure()
    try:
        asyncio.run(daemon.run(source, loaded, lambda ready: click.echo(json.dumps(ready))))
    except (StateUnavailableError, EndpointUrlMissingError, OSError) as error:
        structlog.get_logger("run").critical("not_started", error=str(error))
        return exit_codes.FAILED
    except LoopEndedError:
        return exit_codes.FAILED  # the log has said which loop, and why
    return exit_codes.OK
