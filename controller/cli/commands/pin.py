"""`gtc pin` fixes a region's share of its pools; `gtc unpin` ends that."""

from __future__ import annotations

from typing import Any

import click

from controller.cli.daemon.client import Client
from controller.cli.orders.options import OrderOptions, submit_options, withdraw_options
from controller.cli.orders.pin_preview import preview_pin
from controller.cli.orders.submit import submit
from controller.cli.orders.withdraw import withdraw_in_region
from controller.cli.types.names import region_argument
from controller.cli.types.percentage import PERCENTAGE


@click.command()
@region_argument
@click.argument("share", type=PERCENTAGE)
@submit_options(
    timeout="10m",
    timeout_help="How long --wait waits; then exit with 7. A share rises by the steps of the ramp, "
    "which may take minutes.",
)
def pin(client: Client, region: str, share: float, options: OrderOptions) -> None:
    """Fix a region's share: it carries SHARE, such as 30%, of each pool while it is well.

    Refused where its capacity or the others' does not allow it, or too few regions would serve.
    Behind an accelerator a share is the region's dial. --wait returns when AWS has the share
    wherever no guard holds it.
    """
    submit(client, preview_pin, options, "pin", region=region, share=share)


@click.command()
@region_argument
@withdraw_options
def unpin(client: Client, **options: Any) -> None:
    """Leave a pinned region's share to placement again: end its pins.

    A rise goes by steps.
    """
    withdraw_in_region(client, "pin", **options)
