"""Options that orders share: author, reason, time to live, scope, confirmation.

An order becomes an override of the daemon: it has an author, a reason and an end, and guards
restrict it.
"""

from __future__ import annotations

import getpass
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from controller.cli.daemon.client_options import client_option
from controller.cli.orders.confirmation import yes_option
from controller.cli.screen import terminal
from controller.cli.types.duration import DURATION
from controller.cli.types.names import complete_guards, complete_pools, service_option
from controller.cli.types.option_group import grouped

C = TypeVar("C", bound=Callable[..., Any])


def _or_user_name(
    _context: click.Context, _parameter: click.Parameter, author: str | None
) -> str | None:
    """The author that was given, or the user's name; None where the system has no name for it."""
    try:
        return author or getpass.getuser()
    except (KeyError, OSError):  # a container without an entry for its user id
        return None


author_option = click.option(
    "--author",
    metavar="NAME",
    callback=_or_user_name,
    help="Who orders it; default: your user name.",
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
    """The options of a command that submits an order for a region. `ttl_s > 0`, `timeout_s > 0`."""

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


def submit_options(*, timeout: str, timeout_help: str) -> Callable[[C], C]:
    """Decorator: the command gets a `client` and its OrderOptions as `options`."""
    options: list[Callable[[Any], Any]] = [
        client_option,
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
        grouped(OrderOptions, "options"),
    ]

    def decorate(command: C) -> C:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def withdraw_options(command: C) -> C:
    """The options of a command that ends orders for a region; see `withdraw_in_region`."""
    options = (
        dry_run_option,
        yes_option,
        author_option,
        pool_option,
        service_option,
        client_option,
    )
    for option in options:
        command = option(command)
    return command


def ask_reason() -> str:
    """The reason that the user types. Raises UsageError without a terminal."""
    if not terminal.can_prompt():
        raise click.UsageError("--reason is missing: say why, in a few words")
    reason: str = click.prompt("Reason", err=True)
    return reason
