"""`gtc run FILE`: the daemon, in the foreground."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from controller.cli import exit_codes
from controller.cli.types.set_option import set_option
from controller.model.plural import counted


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
    from controller.adapters.aws.session import AwsSetupError
    from controller.cli.local.validate import problem_text
    from controller.loops.process.supervision import LoopEndedError
    from controller.model.errors import InvalidSettingsError, StateUnavailableError
    from controller.settings import ConfigSource

    structured_log.configure()
    log = structlog.get_logger("run")
    source = ConfigSource(file, flags=flags)
    try:
        loaded = source.load()
    except InvalidSettingsError as error:
        texts = [problem_text(error.source, "", problem) for problem in error.problems]
        number = counted(len(texts), "problem")
        _report_problems(texts, f"{number} in the settings; see: gtc validate --references {file}")
        return exit_codes.BAD_CONFIG
    try:
        asyncio.run(daemon.run(source, loaded, lambda ready: click.echo(json.dumps(ready))))
    except AwsSetupError as error:
        log.critical("not_started", error=str(error))
        return exit_codes.BAD_CONFIG
    except (StateUnavailableError, OSError) as error:
        log.critical("not_started", error=str(error))
        return exit_codes.FAILED
    except LoopEndedError:
        return exit_codes.FAILED  # the log names the loop and the error
    return exit_codes.OK


def _report_problems(problems: Sequence[str], summary: str) -> None:
    """Log one line for each problem; on a terminal, print them as `gtc validate` does."""
    import structlog

    if sys.stderr.isatty():
        click.echo("\n".join([*problems, summary]), err=True)
        return
    log = structlog.get_logger("run")
    for problem in problems:
        log.critical("bad_settings", problem=problem)
    log.critical("not_started", error=summary)
