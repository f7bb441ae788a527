"""The way of one order for a region to the daemon: preview, refusal, confirmation, submission."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from controller.cli import exit_codes
from controller.cli.daemon.client import ANY_STATE, Client
from controller.cli.daemon.replies import ApiReply
from controller.cli.daemon.request_errors import RefusedError
from controller.cli.orders.confirmation import confirm
from controller.cli.orders.follow import echo_timeline, wait
from controller.cli.orders.options import OrderOptions, ask_reason
from controller.cli.orders.preview import (
    GUARDS,
    REMEDIES,
    OrderPreview,
    ReadPreview,
    pools_in_scope,
)
from controller.cli.screen.render import (
    at_share,
    duration,
    one_line,
    order_text,
    printable,
    timestamp,
)

_PRECONDITION_FAILED = 412
_PREVIEW_REASON = "preview"
_UNDO = {"drain": "undrain", "failover": "undrain", "pin": "unpin", "freeze": "unfreeze"}


class OrderRefusedError(click.ClickException):
    """The order would change nothing: a hold prevents it in every pool."""

    exit_code = exit_codes.REFUSED


def submit(
    client: Client, read: ReadPreview, options: OrderOptions, kind: str, **terms: Any
) -> None:
    """Preview an order, then submit it unless a hold refuses it or the user does not confirm it.

    `terms` are the members of the order that are not options: its region, its share.
    """
    order = order_body(
        kind,
        author=options.author,
        reason=options.reason or (_PREVIEW_REASON if options.dry_run else ask_reason()),
        ignore_guards=list(options.ignore_guards) or None,
        service=options.service,
        pool=options.pool,
        ttl_s=options.ttl_s,
        **terms,
    )
    preview = _show_preview(client, read, order)
    if options.dry_run:
        return
    override = _post(client, read, order, preview, confirmed=options.yes)
    echo_active(override)
    if options.wait:
        wait(client, read, order, options.timeout_s)
        echo_timeline(client, override)


def order_body(kind: str, **members: Any) -> dict[str, Any]:
    """The request's body. Members that are None are left out and take the daemon's default."""
    order = {"kind": kind, **members}
    return {key: value for key, value in order.items() if value is not None}


def echo_active(override: ApiReply) -> None:
    """Print what was ordered, when it ends, and the command that ends it."""
    scope = "/".join(filter(None, (override["service"], override["pool"])))
    what = order_text(override) + (f" of {scope}" if scope else "")
    undo = " ".join(filter(None, (_UNDO[override["kind"]], override["region"])))
    only = "".join(f" --{key} {name}" for key in ("service", "pool") if (name := override[key]))
    click.echo(f"\nOverride {override['id']} is in force: {what}.")
    remaining = duration(override["remaining_s"])
    click.echo(f"It ends at {timestamp(override['expires_at'])} (in {remaining}).")
    click.echo(f"End it sooner with: gtc {undo}{only}")
    for warning in override["warnings"]:
        click.echo(one_line(f"warning: {warning}"))


def _show_preview(client: Client, read: ReadPreview, order: dict[str, Any]) -> ApiReply:
    """The preview, after it was printed. Raises OrderRefusedError."""
    preview = client.post("/v1/overrides", order, dry_run="true", all="true")
    click.echo(printable(preview["text"]).rstrip())
    _check_refusals(order, read(order, pools_in_scope(order, preview)))
    return preview


def _check_refusals(order: Mapping[str, Any], preview: OrderPreview) -> None:
    refusals = preview.refusals
    if not refusals:
        return
    lines = [f"the {order['kind']} of {order['region']} is refused: {preview.refusal_text}"]
    lines += [f"  {pool.pool}: {pool.reason}, {one_line(pool.detail)}" for pool in refusals]
    reasons = sorted({pool.reason for pool in refusals})
    lines += [REMEDIES[reason] for reason in reasons if reason in REMEDIES]
    if guards := [reason for reason in reasons if reason in GUARDS]:
        flags = " ".join(f"--ignore-guard {guard}" for guard in guards)
        lines.append(f"To do it all the same, name what to override: {flags}")
    raise OrderRefusedError("\n".join(lines))


def _post(
    client: Client,
    read: ReadPreview,
    order: dict[str, Any],
    preview: ApiReply,
    *,
    confirmed: bool,
) -> ApiReply:
    """The override that was created.

    Unless it is `confirmed` already, the user confirms the preview, whose ETag the order carries.
    When that state has changed, the daemon refuses it; the user then sees a new preview and
    confirms again.
    """
    if confirmed:  # the user has not read the preview, so the order does not depend on it
        return client.post("/v1/overrides", order, if_match=ANY_STATE)
    while True:
        what = " ".join(filter(None, (order["kind"], at_share(order))))
        confirm(client, order["region"], f"the {what}")
        try:
            return client.post("/v1/overrides", order, if_match=preview.etag)
        except RefusedError as error:
            if error.status != _PRECONDITION_FAILED:
                raise
        click.echo("\nSomething has changed since. This is what would be done now:\n")
        preview = _show_preview(client, read, order)
