"""`gtc figures`: demand, latency and capacity that decisions use."""

from __future__ import annotations

from collections.abc import Iterator

import click

from controller.cli.daemon.client import Client
from controller.cli.daemon.client_options import client_option
from controller.cli.daemon.replies import ApiReply
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
"""The cells MEASURED, AGE and INFLUENCE of a figure without a measurement."""


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
    reply = _fetch_figures(client, service)
    if output == TABLE:
        rows = [row for service_figures in reply["items"] for row in _rows(service_figures)]
        click.echo("\n".join(aligned([_HEAD, *rows])))
    else:
        click.echo(document(reply, output))


def _fetch_figures(client: Client, service: str | None) -> ApiReply:
    reply = client.get("/v1/figures")
    items = [item for item in reply["items"] if service in (None, item["service"])]
    if not items:
        raise unknown_name("service", str(service), [item["service"] for item in reply["items"]])
    return ApiReply(reply, items=items)


def _rows(figures: ApiReply) -> Iterator[tuple[str, ...]]:
    """The table's rows of one service."""
    name = figures["service"]
    for pool, figure in figures["demand_rps"].items():
        yield (name, pool, "-", "demand_rps", *_measured(figure), "-", _number(figure["believed"]))
    for pool, regions in figures["latency_ms"].items():
        for region, figure in regions.items():
            believed = _number(figure["believed"])
            yield (name, pool, region, "latency_ms", *_measured(figure), "-", believed)
    for region, capacity in figures["capacity_rps"].items():
        configured, usable = _number(capacity["configured"]), share(capacity["usable"])
        cells = (configured, *_NOT_MEASURED, usable, _number(capacity["believed"]))
        yield (name, "-", region, "capacity_rps", *cells)


def _measured(figure: ApiReply) -> tuple[str, ...]:
    """The cells CONFIGURED, MEASURED, AGE and INFLUENCE of a figure."""
    configured = _number(figure["configured"])
    if figure["measured"] is None:
        return (configured, *_NOT_MEASURED)
    age = duration(figure["age_s"])
    return (configured, _number(figure["measured"]), age, share(figure["influence"]))


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
