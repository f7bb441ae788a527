"""The daemon's server-sent events, with reconnection after the last event that was read.

The format is that of the HTML standard, section 9.2 Server-sent events.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from http.client import HTTPException

import click

from controller.cli.daemon.client import Client
from controller.cli.daemon.replies import ApiReply
from controller.cli.daemon.request_errors import ApiError, UnreachableError

_READ_TIMEOUT_S = 45.0
"""The daemon sends at least a comment every 15 s."""
_MIN_BACKOFF_S = 0.5
_MAX_BACKOFF_S = 5.0


def follow_events(client: Client, after: int, types: str | None) -> Iterator[ApiReply]:
    """Every event after the id `after`, as `{"id", "type", "at", "data"}`; without end.

    Raises UnreachableError and ApiError if the first connection fails. A connection lost later is
    reported once on standard error and retried with exponential backoff.
    """
    last_id, connected_once, lost = str(after), False, False
    backoff_s = _MIN_BACKOFF_S
    query = {"types": types} if types else {}
    while True:
        try:
            headers = {"Last-Event-ID": last_id}
            with client.stream("/v1/events", headers, _READ_TIMEOUT_S, **query) as response:
                if lost:
                    click.echo("connected again", err=True)
                connected_once, lost, backoff_s = True, False, _MIN_BACKOFF_S
                for block in parse_blocks(line.decode(errors="replace") for line in response):
                    last_id = block.get("id", last_id)
                    if "data" in block:
                        yield _parse_event(block)
            reason = "the daemon ended the stream"
        except (UnreachableError, ApiError) as error:
            if not connected_once or (isinstance(error, ApiError) and not error.is_transient):
                raise
            reason = error.message.splitlines()[0]
        except (OSError, HTTPException) as error:
            reason = str(error) or type(error).__name__
        if not lost:
            click.echo(f"connection lost: {reason}; trying again", err=True)
        lost = True
        time.sleep(backoff_s)
        backoff_s = min(2 * backoff_s, _MAX_BACKOFF_S)


def parse_blocks(lines: Iterable[str]) -> Iterator[dict[str, str]]:
    """The fields of each block. A block cut off by the end of the stream is left out."""
    fields: dict[str, str] = {}
    for line in lines:
        text = line.rstrip("\r\n")
        if not text:
            yield fields
            fields = {}
            continue
        name, _, value = text.partition(":")
        value = value.removeprefix(" ")
        fields[name] = f"{fields[name]}\n{value}" if name in fields and name == "data" else value


def _parse_event(block: dict[str, str]) -> ApiReply:
    try:
        return ApiReply(json.loads(block["data"], object_hook=ApiReply))
    except (ValueError, TypeError) as error:
        raise click.ClickException(
            f"the daemon sent an event that cannot be read: {block}"
        ) from error
