"""`gtc sandbox child …`: the processes that the sandbox's supervisor starts; hidden from help.

A child prints one JSON line when it is ready and ends on SIGTERM. It logs to standard error, which
the supervisor writes to a file.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from controller.cli import exit_codes

if TYPE_CHECKING:
    from controller.model.configuration import Settings

Announce = Callable[[dict[str, object]], None]
_OPEN_FILES = 4096
_CONFIG = click.argument("config", type=click.Path(path_type=Path))


@click.group(hidden=True)
def child() -> None:
    """One process of the sandbox."""


@child.command()
@click.option("--port", type=int, required=True)
@click.option("--control-port", type=int, required=True)
@click.option("--dns-port", type=int, required=True)
def aws(port: int, control_port: int, dns_port: int) -> None:
    """The emulated AWS and its name server."""
    from controller.sandbox.emulator.server import ServerOptions, serve

    options = ServerOptions(http_port=port, control_port=control_port, dns_port=dns_port)
    _run_child(lambda announce, stop: serve(options, announce, stop))


@child.command()
@_CONFIG
@click.option("--port", type=int, required=True)
@click.option("--dns", required=True)
@click.option("--daemon-url", required=True)
@click.option("--users", type=int, required=True)
def world(config: Path, port: int, dns: str, daemon_url: str, users: int) -> None:
    """Regional applications, users, and the control API."""
    from controller.sandbox.world.world_process import WorldOptions, serve

    settings = load_settings(config)
    options = WorldOptions(control_port=port, dns=dns, daemon_url=daemon_url, users=users)
    _run_child(lambda announce, stop: serve(options, settings, announce, stop))


@child.command()
@_CONFIG
def seed(config: Path) -> None:
    """Make the records and accelerators the configuration names, then end."""
    from controller.sandbox.seeding.stack import seed as seed_stack

    settings = load_settings(config)

    async def seed_and_announce(announce: Announce, stop: asyncio.Event) -> None:
        await seed_stack(settings)
        announce({"ready": "seed"})

    _run_child(seed_and_announce)


def load_settings(config: Path) -> Settings:
    """The settings of a file. Prints every mistake and exits with BAD_CONFIG if there is one."""
    from controller.cli.local.validate import problem_text
    from controller.model.errors import InvalidSettingsError
    from controller.settings import ConfigSource

    try:
        return ConfigSource(config).load().settings
    except InvalidSettingsError as error:
        for problem in error.problems:
            click.echo(problem_text(error.source, "", problem), err=True)
        click.get_current_context().exit(exit_codes.BAD_CONFIG)


def _run_child(serve: Callable[[Announce, asyncio.Event], Awaitable[None]]) -> None:
    """Serve until SIGTERM. Raises ClickException for an error of the sandbox or the system."""
    from controller.sandbox.errors import SandboxError

    _log_to_stderr()
    _allow_open_files()
    try:
        asyncio.run(_until_sigterm(serve))
    except (SandboxError, OSError) as error:
        raise click.ClickException(str(error)) from error


async def _until_sigterm(serve: Callable[[Announce, asyncio.Event], Awaitable[None]]) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await serve(lambda line: click.echo(json.dumps(line)), stop)


def _allow_open_files() -> None:
    """Raise the limit of open files: 200 users of a hanging region exceed the default of macOS."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < limit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


def _log_to_stderr() -> None:
    import structlog

    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.dev.ConsoleRenderer(colors=False),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
