"""How orders end before their time."""

from __future__ import annotations

import click

from controller.cli.client import ANY, Answer, Client
from controller.cli.errors import unknown
from controller.cli.orders import user
from controller.cli.render import one_line


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
        what = " ".join(filter(None, (override["kind"], override["region"])))
        whose = f"by {override['author']}: {override['reason']}"
        click.echo(one_line(f"Override {override['id']} has ended: {what} {whose}."))
    return len(found)


def check_region(client: Client, region: str) -> None:
    """Raise what names the valid regions when there is none of that name."""
    services: list[Answer] = client.get("/v1/services")["items"]
    regions = sorted({name for service in services for name in service["regions"]})
    if region not in regions:
        raise unknown("region", region, regions)
