"""`/openapi.json` and `/docs`: the description of the API, for programs and for people.

Neither shows anything of the configuration, so both are public.
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
    """The two routes; they describe the declared routes and each other."""

    @cache  # making them takes 0.1 s, and nothing in them changes while the daemon runs
    def texts(secured: bool) -> tuple[str, str]:
        described = document((*declared, *routes), secured=secured)
        return json.dumps(described, ensure_ascii=False, indent=1) + "\n", page(described)

    async def openapi(call: RouteCall) -> web.Response:
        text, _ = texts(bool(call.dependencies.settings.api.tokens))
        return web.Response(text=text, content_type=JSON)

    async def docs(call: RouteCall) -> web.Response:
        _, text = texts(bool(call.dependencies.settings.api.tokens))
        headers = {"Content-Security-Policy": CONTENT_SECURITY_POLICY}
        return web.Response(text=text, content_type="text/html", headers=headers)

    routes = (
        Route(
            "GET",
            "/openapi.json",
            openapi,
            role=None,
            summary="This API, for programs",
            responses={200: RouteResponse("An OpenAPI 3.1 document.")},
        ),
        Route(
            "GET",
            "/docs",
            docs,
            role=None,
            summary="This API, for people",
            responses={200: RouteResponse("A page that fetches nothing.", media=("text/html",))},
        ),
    )
    return routes
