"""Pages of lists that can grow: newest first, each with the path of the next page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar
from urllib.parse import urlencode

from controller.api.http.response_bodies import Page
from controller.api.http.route import RouteCall

Item = TypeVar("Item")


def page(
    call: RouteCall,
    found: Sequence[Item],
    limit: int,
    cursor: Callable[[Item], int],
    model: type[Page[Item]],
) -> Page[Item]:
    """The first `limit` items found; `next` is set when there are more.

    `cursor` returns the number of an item that the parameter `before` takes.
    """
    items = tuple(found[:limit])
    if len(found) <= limit:
        return model(items=items)
    return model(items=items, next=next_path(call, limit, cursor(items[-1])))


def next_path(call: RouteCall, limit: int, last: int) -> str:
    """Path of the page after the item with the number `last`, with the request's other
    parameters."""
    query = {**call.request.query, "limit": str(limit), "before": str(last)}
    return f"{call.request.path}?{urlencode(query)}"
