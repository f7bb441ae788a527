"""The way of one order for a region: preview, refusal, confirmation, submission, wait."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import click

from controller.cli import exit_codes
from controller.cli.daemon.client import ANY_STATE, Client
from controller.cli.daemon.replies import ApiReply
from controller.cli.daemon.request_errors import ApiError, RefusedError, TimedOutError
from controller.cli.orders.confirmation import confirm
from controller.cli.orders.options import OrderOptions, ask_reason
from controller.cli.orders.preview import GUARDS, REMEDIES, OrderPreview
from controller.cli.screen.render import (
    at_share,
    duration,
    one_line,
    order_text,
    printable,
    timestamp,
)

_POLL_S = 0.5
_PRECONDITION_FAILED = 412
_PREVIEW_REASON = "preview"
_UNDO = {"drain": "undrain", "failover": "undrain", "pin": "unpin", "freeze": "unfreeze"}

ReadPreview = Callable[[Mapping[str, Any], Iterable[tuple[str, ApiReply]]], OrderPreview]
"""Reads an order's pools, each a name and its plan, for one kind of order."""


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
    if options.yes:  # the user has not read the preview, so the order does not depend on it
        override = client.post("/v1/overrides", order, if_match=ANY_STATE)
    else:
        override = _post_confirmed(client, read, order, preview)
    echo_active(override)
    if options.wait:
        _wait(client, read, order, options.timeout_s)
        _echo_timeline(client, override)


def order_body(kind: str, **members: Any) -> dict[str, Any]:
    """The request's body. Members that are None are left out and take the daemon's default."""
    order = {"kind": kind, **members}
    return {key: value for key, value in order.items() if value is not None}


def pools_in_scope(order: Mapping[str, Any], plan: ApiReply) -> Iterator[tuple[str, ApiReply]]:
    """The plan's pools within the order's service and pool, by name; None stands for every one."""
    for pool in plan["plans"]:
        if order.get("service") not in (None, pool["service"]):
            continue
        if order.get("pool") in (None, pool["pool"]):
            yield f"{pool['service']}/{pool['pool']}", pool


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


def _post_confirmed(
    client: Client, read: ReadPreview, order: dict[str, Any], preview: ApiReply
) -> ApiReply:
    """The override that was created.

    The order carries the ETag of the preview that the user confirmed. When that state has changed,
    the daemon refuses it; the user then sees a new preview and confirms again.
    """
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


def _wait(client: Client, read: ReadPreview, order: Mapping[str, Any], timeout_s: float) -> None:
    """Poll the plan until no pool is pending, then print the result. Raises TimedOutError."""
    deadline = time.monotonic() + timeout_s
    while (preview := _read_plan(client, read, order)).pending:
        if time.monotonic() >= deadline:
            raise TimedOutError(
                f"after {duration(timeout_s)} {preview.pending_text} in "
                f"{', '.join(preview.pending)}; "
                "the override stays in force: look with `gtc status`"
            )
        time.sleep(_POLL_S)
    click.echo()
    for line in preview.result_lines():
        click.echo(one_line(line))


def _read_plan(client: Client, read: ReadPreview, order: Mapping[str, Any]) -> OrderPreview:
    return read(order, pools_in_scope(order, client.get("/v1/plan", all="true")))


def _echo_timeline(client: Client, override: ApiReply) -> None:
    """Print the timeline of the region's latest decision, if it was made after the order."""
    try:
        record = client.get("/v1/decisions/latest", region=override["region"])
    except ApiError as error:
        if error.status != 404:
            raise
        return
    timeline = record["timeline"]
    ordered = datetime.fromisoformat(override["created_at"])
    if not timeline or datetime.fromisoformat(record["at"]) < ordered:
        return
    click.echo(f"Timeline of decision {record['id']}, from the order:")
    for event in timeline:
        after_s = (datetime.fromisoformat(event["at"]) - ordered).total_seconds()
        detail = one_line(event["detail"])
        click.echo(f"  {after_s:+8.2f} s  {event['name']:<14}{detail}".rstrip())
