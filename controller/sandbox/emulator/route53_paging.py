"""How Route 53 cuts listings into pages, and how it spells ids.

Follows the API reference, `MaxItems` of *ListResourceRecordSets*, *ListHostedZones* and
*ListHealthChecks*: a page may be shorter than asked for, never longer than the documented most.
"""

from collections.abc import Sequence
from typing import TypeVar

from controller.sandbox.emulator.wire import AwsError, Params

T = TypeVar("T")


def first_page(items: Sequence[T], params: Params, most: int) -> tuple[Sequence[T], T | None, int]:
    """The first page of `items`, the item the next page begins with, and the page's size.

    Raises InvalidInput for a `MaxItems` that is not a positive number.
    """
    asked = params.get("MaxItems", str(most))
    if not asked.isdecimal() or int(asked) == 0:
        raise AwsError("InvalidInput", f"MaxItems must be a number from 1 up, not {asked!r}")
    size = min(int(asked), most)
    return items[:size], items[size] if len(items) > size else None, size


def bare_id(id_: str) -> str:
    """The id without the path before it: `Z1` for `/hostedzone/Z1`."""
    return id_.rpartition("/")[2]
