"""Values of the model as the API shows them."""

from __future__ import annotations

import json
from collections.abc import Mapping

from aiohttp import web

from controller.model.encoding import SHOWN


def answer(
    body: object, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """A JSON response that a person with curl can read too."""
    text = json.dumps(SHOWN(body), ensure_ascii=False, allow_nan=False)
    return web.Response(
        text=text + "\n", status=status, headers=headers, content_type="application/json"
    )
