"""`gtc failover` and `gtc drain` take a region out; `gtc undrain` lets it serve again."""

from __future__ import annotations

from typing import Any

import click

from controller.cli.daemon.client import Client
from controller.cli.orders.drain_preview import preview_drain
from controller.cli.orders.options import OrderOptions, submit_options, withdraw_options
from controller.cli.orders.submit import submit
from controller.cli.orders.withdraw import withdraw_in_region
from controller.cli.types.names import region_argument

_drain_options = submit_options(
    timeout="2m", timeout_help="How long --wait waits; then exit with 7."
)


@click.command()
@region_argument
@_drain_options
def failover(client: Client, region: str, options: OrderOptions) -> None:
    """Move a region's traffic away at once, as if it were down.

    Only the guards of an emergency bind: the others may be overloaded. For planned work there is
    `gtc drain`.
    """
    submit(client, preview_drain, options, "failover", region=region)


@click.command()
@region_argument
@_drain_options
def drain(client: Client, region: str, options: OrderOptions) -> None:
    """Take a region out of service, if the others can carry its traffic.

    For a region in trouble there is `gtc failover`, which does not ask for that.
    """
    submit(client, preview_drain, options, "drain", region=region)


@click.command()
@region_argument
@withdraw_options
def undrain(client: Client, **options: Any) -> None:
    """Let a drained region serve again: end its drains and failovers.

    Its traffic comes back in steps.
    """
    withdraw_in_region(client, "drain", "failover", **options)
