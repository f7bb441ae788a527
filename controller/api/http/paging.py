"""Lists that can grow are answered in pages, newest first, each naming the path of the next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar
from urllib.parse import urlencode

from controller.api.http.route import RouteCall
from controller.api.views.common import Page

Item = TypeVar("Item")


def page(
    call: RouteCall,
    found: Sequence[Item],
    wanted: int,
    number: Callable[[Item], int],
    model: type[Page[Item]],
) -> Page[Item]:
    """The first `wanted` of the items found; where there are more, `next` leads on.

    `number` tells what `before` means of an item.
    """
    items = tuple(found[:wanted])
    if len(found) <= wanted:
        return model(items=items)
    return model(items=items, next=next_path(call, wanted, number(items[-1])))


def next_path(call: RouteCall, wanted: int, last: int) -> str:
    """Path of the page after the item of this number; other parameters are kept."""
    query = {**call.request.query, "limit": str(wanted), "before": str(last)}
    return f"{call.request.path}?{urlencode(query)}"
