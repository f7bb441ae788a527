"""Pages of lists that can grow: newest first, each with the path of the next page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar
from urllib.parse import urlencode

from aiohttp import web

from controller.api.http.responses import Slices
from controller.api.http.route import RouteCall
from controller.model.encoding import SHOWN, as_text

Item = TypeVar("Item")
PAGE_BYTES = 4 * 2**20
"""Most bytes of items in one page, but of one item at least."""


async def page(
    call: RouteCall, found: Sequence[Item], limit: int, cursor: Callable[[Item], int]
) -> web.Response:
    """The first `limit` items found, fewer when they are large; `next` is set when there are more.

    `cursor` returns the number of an item that the parameter `before` takes.
    """
    items: list[bytes] = []
    free_bytes, next_page, slices = PAGE_BYTES, None, Slices()
    for number, item in enumerate(found):
        text = as_text(SHOWN(item)).encode()
        if items and (number == limit or len(text) > free_bytes):
            next_page = next_path(call, limit, cursor(found[number - 1]))
            break
        items.append(text)
        free_bytes -= len(text)
        await slices.pause()
    return page_response(items, next_page)


def page_response(items: Sequence[bytes], next_page: str | None) -> web.Response:
    """A page of items that are encoded already."""
    body = b'{"items":[%b],"next":%b}\n' % (b",".join(items), as_text(next_page).encode())
    return web.Response(body=body, charset="utf-8", content_type="application/json")


def next_path(call: RouteCall, limit: int, last: int) -> str:
    """Path of the page after the item with the number `last`, with the request's other
    parameters."""
    query = {**call.request.query, "limit": str(limit), "before": str(last)}
    return f"{call.request.path}?{urlencode(query)}"
