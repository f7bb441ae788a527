"""`gtc why`: why traffic moved, or did not.

The daemon writes the explanation; asked for a region, the command first says how it stands now.
"""

from __future__ import annotations

from collections.abc import Iterator

import click

from controller.cli.client import Answer, Client, endpoint_option
from controller.cli.errors import ApiError, unknown
from controller.cli.names import complete_regions
from controller.cli.output import TABLE, document, output_option
from controller.cli.render import one_line, printable
from controller.planning.shares import percent


@click.command()
@click.argument("subject", metavar="[REGION|ID]", required=False, shell_complete=complete_regions)
@endpoint_option
@output_option
def why(subject: str | None, client: Client, output: str) -> None:
    """Why traffic moved, or did not.

    Without an argument the latest decision; with a number that decision; with a region how it
    stands now, and the latest decision that concerns it. As json or yaml, the decision's record
    alone.
    """
    if subject is None or subject.isdecimal():
        _show(client, f"/v1/decisions/{subject or 'latest'}", output)
    else:
        _why_region(client, subject, output)


def _show(client: Client, path: str, output: str, **query: str) -> None:
    if output != TABLE:
        click.echo(document(client.get(path, **query), output))
    else:
        click.echo(printable(client.get_text(path, **query)).rstrip())


def _why_region(client: Client, region: str, output: str) -> None:
    lines = list(_present(client.get("/v1/status"), region))
    if output == TABLE:
        click.echo("\n".join(lines) + "\n")
    try:
        _show(client, "/v1/decisions/latest", output, region=region)
    except ApiError as error:
        if error.status != 404:
            raise
        nothing = f"No decision on record concerns {region}."
        click.echo(nothing if output == TABLE else "null")


def _present(status: Answer, region: str) -> Iterator[str]:
    """How a region stands now, one line for each service that has it."""
    found = {
        service["name"]: [
            (pool, one)
            for pool in service["pools"]
            for one in pool["regions"]
            if one["region"] == region
        ]
        for service in status["services"]
    }
    if not any(found.values()):
        raise unknown("region", region, _regions(status))
    for service in status["services"]:
        if pools := found[service["name"]]:
            yield _standing(region, service, pools)


def _standing(region: str, service: Answer, pools: list[tuple[Answer, Answer]]) -> str:
    """For instance `eu-west-1 is up and carries 50 % of shop/europe; nothing holds it.`"""
    seen = pools[0][1]
    state = seen["verdict"] if seen["verdict"] == "up" else f"{seen['verdict']} ({seen['why']})"
    parts = [f"{_share(one)} of {service['name']}/{pool['name']}" for pool, one in pools]
    verb = "carries" if service["lever"] == "route53" else "has its dial open at"
    holds = [
        f"{hold['reason']} in {service['name']}/{pool['name']} ({hold['detail']})"
        for pool, _ in pools
        for hold in pool["holds"]
        if hold["region"] in (None, region)
    ]
    held = f"held by {'; '.join(holds)}" if holds else "nothing holds it"
    order = f"; override {seen['override']} concerns it" if seen["override"] is not None else ""
    return one_line(f"{region} is {state} and {verb} {', '.join(parts)}; {held}{order}.")


def _share(region: Answer) -> str:
    return "an unknown part" if region["observed"] is None else percent(region["observed"])


def _regions(status: Answer) -> list[str]:
    pools = (pool for service in status["services"] for pool in service["pools"])
    return sorted({one["region"] for pool in pools for one in pool["regions"]})
