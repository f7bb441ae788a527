"""`gtc overrides` lists the active overrides; `gtc extend` moves the end of one."""

from __future__ import annotations

import click

from controller.cli.daemon.client import ANY_STATE, Client
from controller.cli.daemon.client_options import client_option
from controller.cli.daemon.replies import ApiReply
from controller.cli.orders.confirmation import confirm_in_production, yes_option
from controller.cli.orders.options import ask_reason, author_option, reason_option
from controller.cli.screen.output import TABLE, document, output_option
from controller.cli.screen.render import (
    duration,
    one_line,
    order_text,
    share,
    timestamp,
    void_suffix,
)
from controller.cli.types.duration import DURATION
from controller.planning.account.columns import aligned

_SCOPE = ("REGION", "SERVICE", "POOL")
_HEAD = ("ID", "KIND", *_SCOPE, "SHARE", "ENDS IN", "AUTHOR", "IGNORES", "REASON")


@click.command()
@client_option
@output_option
def overrides(client: Client, output: str) -> None:
    """Standing instructions and when they end.

    `soon` stands behind the time of one that is about to end: `gtc extend` gives it more.
    """
    reply = client.get("/v1/overrides")
    if output != TABLE:
        click.echo(document(reply, output))
    elif reply["items"]:
        click.echo("\n".join(aligned([_HEAD, *map(_cells, reply["items"])])))
    else:
        click.echo("No override is in force.")


@click.command()
@click.argument("override_id", metavar="ID", type=click.IntRange(min=1))
@client_option
@click.option(
    "--ttl", "ttl_s", type=DURATION, required=True, help="How long from now: 90s, 30m, 2h, 1d."
)
@reason_option
@author_option
@yes_option
def extend(
    override_id: int,
    client: Client,
    ttl_s: float,
    reason: str | None,
    author: str | None,
    yes: bool,
) -> None:
    """Let the override ID end later, or sooner: --ttl counts from now."""
    reason = reason or ask_reason()
    confirm_in_production(client, f"the new end of override {override_id}", yes=yes)
    body = {"ttl_s": ttl_s, "reason": reason, **({"author": author} if author else {})}
    override = client.patch(f"/v1/overrides/{override_id}", body, if_match=ANY_STATE)
    remaining = duration(override["remaining_s"])
    ends = f"ends at {timestamp(override['expires_at'])} (in {remaining})"
    click.echo(f"Override {override['id']}, {order_text(override)}, {ends}.")


def _cells(override: ApiReply) -> tuple[str, ...]:
    soon = ", soon" if override["expires_soon"] else ""
    return (
        str(override["id"]),
        override["kind"],
        override["region"] or "-",
        override["service"] or "-",
        override["pool"] or "-",
        share(override["share"]),
        duration(override["remaining_s"]) + soon,
        one_line(override["author"]),
        ",".join(override["ignore_guards"]) or "-",
        one_line(f"{override['reason']}{void_suffix(override)}"),
    )
