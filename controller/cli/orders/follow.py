"""What becomes of an order that is in force: waits until it is carried out, shows its timeline."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import click

from controller.cli.daemon.client import Client
from controller.cli.daemon.replies import ApiReply
from controller.cli.daemon.request_errors import ApiError, TimedOutError
from controller.cli.orders.preview import OrderPreview, ReadPreview, pools_in_scope
from controller.cli.screen.render import duration, one_line

_POLL_S = 0.5


def wait(client: Client, read: ReadPreview, order: Mapping[str, Any], timeout_s: float) -> None:
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


def echo_timeline(client: Client, override: ApiReply) -> None:
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
