"""Pages of Route 53's listings, and its format of ids.

Follows the API reference, `MaxItems` of *ListResourceRecordSets*, *ListHostedZones* and
*ListHealthChecks*: a page may be shorter than requested, never longer than the documented maximum.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

from controller.sandbox.emulator.http.wire_messages import AwsError, Params, Result


class Identified(Protocol):
    """An item that is listed by its id."""

    @property
    def id(self) -> str: ...


T = TypeVar("T")
Item = TypeVar("Item", bound=Identified)


def first_page(items: Sequence[T], params: Params, most: int) -> tuple[Sequence[T], T | None, int]:
    """The first page of `items`, the first item of the next page, and the page's size.

    Raises InvalidInput for a `MaxItems` that is not a positive number.
    """
    asked = params.get("MaxItems", str(most))
    if not asked.isdecimal() or int(asked) == 0:
        raise AwsError("InvalidInput", f"MaxItems must be a number from 1 up, not {asked!r}")
    size = min(int(asked), most)
    return items[:size], items[size] if len(items) > size else None, size


def page_by_id(items: Iterable[Item], params: Params, most: int) -> tuple[Sequence[Item], Result]:
    """The page of items from `Marker` on, ordered by id, and the page's members of the result."""
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
