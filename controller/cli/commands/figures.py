"""`gtc figures`: demand, latency and capacity as decisions see them."""

from __future__ import annotations

from collections.abc import Iterator

import click

from controller.cli.daemon.client import ApiReply, Client
from controller.cli.daemon.client_options import client_option
from controller.cli.daemon.request_errors import unknown_name
from controller.cli.screen.output import TABLE, document, output_option
from controller.cli.screen.render import duration, share
from controller.cli.types.names import service_option
from controller.planning.account.columns import aligned

_HEAD = (
    "SERVICE",
    "POOL",
    "REGION",
    "FIGURE",
    "CONFIGURED",
    "MEASURED",
    "AGE",
    "INFLUENCE",
    "USABLE",
    "BELIEVED",
)
_NOT_MEASURED = ("-", "-", "-")
"""Nobody reports capacities."""


@click.command()
@service_option
@client_option
@output_option
def figures(client: Client, output: str, service: str | None) -> None:
    """Demand, latency and capacity, as placement believes them.

    MEASURED is what was reported last and INFLUENCE what that still counts for: half of it every
    placement.figures_half_life_s; CONFIGURED has the rest. USABLE is the part of a region's
    capacity that can be counted on. A restart of the daemon forgets what was measured.
    """
    answer = _fetch_figures(client, service)
    if output == TABLE:
        rows = [row for one in answer["items"] for row in _rows(one)]
        click.echo("\n".join(aligned([_HEAD, *rows])))
    else:
        click.echo(document(answer, output))


def _fetch_figures(client: Client, service: str | None) -> ApiReply:
    answer = client.get("/v1/figures")
    items = [one for one in answer["items"] if service in (None, one["service"])]
    if not items:
        raise unknown_name("service", str(service), [one["service"] for one in answer["items"]])
    return ApiReply(answer, items=items)


def _rows(one: ApiReply) -> Iterator[tuple[str, ...]]:
    name = one["service"]
    for pool, figure in one["demand_rps"].items():
        yield (name, pool, "-", "demand_rps", *_measured(figure), "-", _number(figure["believed"]))
    for pool, regions in one["latency_ms"].items():
        for region, figure in regions.items():
            believed = _number(figure["believed"])
            yield (name, pool, region, "latency_ms", *_measured(figure), "-", believed)
    for region, room in one["capacity_rps"].items():
        known = (_number(room["configured"]), *_NOT_MEASURED, share(room["usable"]))
        yield (name, "-", region, "capacity_rps", *known, _number(room["believed"]))


def _measured(figure: ApiReply) -> tuple[str, ...]:
    """A figure's cells from CONFIGURED to INFLUENCE."""
    configured = _number(figure["configured"])
    if figure["measured"] is None:
        return (configured, *_NOT_MEASURED)
    age = duration(figure["age_s"])
    return (configured, _number(figure["measured"]), age, share(figure["influence"]))


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
