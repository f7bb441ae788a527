"""How a person's failover or drain goes: preview, refusal, confirmation, order, waiting."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import click

from controller.cli import exit_codes
from controller.cli.client import ANY, Answer, Client
from controller.cli.confirmation import confirm
from controller.cli.departure import GUARDS, REMEDIES, Departure, departure
from controller.cli.errors import ApiError, RefusedError, TimedOutError
from controller.cli.render import duration, moment, one_line, printable

_POLL_S = 0.5
_CHANGED = 412


class HeldError(click.ClickException):
    """A guard keeps the region's traffic everywhere."""

    exit_code = exit_codes.REFUSED


@dataclass(frozen=True, slots=True)
class Manner:
    """How to go about it."""

    yes: bool
    dry_run: bool
    wait: bool
    timeout_s: float


def leave(client: Client, order: dict[str, Any], manner: Manner) -> None:
    """Preview an order that empties a region, and give it if guards and the person agree."""
    preview = _previewed(client, order)
    if manner.dry_run:
        return
    if manner.yes:  # nobody looked at the preview, so nobody is held to it
        override = client.post("/v1/overrides", order, if_match=ANY)
    else:
        override = _given(client, order, preview)
    say_in_force(override)
    if manner.wait:
        _wait(client, override, manner.timeout_s)


def _previewed(client: Client, order: dict[str, Any]) -> Answer:
    """Show what the order would do. Raises HeldError when it would do nothing."""
    preview = client.post("/v1/overrides", order, dry_run="true")
    click.echo(printable(preview["text"]).rstrip())
    _refuse(_departure(preview, order), order)
    return preview


def _given(client: Client, order: dict[str, Any], preview: Answer) -> Answer:
    """Give the order a person has confirmed; what changed meanwhile is shown and asked anew."""
    while True:
        confirm(client, order["region"], f"the {order['kind']}")
        try:
            return client.post("/v1/overrides", order, if_match=preview.etag)
        except RefusedError as error:
            if error.status != _CHANGED:
                raise
        click.echo("\nSomething has changed since. This is what would be done now:\n")
        preview = _previewed(client, order)


def say_in_force(override: Answer) -> None:
    """Say what was ordered, when it ends, and how to end it."""
    region = override["region"]
    place = "/".join(filter(None, (override["service"], override["pool"])))
    what = " ".join(filter(None, (override["kind"], region, place and f"of {place}")))
    undo = "unfreeze" if override["kind"] == "freeze" else f"undrain {region}"
    only = "".join(f" --{key} {name}" for key in ("service", "pool") if (name := override[key]))
    click.echo(f"\nOverride {override['id']} is in force: {what}.")
    left = duration(override["remaining_s"])
    click.echo(f"It ends at {moment(override['expires_at'])} (in {left}).")
    click.echo(f"End it sooner with: gtc {undo}{only}")


def _departure(plan: Answer, order: dict[str, Any]) -> Departure:
    return departure(plan, order["region"], order.get("service"), order.get("pool"))


def _refuse(found: Departure, order: dict[str, Any]) -> None:
    if not found.refused:
        return
    lines = [f"the {order['kind']} of {order['region']} is refused: its traffic would stay"]
    lines += [f"  {stay.pool}: {stay.reason}, {one_line(stay.detail)}" for stay in found.refused]
    reasons = sorted({stay.reason for stay in found.refused})
    lines += [REMEDIES[reason] for reason in reasons if reason in REMEDIES]
    if guards := [reason for reason in reasons if reason in GUARDS]:
        naming = " ".join(f"--ignore-guard {guard}" for guard in guards)
        lines.append(f"To do it all the same, name what to override: {naming}")
    raise HeldError("\n".join(lines))


def _wait(client: Client, override: Answer, timeout_s: float) -> None:
    """Until the region carries nothing wherever no guard holds it."""
    region = override["region"]
    deadline = time.monotonic() + timeout_s
    found = _departure(client.get("/v1/plan"), override)
    while found.leaving:
        if time.monotonic() >= deadline:
            raise TimedOutError(
                f"after {duration(timeout_s)} {region} is not yet known to be empty in "
                f"{', '.join(found.leaving)}; the override stays in force: look with `gtc status`"
            )
        time.sleep(_POLL_S)
        found = _departure(client.get("/v1/plan"), override)
    _say_result(region, found)
    _say_timeline(client, override)


def _say_result(region: str, found: Departure) -> None:
    click.echo()
    if found.empty:
        click.echo(f"{region} carries nothing in {', '.join(found.empty)}.")
    for stay in found.stays:
        held = f"held by {stay.reason}: {one_line(stay.detail)}"
        click.echo(f"{region} keeps its traffic in {stay.pool}, {held}.")


def _say_timeline(client: Client, override: Answer) -> None:
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
