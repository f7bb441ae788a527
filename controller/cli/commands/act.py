"""`gtc failover` and `drain`: taking a region out; `undrain`, `freeze` and `unfreeze`.

How such an order is given, step by step, is told in `giving`; how orders end, in `ending`.
"""

from __future__ import annotations

from typing import Any

import click

from controller.cli.daemon.client import ANY, Client, endpoint_option
from controller.cli.orders.confirmation import confirm_in_production, yes_option
from controller.cli.orders.drain_preview import departure
from controller.cli.orders.options import (
    OrderOptions,
    asked_reason,
    author_option,
    dry_run_option,
    ending_options,
    giving_options,
    order,
    reason_option,
    ttl_option,
)
from controller.cli.orders.submit import give, say_in_force
from controller.cli.orders.withdraw import alone, end, end_in_region
from controller.cli.types.names import region_argument, service_option

_leaving_options = giving_options(
    timeout="2m", timeout_help="How long --wait waits; then exit with 7."
)


@click.command()
@region_argument
@_leaving_options
def failover(client: Client, region: str, options: OrderOptions) -> None:
    """Move a region's traffic away at once, as if it were down.

    Only the guards of an emergency bind: the others may be overloaded. For planned work there is
    `gtc drain`.
    """
    give(client, "failover", departure, options, region=region)


@click.command()
@region_argument
@_leaving_options
def drain(client: Client, region: str, options: OrderOptions) -> None:
    """Take a region out of service, if the others can carry its traffic.

    For a region in trouble there is `gtc failover`, which does not ask for that.
    """
    give(client, "drain", departure, options, region=region)


@click.command()
@region_argument
@ending_options
def undrain(client: Client, **options: Any) -> None:
    """Let a drained region serve again: end its drains and failovers.

    Its traffic comes back in steps.
    """
    end_in_region(client, "drain", "failover", **options)


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
@dry_run_option
def unfreeze(
    client: Client, service: str | None, author: str | None, yes: bool, dry_run: bool
) -> None:
    """Allow automatic changes again: end the freezes."""
    confirm_in_production(client, "the end of freezes", yes=yes or dry_run)
    if not end(client, ("freeze",), author, region=None, service=service, dry_run=dry_run):
        click.echo(f"Nothing to end: no freeze{alone(service, None)} is in force.")
