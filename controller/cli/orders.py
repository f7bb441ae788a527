"""What all orders share: who gives them, why, for how long, where.

An order is an override of the daemon's: it has an author, a reason and an end, and guards bind it.
"""

from __future__ import annotations

import getpass
from typing import Any

import click

from controller.cli import terminal
from controller.cli.duration import DURATION
from controller.cli.names import complete_pools

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
pool_option = click.option(
    "--pool", metavar="NAME", shell_complete=complete_pools, help="Only in this pool."
)


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
