"""`gtc sandbox`: run a local world, break its regions, and see what its users measure.

All but `run` talk to the control API of a sandbox that runs, found by GTC_SANDBOX_URL.
"""

from __future__ import annotations

import asyncio
import json
import os
from functools import partial
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

import click

from controller.cli import exit_codes
from controller.cli.sandbox_child import child, load_settings

DEFAULT_URL = "http://127.0.0.1:4580"
DEFAULT_CONFIG = Path("config/sandbox.yaml")
_DEADLINE_S = 5.0


class UnreachableError(click.ClickException):
    """No sandbox answers."""

    exit_code = exit_codes.UNREACHABLE


class WrongValueError(click.ClickException):
    """The sandbox does not know what was named."""

    exit_code = exit_codes.USAGE


@click.group()
def sandbox() -> None:
    """A world to try it in, on this machine: an embedded AWS, regions and users."""


sandbox.add_command(child)


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
@click.option("--dns-port", type=click.IntRange(0, 65_535), default=10_053, show_default=True)
@click.option("--control-port", type=click.IntRange(0, 65_535), default=4580, show_default=True)
def run(
    config: Path,
    story: str | None,
    users: int,
    no_daemon: bool,
    aws_port: int,
    dns_port: int,
    control_port: int,
) -> None:
    """Run the whole sandbox until Ctrl-C. Its state in .sandbox/ begins empty each time."""
    from controller.sandbox import supervisor
    from controller.sandbox.errors import SandboxError
    from controller.sandbox.status import watch
    from controller.sandbox.story import check_name, play

    during = watch
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
        dns_port=dns_port,
        control_port=control_port,
    )
    settings = load_settings(config)
    code = asyncio.run(supervisor.run(options, settings, click.echo, during))
    click.get_current_context().exit(code)


@sandbox.command("break")
@click.argument("region")
@click.option("--how", required=True, help="dead, hang, slow, errors or gray.")
def break_region(region: str, how: str) -> None:
    """Break REGION: all its endpoints, in all services. `canaries` counts as one."""
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
    from controller.sandbox.aligned import aligned

    split = _call("GET", f"/users?window_s={window_s}")["split"]
    rows = [("SERVICE", "POOL", "REGION", "SHARE", "REQUESTS", "ERRORS")]
    for item in split:
        numbers = (f"{item['share']:.1%}", str(item["requests"]), str(item["errors"]))
        rows.append((item["service"], item["pool"], item["region"], *numbers))
    for line in aligned(rows):
        click.echo(line)


def _show_regions(state: dict[str, Any]) -> None:
    from controller.sandbox.aligned import aligned

    rows = [(name, one["mode"], one["since"]) for name, one in state["regions"].items()]
    for line in aligned(rows):
        click.echo(line)


def _call(method: str, path: str, body: dict[str, str] | None = None) -> dict[str, Any]:
    """The control API's answer; an error with its exit code when it refuses or is not there."""
    url = os.environ.get("GTC_SANDBOX_URL", DEFAULT_URL).rstrip("/")
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    opener = build_opener(ProxyHandler({}))  # the sandbox is on this machine
    try:
        request = Request(f"{url}{path}", data=data, headers=headers, method=method)
        with opener.open(request, timeout=_DEADLINE_S) as response:
            answer: dict[str, Any] = json.load(response)
            return answer
    except HTTPError as error:
        raise _refusal(error) from error
    except (URLError, OSError, ValueError) as error:
        raise UnreachableError(
            f"no sandbox answers at {url}: {getattr(error, 'reason', error)}\n"
            "Start one with `make demo` or `gtc sandbox run`, "
            "or say where it is in GTC_SANDBOX_URL."
        ) from error


def _refusal(error: HTTPError) -> click.ClickException:
    text = error.read().decode(errors="replace")
    try:
        problem = json.loads(text)
        valid = ", ".join(problem["valid_values"])
        message = problem["detail"] + (f"\nValid: {valid}" if valid else "")
    except (ValueError, KeyError, TypeError):  # somebody else's server answers there
        message = f"{error.url} answered {error.code}: {text[:200]}"
    return (WrongValueError if error.code == 400 else click.ClickException)(message)
