"""`gtc wait`: waits until a region is in a state, or for a time limit."""

from __future__ import annotations

import time
from collections.abc import Iterator

import click

from controller.cli.daemon.client import Client
from controller.cli.daemon.client_options import client_option
from controller.cli.daemon.replies import ApiReply
from controller.cli.daemon.request_errors import (
    ApiError,
    TimedOutError,
    UnreachableError,
    unknown_name,
)
from controller.cli.screen.render import duration, one_line
from controller.cli.types.duration import DURATION
from controller.cli.types.names import complete_regions, service_option
from controller.planning.shares import percent

_POLL_S = 0.5
_DRAINED_SHARE = 0.01
"""Largest share of a pool's measured requests that a drained region may still get."""


@click.command()
@client_option
@click.option("--region", metavar="NAME", required=True, shell_complete=complete_regions)
@click.option(
    "--state",
    required=True,
    type=click.Choice(["up", "down", "drained", "serving"]),
    help="What to wait for.",
)
@service_option
@click.option(
    "--timeout",
    "timeout_s",
    type=DURATION,
    default="5m",
    show_default=True,
    help="How long; then exit with 7.",
)
def wait(client: Client, region: str, state: str, service: str | None, timeout_s: float) -> None:
    """Wait until a region is in a state, in every pool that has it.

    up: it is believed to be well. down: it is believed to be down. drained: it carries nothing, and
    at most 1 % of the users' measured requests still arrive there. serving: it is up and carries
    traffic wherever the plan wants it to.

    A daemon that is away for a while is waited for, too.
    """
    deadline = time.monotonic() + timeout_s
    reasons = list(_reasons_not_in_state(client.get("/v1/status"), region, state, service))
    while reasons:
        if time.monotonic() >= deadline:
            why = one_line("; ".join(reasons))
            raise TimedOutError(f"after {duration(timeout_s)} {region} is not {state}: {why}")
        time.sleep(_POLL_S)
        try:
            reasons = list(_reasons_not_in_state(client.get("/v1/status"), region, state, service))
        except UnreachableError as error:
            reasons = [error.message.splitlines()[0]]
        except ApiError as error:
            if not error.is_transient:
                raise
            reasons = [error.message]
    click.echo(f"{region} is {state}{f' in {service}' if service else ''}.")


def _reasons_not_in_state(
    status: ApiReply, region: str, state: str, service: str | None
) -> Iterator[str]:
    """Why the region is not in that state, one text for each pool."""
    names = [item["name"] for item in status["services"]]
    if service is not None and service not in names:
        raise unknown_name("service", service, names)
    pools = [
        (f"{item['name']}/{pool['name']}", pool)
        for item in status["services"]
        if service in (None, item["name"])
        for pool in item["pools"]
    ]
    regions = {item["region"] for _, pool in pools for item in pool["regions"]}
    if region not in regions:
        raise unknown_name("region", region, sorted(regions))
    for name, pool in pools:
        for item in pool["regions"]:
            if item["region"] == region and (reason := _reason_not_in_state(item, state)):
                yield f"{name}: {reason}"


def _reason_not_in_state(region: ApiReply, state: str) -> str:
    """Why a region of one pool is not in that state; empty if it is."""
    if state == "drained":
        return _reason_not_drained(region)
    expected = "down" if state == "down" else "up"
    if region["verdict"] != expected:
        return f"{region['verdict']} ({region['why']})"
    if state != "serving":
        return ""
    observed, desired = region["observed"], region["desired"]
    if observed is None or desired is None:
        return "AWS has not said yet what it carries"
    return "carries nothing yet" if desired > 0 and observed == 0 else ""


def _reason_not_drained(region: ApiReply) -> str:
    observed, measured = region["observed"], region["measured"]
    if observed is None:
        return "AWS has not said yet what it carries"
    if observed > 0:
        return f"carries {percent(observed)}"
    if measured is not None and measured > _DRAINED_SHARE:
        return f"{percent(measured)} of the users still arrive"
    return ""
