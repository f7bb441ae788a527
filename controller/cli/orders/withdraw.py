"""How orders end before their time."""

from __future__ import annotations

import click

from controller.cli.daemon.client import ANY, ApiReply, Client
from controller.cli.daemon.request_errors import unknown
from controller.cli.orders.confirmation import confirm_in_production
from controller.cli.orders.options import user
from controller.cli.screen.render import one_line, order_text, printable


def end(
    client: Client,
    kinds: tuple[str, ...],
    author: str | None,
    *,
    region: str | None,
    service: str | None,
    pool: str | None = None,
    dry_run: bool = False,
) -> int:
    """End the overrides of these kinds at this place, say so, and count them.

    Of a service or pool that is not given, all end. With `dry_run` none does: what would follow is
    shown of each.
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
        path = f"/v1/overrides/{override['id']}"
        what = f"{order_text(override)} by {override['author']}: {override['reason']}"
        if dry_run:
            click.echo(one_line(f"If override {override['id']} ended, {what}:"))
            click.echo(printable(client.get(f"{path}/ending")["text"]).rstrip())
            continue
        query = {"author": name} if name else {}
        client.delete(path, if_match=ANY, **query)
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
    dry_run: bool,
) -> None:
    """End the overrides of these kinds in a region, or say that there is none.

    In production somebody has to confirm it, unless `yes`. Raises what names the valid regions when
    there is none of that name.
    """
    confirm_in_production(client, f"the end of {kinds[0]}s of {region}", yes=yes or dry_run)
    place = {"region": region, "service": service, "pool": pool}
    if end(client, kinds, author, **place, dry_run=dry_run):
        return
    _check_region(client, region)
    what = f"{' or '.join(kinds)} of {region}{alone(service, pool)}"
    click.echo(f"Nothing to end: no {what} is in force.")


def alone(service: str | None, pool: str | None) -> str:
    """That only so much was looked at, for the end of a phrase; empty when it was everything."""
    place = "/".join(filter(None, (service, pool)))
    return f" for {place} alone" if place else ""


def _check_region(client: Client, region: str) -> None:
    services: list[ApiReply] = client.get("/v1/services")["items"]
    regions = sorted({name for service in services for name in service["regions"]})
    if region not in regions:
        raise unknown("region", region, regions)
