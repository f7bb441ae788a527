"""How orders end before their time."""

from __future__ import annotations

import click

from controller.cli.client import ANY, Answer, Client
from controller.cli.confirmation import confirm_in_production
from controller.cli.errors import unknown
from controller.cli.orders import user
from controller.cli.render import one_line, order_text


def end(
    client: Client,
    kinds: tuple[str, ...],
    author: str | None,
    *,
    region: str | None,
    service: str | None,
    pool: str | None = None,
) -> int:
    """End the overrides of these kinds at this place, say so, and count them.

    Of a service or pool that is not given, all end.
    """
    found = [
        override
        for override in client.get("/v1/overrides")["items"]
        if override["kind"] in kinds and override["region"] == region
        if service in (None, override["service"])
        if pool in (None, override["pool"])
    ]
    name = author or user()
    for override in found:
        query = {"author": name} if name else {}
        client.delete(f"/v1/overrides/{override['id']}", if_match=ANY, **query)
        what = f"{order_text(override)} by {override['author']}: {override['reason']}"
        click.echo(one_line(f"Override {override['id']} has ended: {what}."))
    return len(found)


def end_in_region(
    client: Client,
    *kinds: str,
    region: str,
    service: str | None,
    pool: str | None,
    author: str | None,
    yes: bool,
) -> None:
    """End the overrides of these kinds in a region, or say that there is none.

    In production somebody has to confirm it, unless `yes`. Raises what names the valid regions when
    there is none of that name.
    """
    confirm_in_production(client, f"the end of {kinds[0]}s of {region}", yes=yes)
    if end(client, kinds, author, region=region, service=service, pool=pool):
        return
    _check_region(client, region)
    what = f"{' or '.join(kinds)} of {region}{alone(service, pool)}"
    click.echo(f"Nothing to end: no {what} is in force.")


def alone(service: str | None, pool: str | None) -> str:
    """That only so much was looked at, for the end of a phrase; empty when it was everything."""
    place = "/".join(filter(None, (service, pool)))
    return f" for {place} alone" if place else ""


def _check_region(client: Client, region: str) -> None:
    services: list[Answer] = client.get("/v1/services")["items"]
    regions = sorted({name for service in services for name in service["regions"]})
    if region not in regions:
        raise unknown("region", region, regions)
