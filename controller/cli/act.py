"""`gtc failover`, `drain`, `undrain`, `freeze`, `unfreeze` and `overrides`: a person's orders.

An order is an override of the daemon's: it has an author, a reason and an end, and guards bind it.
How a region is emptied, step by step, is told in `leaving`.
"""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click

from controller.cli.client import Answer, Client, endpoint_option, unknown
from controller.cli.duration import DURATION
from controller.cli.leaving import Manner, at_terminal, leave, say_in_force
from controller.cli.render import as_json, duration, one_line
from controller.sandbox.aligned import aligned

C = TypeVar("C", bound=Callable[..., Any])
_PREVIEW_REASON = "preview"

_region = click.argument("region")
_service = click.option("--service", metavar="NAME", help="Only in this service; default: in all.")
_author = click.option("--author", metavar="NAME", help="Who orders it; default: your user name.")
_reason = click.option("--reason", metavar="TEXT", help="Why, in a few words. Required.")
_ttl = click.option(
    "--ttl",
    "ttl_s",
    type=DURATION,
    help="When it ends by itself: 90s, 30m, 2h, 1d; default: as the daemon is configured.",
)


def _leaving_options(command: C) -> C:
    """What `failover` and `drain` share."""
    options: list[Callable[[Any], Any]] = [
        _region,
        endpoint_option,
        _service,
        _reason,
        _author,
        _ttl,
        click.option(
            "--ignore-guard",
            "ignore_guards",
            metavar="NAME",
            multiple=True,
            help="Override this guard; may be given several times.",
        ),
        click.option("--yes", is_flag=True, help="Do not ask for confirmation."),
        click.option("--dry-run", is_flag=True, help="Show the preview and do nothing."),
        click.option("--wait", is_flag=True, help="Return when it is applied."),
        click.option(
            "--timeout",
            "timeout_s",
            type=DURATION,
            default="2m",
            show_default=True,
            help="How long --wait waits; then exit with 7.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@_leaving_options
def failover(client: Client, **options: Any) -> None:
    """Move a region's traffic away at once, as if it were down.

    Only the guards of an emergency bind: the others may be overloaded. For planned work there is
    `gtc drain`.
    """
    _leave(client, "failover", **options)


@click.command()
@_leaving_options
def drain(client: Client, **options: Any) -> None:
    """Take a region out of service, if the others can carry its traffic.

    For a region in trouble there is `gtc failover`, which does not ask for that.
    """
    _leave(client, "drain", **options)


@click.command()
@_region
@endpoint_option
@_service
@_author
def undrain(region: str, client: Client, service: str | None, author: str | None) -> None:
    """Let a drained region serve again: end its drains and failovers.

    Its traffic comes back in steps.
    """
    if not _end(client, ("drain", "failover"), region, service, author):
        _check_region(client, region)
        where = f" for {service} alone" if service else ""
        click.echo(f"Nothing to end: no drain or failover of {region}{where} is in force.")


@click.command()
@endpoint_option
@_service
@_reason
@_author
@_ttl
def freeze(
    client: Client,
    service: str | None,
    reason: str | None,
    author: str | None,
    ttl_s: float | None,
) -> None:
    """Stop automatic changes for a while.

    Probing and deciding go on, and a failed region keeps the traffic that AWS's own health checks
    leave it.
    """
    order = _order("freeze", None, service, reason or _asked_reason(), author, ttl_s)
    say_in_force(client.post("/v1/overrides", order))


@click.command()
@endpoint_option
@_service
@_author
def unfreeze(client: Client, service: str | None, author: str | None) -> None:
    """Allow automatic changes again: end the freezes."""
    if not _end(client, ("freeze",), None, service, author):
        where = f" for {service} alone" if service else ""
        click.echo(f"Nothing to end: no freeze{where} is in force.")


@click.command()
@endpoint_option
@click.option(
    "-o",
    "--output",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="Form of the output.",
)
def overrides(client: Client, output: str) -> None:
    """Standing instructions and when they end."""
    answer = client.get("/v1/overrides")
    if output == "json":
        click.echo(as_json(answer))
    elif answer["items"]:
        head = ("ID", "KIND", "REGION", "SERVICE", "ENDS IN", "AUTHOR", "IGNORES", "REASON")
        click.echo("\n".join(aligned([head, *map(_cells, answer["items"])])))
    else:
        click.echo("No override is in force.")


def _leave(
    client: Client,
    kind: str,
    *,
    region: str,
    service: str | None,
    reason: str | None,
    author: str | None,
    ttl_s: float | None,
    ignore_guards: tuple[str, ...],
    yes: bool,
    dry_run: bool,
    wait: bool,
    timeout_s: float,
) -> None:
    reason = reason or (_PREVIEW_REASON if dry_run else _asked_reason())
    order = _order(kind, region, service, reason, author, ttl_s)
    if ignore_guards:
        order["ignore_guards"] = list(ignore_guards)
    leave(client, order, Manner(yes, dry_run, wait, timeout_s))


def _order(
    kind: str,
    region: str | None,
    service: str | None,
    reason: str,
    author: str | None,
    ttl_s: float | None,
) -> dict[str, Any]:
    """The request; what is left out takes the daemon's default."""
    values = {
        "kind": kind,
        "region": region,
        "service": service,
        "reason": reason,
        "author": author or _user(),
        "ttl_s": ttl_s,
    }
    return {key: value for key, value in values.items() if value is not None}


def _asked_reason() -> str:
    if not at_terminal():
        raise click.UsageError("--reason is missing: say why, in a few words")
    answer: str = click.prompt("Reason", err=True)
    return answer


def _user() -> str | None:
    """The name of whoever sits here; None where the system knows none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without an entry for its user id
        return None


def _end(
    client: Client,
    kinds: tuple[str, ...],
    region: str | None,
    service: str | None,
    author: str | None,
) -> int:
    """End the overrides of these kinds at this place, say so, and count them."""
    found = [
        override
        for override in client.get("/v1/overrides")["items"]
        if override["kind"] in kinds and override["region"] == region
        if service in (None, override["service"])
    ]
    name = author or _user()
    for override in found:
        query = {"author": name} if name else {}
        client.delete(f"/v1/overrides/{override['id']}", **query)
        what = " ".join(filter(None, (override["kind"], override["region"])))
        whose = f"by {override['author']}: {override['reason']}"
        click.echo(one_line(f"Override {override['id']} has ended: {what} {whose}."))
    return len(found)


def _check_region(client: Client, region: str) -> None:
    services: Iterable[Answer] = client.get("/v1/services")["items"]
    regions = sorted({name for service in services for name in service["regions"]})
    if region not in regions:
        raise unknown("region", region, regions)


def _cells(override: Answer) -> tuple[str, ...]:
    return (
        str(override["id"]),
        override["kind"],
        override["region"] or "-",
        override["service"] or "-",
        duration(override["remaining_s"]),
        one_line(override["author"]),
        ",".join(override["ignore_guards"]) or "-",
        one_line(override["reason"]),
    )
