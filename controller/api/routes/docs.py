"""`/openapi.json` and `/docs`: the API described by itself, for programs and for people.

Both say nothing about what is steered here, so anybody may read them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache

from aiohttp import web

from controller.api.description.docs_page import CONTENT_SECURITY_POLICY, page
from controller.api.description.openapi import document
from controller.api.http.route import JSON, Route, RouteCall, RouteResponse


def reference_routes(declared: Sequence[Route]) -> tuple[Route, ...]:
    """The two routes, which describe all others and each other."""

    @cache  # a tenth of a second; nothing in them changes while the daemon runs
    def described(secured: bool) -> tuple[str, str]:
        found = document((*declared, *routes), secured=secured)
        return json.dumps(found, ensure_ascii=False, indent=1) + "\n", page(found)

    async def openapi(call: RouteCall) -> web.Response:
        text, _ = described(bool(call.context.settings.api.tokens))
        return web.Response(text=text, content_type=JSON)

    async def docs(call: RouteCall) -> web.Response:
        _, text = described(bool(call.context.settings.api.tokens))
        headers = {"Content-Security-Policy": CONTENT_SECURITY_POLICY}
        return web.Response(text=text, content_type="text/html", headers=headers)

    routes = (
        Route(
            "GET",
            "/openapi.json",
            openapi,
            role=None,
            summary="This API, for programs",
            answers={200: RouteResponse("An OpenAPI 3.1 document.")},
        ),
        Route(
            "GET",
            "/docs",
            docs,
            role=None,
            summary="This API, for people",
            answers={200: RouteResponse("A page that fetches nothing.", media=("text/html",))},
        ),
    )
    return routes
