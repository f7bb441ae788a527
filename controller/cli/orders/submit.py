"""How a person's order for a region is given: preview, refusal, confirmation, order, waiting.

What the order comes to is told by an Outlook, which each kind of order has for itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import click

from controller.cli import exit_codes
from controller.cli.daemon.client import ANY, ApiReply, Client
from controller.cli.daemon.request_errors import ApiError, RefusedError, TimedOutError
from controller.cli.orders.confirmation import confirm
from controller.cli.orders.options import OrderOptions, asked_reason, order
from controller.cli.orders.preview import GUARDS, REMEDIES, OrderPreview
from controller.cli.screen.render import at_share, duration, moment, one_line, order_text, printable

_POLL_S = 0.5
_CHANGED = 412
_PREVIEW_REASON = "preview"
_UNDO = {"drain": "undrain", "failover": "undrain", "pin": "unpin", "freeze": "unfreeze"}

Look = Callable[[ApiReply, Mapping[str, Any]], OrderPreview]
"""What a plan makes of an order."""


class HeldError(click.ClickException):
    """A guard keeps things as they are everywhere."""

    exit_code = exit_codes.REFUSED


@dataclass(frozen=True, slots=True)
class _Submission:
    """One order under way."""

    client: Client
    order: dict[str, Any]
    look: Look


def give(
    client: Client,
    kind: str,
    look: Look,
    options: OrderOptions,
    **what: Any,
) -> None:
    """Preview an order, and give it if guards and the person agree.

    `what` is all that the order says beside its options.
    """
    wanted = _wanted(kind, options, what)
    giving = _Submission(client, wanted, look)
    preview = _previewed(giving)
    if options.dry_run:
        return
    if options.yes:  # nobody looked at the preview, so nobody is held to it
        override = client.post("/v1/overrides", wanted, if_match=ANY)
    else:
        override = _given(giving, preview)
    say_in_force(override)
    if options.wait:
        _wait(giving, override, options.timeout_s)


def _wanted(kind: str, options: OrderOptions, what: Mapping[str, Any]) -> dict[str, Any]:
    """The order's request. Raises UsageError without a reason and a terminal to ask for one."""
    return order(
        kind,
        options.author,
        reason=options.reason or (_PREVIEW_REASON if options.dry_run else asked_reason()),
        ignore_guards=list(options.ignore_guards) or None,
        service=options.service,
        pool=options.pool,
        ttl_s=options.ttl_s,
        **what,
    )


def say_in_force(override: ApiReply) -> None:
    """Say what was ordered, when it ends, and how to end it."""
    place = "/".join(filter(None, (override["service"], override["pool"])))
    what = order_text(override) + (f" of {place}" if place else "")
    undo = " ".join(filter(None, (_UNDO[override["kind"]], override["region"])))
    only = "".join(f" --{key} {name}" for key in ("service", "pool") if (name := override[key]))
    click.echo(f"\nOverride {override['id']} is in force: {what}.")
    left = duration(override["remaining_s"])
    click.echo(f"It ends at {moment(override['expires_at'])} (in {left}).")
    click.echo(f"End it sooner with: gtc {undo}{only}")


def _previewed(giving: _Submission) -> ApiReply:
    """Show what the order would do. Raises HeldError when it would do nothing."""
    preview = giving.client.post("/v1/overrides", giving.order, dry_run="true", all="true")
    click.echo(printable(preview["text"]).rstrip())
    _refuse(giving.look(preview, giving.order), giving.order)
    return preview


def _given(giving: _Submission, preview: ApiReply) -> ApiReply:
    """Give the order a person has confirmed; what changed meanwhile is shown and asked anew."""
    client, wanted = giving.client, giving.order
    while True:
        what = " ".join(filter(None, (wanted["kind"], at_share(wanted))))
        confirm(client, wanted["region"], f"the {what}")
        try:
            return client.post("/v1/overrides", wanted, if_match=preview.etag)
        except RefusedError as error:
            if error.status != _CHANGED:
                raise
        click.echo("\nSomething has changed since. This is what would be done now:\n")
        preview = _previewed(giving)


def _refuse(found: OrderPreview, wanted: Mapping[str, Any]) -> None:
    if not found.refused:
        return
    lines = [f"the {wanted['kind']} of {wanted['region']} is refused: {found.refusal}"]
    lines += [f"  {stay.pool}: {stay.reason}, {one_line(stay.detail)}" for stay in found.refused]
    reasons = sorted({stay.reason for stay in found.refused})
    lines += [REMEDIES[reason] for reason in reasons if reason in REMEDIES]
    if guards := [reason for reason in reasons if reason in GUARDS]:
        naming = " ".join(f"--ignore-guard {guard}" for guard in guards)
        lines.append(f"To do it all the same, name what to override: {naming}")
    raise HeldError("\n".join(lines))


def _wait(giving: _Submission, override: ApiReply, timeout_s: float) -> None:
    """Until it is done wherever no guard holds it."""
    deadline = time.monotonic() + timeout_s
    found = giving.look(giving.client.get("/v1/plan", all="true"), giving.order)
    while found.pending:
        if time.monotonic() >= deadline:
            raise TimedOutError(
                f"after {duration(timeout_s)} {found.lacking} in {', '.join(found.pending)}; "
                "the override stays in force: look with `gtc status`"
            )
        time.sleep(_POLL_S)
        found = giving.look(giving.client.get("/v1/plan", all="true"), giving.order)
    click.echo()
    for line in found.lines():
        click.echo(one_line(line))
    _say_timeline(giving.client, override)


def _say_timeline(client: Client, override: ApiReply) -> None:
    """When what happened, if a decision followed the order."""
    try:
        record = client.get("/v1/decisions/latest", region=override["region"])
    except ApiError as error:
        if error.status != 404:
            raise
        return
    moments = record["timeline"]
    ordered = datetime.fromisoformat(override["created_at"])
    if not moments or datetime.fromisoformat(record["at"]) < ordered:
        return
    click.echo(f"Timeline of decision {record['id']}, from the order:")
    for one in moments:
        after_s = (datetime.fromisoformat(one["at"]) - ordered).total_seconds()
        click.echo(f"  {after_s:+8.2f} s  {one['name']:<14}{one_line(one['detail'])}".rstrip())
