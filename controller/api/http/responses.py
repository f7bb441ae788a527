"""JSON responses, and whether a caller asks for text instead.

Large ones are made in slices, between which the event loop goes on: at 20 regions x 250 pools a
status takes 90 ms of CPU.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import fields, is_dataclass

from aiohttp import web
from pydantic import BaseModel

from controller.model.encoding import SHOWN

_SLICE_S = 0.005
"""CPU seconds after which the event loop goes on."""


def json_response(
    body: object, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """A JSON response with the model's values as the API shows them (`model.encoding.SHOWN`).

    Its text ends with a newline, so that the shell prompt after `curl` begins a new line. Raises
    ValueError for NaN and infinity, which JSON does not have.
    """
    text = json.dumps(SHOWN(body), ensure_ascii=False, allow_nan=False)
    return web.Response(
        text=text + "\n", status=status, headers=headers, content_type="application/json"
    )


class Slices:
    """Lets the event loop go on whenever a slice of time was spent."""

    def __init__(self) -> None:
        self._began = time.thread_time()

    async def pause(self) -> None:
        """Between two parts of a long computation."""
        if time.thread_time() - self._began >= _SLICE_S:
            await asyncio.sleep(0)
            self._began = time.thread_time()


async def sliced_json_response(
    body: object, slices: Slices, *, depth: int, headers: Mapping[str, str] | None = None
) -> web.Response:
    """The same response as `json_response`, encoded in slices.

    `depth`: levels of objects and lists whose members are encoded one by one.
    """
    parts: list[str] = []
    await _encode(body, depth, parts, slices)
    return web.Response(
        body="".join((*parts, "\n")).encode(),
        headers=headers,
        charset="utf-8",
        content_type="application/json",
    )


async def _encode(value: object, depth: int, parts: list[str], slices: Slices) -> None:
    """Append the JSON of a value."""
    members = _members(value) if depth else None
    if members is not None:
        parts.append("{")
        for number, (name, member) in enumerate(members.items()):
            parts.append(f"{', ' if number else ''}{json.dumps(name, ensure_ascii=False)}: ")
            await _encode(member, depth - 1, parts, slices)
        parts.append("}")
    elif depth and isinstance(value, tuple | list) and not hasattr(value, "_fields"):
        parts.append("[")
        for number, item in enumerate(value):
            if number:
                parts.append(", ")
            await _encode(item, depth - 1, parts, slices)
        parts.append("]")
    else:
        parts.append(json.dumps(SHOWN(value), ensure_ascii=False, allow_nan=False))
        await slices.pause()


def _members(value: object) -> Mapping[str, object] | None:
    """The members of an object by name; None for a value of another kind."""
    if isinstance(value, BaseModel):
        return {name: getattr(value, name) for name in type(value).model_fields}
    if is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): member for name, member in value.items()}
    return None


def prefers_text(request: web.Request) -> bool:
    """Whether the caller accepts `text/plain` and does not accept JSON."""
    accepted = request.headers.get("Accept", "")
    return "text/plain" in accepted and "application/json" not in accepted
