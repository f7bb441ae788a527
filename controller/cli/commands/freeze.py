"""`gtc freeze` stops automatic changes for a while; `gtc unfreeze` allows them again."""

from __future__ import annotations

import click

from controller.cli.daemon.client import ANY_STATE, Client
from controller.cli.daemon.client_options import client_option
from controller.cli.orders.confirmation import confirm_in_production, yes_option
from controller.cli.orders.options import (
    ask_reason,
    author_option,
    dry_run_option,
    reason_option,
    ttl_option,
)
from controller.cli.orders.submit import echo_active, order_body
from controller.cli.orders.withdraw import scope_suffix, withdraw
from controller.cli.types.names import service_option


@click.command()
@client_option
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
    reason = reason or ask_reason()
    confirm_in_production(client, "the freeze", yes=yes)
    order = order_body("freeze", author=author, service=service, reason=reason, ttl_s=ttl_s)
    echo_active(client.post("/v1/overrides", order, if_match=ANY_STATE))


@click.command()
@client_option
@service_option
@author_option
@yes_option
@dry_run_option
def unfreeze(
    client: Client, service: str | None, author: str | None, yes: bool, dry_run: bool
) -> None:
    """Allow automatic changes again: end the freezes."""
    confirm_in_production(client, "the end of freezes", yes=yes or dry_run)
    if not withdraw(client, ("freeze",), author, region=None, service=service, dry_run=dry_run):
        click.echo(f"Nothing to end: no freeze{scope_suffix(service, None)} is in force.")
