"""Server-sent events, read to no end: a connection that breaks is taken up again where it stopped.

The format is the HTML standard's, section 9.2 Server-sent events.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from http.client import HTTPException

import click

from controller.cli.daemon.client import ApiReply, Client
from controller.cli.daemon.request_errors import ApiError, UnreachableError

_SILENCE_S = 45.0
"""The daemon says something every 15 s."""
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 5.0


def follow(client: Client, after: int, types: str | None) -> Iterator[ApiReply]:
    """Every event after the one of that id, as `{"id", "type", "at", "data"}`.

    Raises UnreachableError and ApiError when it cannot even begin; later, it is said on standard
    error that the connection is lost, once, and it is tried again until it stands.
    """
    place, begun, lost = str(after), False, False
    pause_s = _FIRST_PAUSE_S
    query = {"types": types} if types else {}
    while True:
        try:
            headers = {"Last-Event-ID": place}
            with client.stream("/v1/events", headers, _SILENCE_S, **query) as response:
                if lost:
                    click.echo("connected again", err=True)
                begun, lost, pause_s = True, False, _FIRST_PAUSE_S
                for block in blocks(line.decode(errors="replace") for line in response):
                    place = block.get("id", place)
                    if "data" in block:
                        yield _event(block)
            reason = "the daemon ended the stream"
        except (UnreachableError, ApiError) as error:
            if not begun or (isinstance(error, ApiError) and not error.may_pass):
                raise
            reason = error.message.splitlines()[0]
        except (OSError, HTTPException) as error:
            reason = str(error) or type(error).__name__
        if not lost:
            click.echo(f"connection lost: {reason}; trying again", err=True)
        lost = True
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


def blocks(lines: Iterable[str]) -> Iterator[dict[str, str]]:
    """Field to value, block by block; one that the end of the stream cuts off does not count."""
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


def _event(block: dict[str, str]) -> ApiReply:
    try:
        return ApiReply(json.loads(block["data"], object_hook=ApiReply))
    except (ValueError, TypeError) as error:
        raise click.ClickException(
            f"the daemon sent an event that cannot be read: {block}"
        ) from error
