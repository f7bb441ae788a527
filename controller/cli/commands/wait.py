"""`gtc wait`: until a region is as a script needs it, or it takes too long."""

from __future__ import annotations

import time
from collections.abc import Iterator

import click

from controller.cli.daemon.client import ApiReply, Client
from controller.cli.daemon.client_options import client_option
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
"""Part of a pool's measured requests that may still arrive where none should."""


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
    missing = list(_missing(client.get("/v1/status"), region, state, service))
    while missing:
        if time.monotonic() >= deadline:
            lacks = one_line("; ".join(missing))
            raise TimedOutError(f"after {duration(timeout_s)} {region} is not {state}: {lacks}")
        time.sleep(_POLL_S)
        try:
            missing = list(_missing(client.get("/v1/status"), region, state, service))
        except UnreachableError as error:
            missing = [error.message.splitlines()[0]]
        except ApiError as error:
            if not error.is_transient:
                raise
            missing = [error.message]
    click.echo(f"{region} is {state}{f' in {service}' if service else ''}.")


def _missing(status: ApiReply, region: str, state: str, service: str | None) -> Iterator[str]:
    """What keeps the region from being in that state, pool by pool."""
    names = [one["name"] for one in status["services"]]
    if service is not None and service not in names:
        raise unknown_name("service", service, names)
    services = [one for one in status["services"] if service in (None, one["name"])]
    places = [(one["name"], pool) for one in services for pool in one["pools"]]
    if not any(one["region"] == region for _, pool in places for one in pool["regions"]):
        valid = sorted({one["region"] for _, pool in places for one in pool["regions"]})
        raise unknown_name("region", region, valid)
    for name, pool in places:
        for one in pool["regions"]:
            if one["region"] == region and (lack := _reason_not_in_state(one, state)):
                yield f"{name}/{pool['name']}: {lack}"


def _reason_not_in_state(region: ApiReply, state: str) -> str:
    """Why one region of one pool is not in that state; empty when it is."""
    if state == "drained":
        return _reason_not_drained(region)
    wanted = "down" if state == "down" else "up"
    if region["verdict"] != wanted:
        return f"{region['verdict']} ({region['why']})"
    if state != "serving":
        return ""
    carried, desired = region["observed"], region["desired"]
    if carried is None or desired is None:
        return "AWS has not said yet what it carries"
    return "carries nothing yet" if desired > 0 and carried == 0 else ""


def _reason_not_drained(region: ApiReply) -> str:
    carried, measured = region["observed"], region["measured"]
    if carried is None:
        return "AWS has not said yet what it carries"
    if carried > 0:
        return f"carries {percent(carried)}"
    if measured is not None and measured > _DRAINED_SHARE:
        return f"{percent(measured)} of the users still arrive"
    return ""
