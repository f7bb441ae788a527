"""Ends active orders before their time."""

from __future__ import annotations

import click

from controller.cli.daemon.client import ANY_STATE, Client
from controller.cli.daemon.replies import ApiReply
from controller.cli.daemon.request_errors import unknown_name
from controller.cli.orders.confirmation import confirm_in_production
from controller.cli.screen.render import one_line, order_text, printable


def withdraw_in_region(
    client: Client,
    *kinds: str,
    region: str,
    service: str | None,
    pool: str | None,
    author: str | None,
    yes: bool,
    dry_run: bool,
) -> None:
    """End the overrides of these kinds for a region, or print that there is none.

    In a production context the user must confirm it, unless `yes`. Raises ApiError with the valid
    names when no service has that region.
    """
    confirm_in_production(client, f"the end of {kinds[0]}s of {region}", yes=yes or dry_run)
    scope = {"region": region, "service": service, "pool": pool}
    if withdraw(client, kinds, author, **scope, dry_run=dry_run):
        return
    _check_region(client, region)
    what = f"{' or '.join(kinds)} of {region}{scope_suffix(service, pool)}"
    click.echo(f"Nothing to end: no {what} is in force.")


def withdraw(
    client: Client,
    kinds: tuple[str, ...],
    author: str | None,
    *,
    region: str | None,
    service: str | None,
    pool: str | None = None,
    dry_run: bool = False,
) -> int:
    """The number of overrides that were ended; each is printed.

    None as `service` or `pool` stands for every one, None as `region` for orders without a region.
    With `dry_run` no override is ended; the plan that would follow is printed for each.
    """
    overrides = [
        override
        for override in client.get("/v1/overrides")["items"]
        if override["kind"] in kinds and override["region"] == region
        if service in (None, override["service"])
        if pool in (None, override["pool"])
    ]
    for override in overrides:
        path = f"/v1/overrides/{override['id']}"
        what = f"{order_text(override)} by {override['author']}: {override['reason']}"
        if dry_run:
            click.echo(one_line(f"If override {override['id']} ended, {what}:"))
            click.echo(printable(client.get(f"{path}/ending")["text"]).rstrip())
            continue
        query = {"author": author} if author else {}
        client.delete(path, if_match=ANY_STATE, **query)
        click.echo(one_line(f"Override {override['id']} has ended: {what}."))
    return len(overrides)


def scope_suffix(service: str | None, pool: str | None) -> str:
    """` for shop/europe alone`, the end of a phrase; empty without service and pool."""
    scope = "/".join(filter(None, (service, pool)))
    return f" for {scope} alone" if scope else ""


def _check_region(client: Client, region: str) -> None:
    services: list[ApiReply] = client.get("/v1/services")["items"]
    regions = sorted({name for service in services for name in service["regions"]})
    if region not in regions:
        raise unknown_name("region", region, regions)
