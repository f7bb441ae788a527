"""How Route 53 cuts listings into pages, and how it spells ids.

Follows the API reference, `MaxItems` of *ListResourceRecordSets*, *ListHostedZones* and
*ListHealthChecks*: a page may be shorter than asked for, never longer than the documented most.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

from controller.sandbox.emulator.http.wire_messages import AwsError, Params, Result


class Identified(Protocol):
    """What is listed by its id."""

    @property
    def id(self) -> str: ...


T = TypeVar("T")
Item = TypeVar("Item", bound=Identified)


def first_page(items: Sequence[T], params: Params, most: int) -> tuple[Sequence[T], T | None, int]:
    """The first page of `items`, the item the next page begins with, and the page's size.

    Raises InvalidInput for a `MaxItems` that is not a positive number.
    """
    asked = params.get("MaxItems", str(most))
    if not asked.isdecimal() or int(asked) == 0:
        raise AwsError("InvalidInput", f"MaxItems must be a number from 1 up, not {asked!r}")
    size = min(int(asked), most)
    return items[:size], items[size] if len(items) > size else None, size


def page_by_id(items: Iterable[Item], params: Params, most: int) -> tuple[Sequence[Item], Result]:
    """The items that begin at `Marker`, in the order of their ids, and the page's own members."""
    marker = bare_id(params.get("Marker", ""))
    left = sorted((item for item in items if item.id >= marker), key=lambda item: item.id)
    page, following, size = first_page(left, params, most)
    return page, {
        "Marker": marker,
        "IsTruncated": following is not None,
        "NextMarker": following and following.id,
        "MaxItems": str(size),
    }


def bare_id(id_: str) -> str:
    """The id without the path before it: `Z1` for `/hostedzone/Z1`."""
    return id_.rpartition("/")[2]
