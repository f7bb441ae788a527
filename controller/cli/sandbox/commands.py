"""`gtc sandbox`: runs a local world, breaks its regions, and shows what its users measure.

Every command but `run` calls a running sandbox: its world at GTC_SANDBOX_URL, or (`fault`) its
emulated AWS.
"""

from __future__ import annotations

import asyncio
import os
from functools import partial
from pathlib import Path
from typing import Any

import click

from controller.cli.sandbox.children import child, load_settings
from controller.cli.sandbox.control_client import call
from controller.cli.sandbox.faults import fault

DEFAULT_URL = "http://127.0.0.1:4580"
DEFAULT_CONFIG = Path("config/sandbox.yaml")


@click.group()
def sandbox() -> None:
    """A world to try it in, on this machine: an embedded AWS, regions and users."""


sandbox.add_command(child)
sandbox.add_command(fault)


@sandbox.command()
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    default=DEFAULT_CONFIG,
    show_default=True,
    help="The daemon's configuration; regions and users follow it.",
)
@click.option("--story", metavar="NAME", help="Play a story, then stop.")
@click.option("--users", type=click.IntRange(0), default=200, show_default=True)
@click.option("--no-daemon", is_flag=True, help="Leave out the daemon, to run it by hand.")
@click.option("--aws-port", type=click.IntRange(0, 65_535), default=4566, show_default=True)
@click.option("--aws-control-port", type=click.IntRange(0, 65_535), default=4567, show_default=True)
@click.option("--dns-port", type=click.IntRange(0, 65_535), default=10_053, show_default=True)
@click.option("--control-port", type=click.IntRange(0, 65_535), default=4580, show_default=True)
def run(
    config: Path,
    story: str | None,
    users: int,
    no_daemon: bool,
    aws_port: int,
    aws_control_port: int,
    dns_port: int,
    control_port: int,
) -> None:
    """Run the whole sandbox until Ctrl-C. Its state in .sandbox/ begins empty each time."""
    from controller.sandbox import supervisor
    from controller.sandbox.errors import SandboxError
    from controller.sandbox.live_status import show_status
    from controller.sandbox.stories.player import play
    from controller.sandbox.stories.registry import check_name

    during = show_status
    if story is not None:
        try:
            check_name(story)
        except SandboxError as error:
            raise click.UsageError(f"{error}; there is {', '.join(error.valid)}") from error
        during = partial(play, story)
    options = supervisor.SandboxOptions(
        config=config,
        users=users,
        with_daemon=not no_daemon,
        aws_port=aws_port,
        aws_control_port=aws_control_port,
        dns_port=dns_port,
        control_port=control_port,
    )
    settings = load_settings(config)
    code = asyncio.run(supervisor.run(options, settings, click.echo, during))
    click.get_current_context().exit(code)


@sandbox.command("break")
@click.argument("region")
@click.option("--how", default="dead", show_default=True, help="dead, hang, slow, errors or gray.")
def break_region(region: str, how: str) -> None:
    """Break REGION: all its endpoints, in all services. `reference-targets` counts as one."""
    _show_regions(_call("POST", "/break", {"region": region, "how": how}))


@sandbox.command()
@click.argument("region")
def heal(region: str) -> None:
    """Make REGION well again, or `all`."""
    _show_regions(_call("POST", "/heal", {"region": region}))


@sandbox.command()
@click.option("--window", "window_s", type=click.IntRange(1, 120), default=5, show_default=True)
def users(window_s: int) -> None:
    """Where the users went in the last seconds, as they measured it."""
    from controller.planning.account.columns import aligned

    split = _call("GET", f"/users?window_s={window_s}")["split"]
    rows = [("SERVICE", "POOL", "REGION", "SHARE", "REQUESTS", "ERRORS")]
    for item in split:
        numbers = (f"{item['share']:.1%}", str(item["requests"]), str(item["errors"]))
        rows.append((item["service"], item["pool"], item["region"], *numbers))
    for line in aligned(rows):
        click.echo(line)


def _show_regions(state: dict[str, Any]) -> None:
    from controller.planning.account.columns import aligned

    rows = [(name, region["mode"], region["since"]) for name, region in state["regions"].items()]
    for line in aligned(rows):
        click.echo(line)


def _call(method: str, path: str, body: dict[str, str] | None = None) -> dict[str, Any]:
    url = os.environ.get("GTC_SANDBOX_URL", DEFAULT_URL)
    return call(url, "GTC_SANDBOX_URL", method, path, body)
