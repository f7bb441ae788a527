"""What all orders share: who gives them, why, for how long, where.

An order is an override of the daemon's: it has an author, a reason and an end, and guards bind it.
"""

from __future__ import annotations

import getpass
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from controller.cli.daemon.client import endpoint_option
from controller.cli.orders.confirmation import yes_option
from controller.cli.screen import terminal
from controller.cli.types.duration import DURATION
from controller.cli.types.names import complete_guards, complete_pools, service_option
from controller.cli.types.option_group import gathered

C = TypeVar("C", bound=Callable[..., Any])

author_option = click.option(
    "--author", metavar="NAME", help="Who orders it; default: your user name."
)
reason_option = click.option("--reason", metavar="TEXT", help="Why, in a few words. Required.")
ttl_option = click.option(
    "--ttl",
    "ttl_s",
    type=DURATION,
    help="When it ends by itself: 90s, 30m, 2h, 1d; default: as the daemon is configured.",
)
dry_run_option = click.option("--dry-run", is_flag=True, help="Show the preview and do nothing.")
pool_option = click.option(
    "--pool", metavar="NAME", shell_complete=complete_pools, help="Only in this pool."
)


@dataclass(frozen=True, slots=True)
class OrderOptions:
    """The options of commands that give an order for a region."""

    service: str | None
    pool: str | None
    reason: str | None
    author: str | None
    ttl_s: float | None
    ignore_guards: tuple[str, ...]
    yes: bool
    dry_run: bool
    wait: bool
    timeout_s: float


def giving_options(*, timeout: str, timeout_help: str) -> Callable[[C], C]:
    """What such commands share; they get a GivingOptions as `options`, beside `client`."""
    options: list[Callable[[Any], Any]] = [
        endpoint_option,
        service_option,
        pool_option,
        reason_option,
        author_option,
        ttl_option,
        click.option(
            "--ignore-guard",
            "ignore_guards",
            metavar="NAME",
            multiple=True,
            shell_complete=complete_guards,
            help="Override this guard; may be given several times.",
        ),
        yes_option,
        dry_run_option,
        click.option("--wait", is_flag=True, help="Return when it is applied."),
        click.option(
            "--timeout",
            "timeout_s",
            type=DURATION,
            default=timeout,
            show_default=True,
            help=timeout_help,
        ),
        gathered(OrderOptions, "options"),
    ]

    def decorate(command: C) -> C:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def ending_options(command: C) -> C:
    """What commands share that end orders for a region: see `ending.end_in_region`."""
    options = (
        dry_run_option,
        yes_option,
        author_option,
        pool_option,
        service_option,
        endpoint_option,
    )
    for option in options:
        command = option(command)
    return command


def order(kind: str, author: str | None, **values: Any) -> dict[str, Any]:
    """The request; what is None is left out and takes the daemon's default."""
    found = {"kind": kind, "author": author or user(), **values}
    return {key: value for key, value in found.items() if value is not None}


def asked_reason() -> str:
    """The reason of somebody who sits at a terminal. Raises UsageError when nobody does."""
    if not terminal.at_terminal():
        raise click.UsageError("--reason is missing: say why, in a few words")
    answer: str = click.prompt("Reason", err=True)
    return answer


def user() -> str | None:
    """The name of whoever sits here; None where the system knows none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without an entry for its user id
        return None
