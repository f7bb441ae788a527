"""`gtc failover` and `drain`: taking a region out; `undrain`, `freeze` and `unfreeze`.

How a region is emptied, step by step, is told in `leaving`; how orders end, in `ending`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from controller.cli.client import ANY, Client, endpoint_option
from controller.cli.confirmation import confirm_in_production, yes_option
from controller.cli.duration import DURATION
from controller.cli.ending import check_region, end
from controller.cli.leaving import Manner, leave, say_in_force
from controller.cli.names import complete_guards, region_argument, service_option
from controller.cli.orders import (
    asked_reason,
    author_option,
    order,
    pool_option,
    reason_option,
    ttl_option,
)

C = TypeVar("C", bound=Callable[..., Any])
_PREVIEW_REASON = "preview"


def _leaving_options(command: C) -> C:
    """What `failover` and `drain` share."""
    options: list[Callable[[Any], Any]] = [
        region_argument,
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
        click.option("--dry-run", is_flag=True, help="Show the preview and do nothing."),
        click.option("--wait", is_flag=True, help="Return when it is applied."),
        click.option(
            "--timeout",
            "timeout_s",
            type=DURATION,
            default="2m",
            show_default=True,
            help="How long --wait waits; then exit with 7.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@_leaving_options
def failover(client: Client, **options: Any) -> None:
    """Move a region's traffic away at once, as if it were down.

    Only the guards of an emergency bind: the others may be overloaded. For planned work there is
    `gtc drain`.
    """
    _leave(client, "failover", **options)


@click.command()
@_leaving_options
def drain(client: Client, **options: Any) -> None:
    """Take a region out of service, if the others can carry its traffic.

    For a region in trouble there is `gtc failover`, which does not ask for that.
    """
    _leave(client, "drain", **options)


@click.command()
@region_argument
@endpoint_option
@service_option
@pool_option
@author_option
@yes_option
def undrain(
    region: str,
    client: Client,
    service: str | None,
    pool: str | None,
    author: str | None,
    yes: bool,
) -> None:
    """Let a drained region serve again: end its drains and failovers.

    Its traffic comes back in steps.
    """
    confirm_in_production(client, f"the end of drains of {region}", yes=yes)
    if not end(client, ("drain", "failover"), author, region=region, service=service, pool=pool):
        check_region(client, region)
        where = _alone(service, pool)
        click.echo(f"Nothing to end: no drain or failover of {region}{where} is in force.")


@click.command()
@endpoint_option
@service_option
@reason_option
@author_option
@ttl_option
@yes_option
def freeze(
    client: Client,
    service: str | None,
    reason: str | None,
    author: str | None,
    ttl_s: float | None,
    yes: bool,
) -> None:
    """Stop automatic changes for a while.

    Probing and deciding go on, and a failed region keeps the traffic that AWS's own health checks
    leave it.
    """
    reason = reason or asked_reason()
    confirm_in_production(client, "the freeze", yes=yes)
    wanted = order("freeze", author, service=service, reason=reason, ttl_s=ttl_s)
    say_in_force(client.post("/v1/overrides", wanted, if_match=ANY))


@click.command()
@endpoint_option
@service_option
@author_option
@yes_option
def unfreeze(client: Client, service: str | None, author: str | None, yes: bool) -> None:
    """Allow automatic changes again: end the freezes."""
    confirm_in_production(client, "the end of freezes", yes=yes)
    if not end(client, ("freeze",), author, region=None, service=service):
        click.echo(f"Nothing to end: no freeze{_alone(service, None)} is in force.")


def _leave(
    client: Client,
    kind: str,
    *,
    reason: str | None,
    author: str | None,
    ignore_guards: tuple[str, ...],
    yes: bool,
    dry_run: bool,
    wait: bool,
    timeout_s: float,
    **place: Any,
) -> None:
    reason = reason or (_PREVIEW_REASON if dry_run else asked_reason())
    guards = list(ignore_guards) or None
    wanted = order(kind, author, reason=reason, ignore_guards=guards, **place)
    leave(client, wanted, Manner(yes, dry_run, wait, timeout_s))


def _alone(service: str | None, pool: str | None) -> str:
    place = "/".join(filter(None, (service, pool)))
    return f" for {place} alone" if place else ""
