"""JSON responses, and whether a caller asks for text instead."""

from __future__ import annotations

import json
from collections.abc import Mapping

from aiohttp import web

from controller.model.encoding import SHOWN


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


def prefers_text(request: web.Request) -> bool:
    """Whether the caller accepts `text/plain` and does not accept JSON."""
    accepted = request.headers.get("Accept", "")
    return "text/plain" in accepted and "application/json" not in accepted
