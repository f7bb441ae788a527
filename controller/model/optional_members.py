"""Members that a type got later, left out of its encoded form while they have their default.

So encoded values stay as short as they were, and equal byte for byte to those recorded before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
OPTIONAL_MEMBERS: dict[type, tuple[str, ...]] = {}
"""Named tuple to the last of its members, those that may be left out."""


def with_optional_members(*names: str) -> Callable[[type[T]], type[T]]:
    """Register the last members of a named tuple as left out while they have their default."""

    def register(kind: type[T]) -> type[T]:
        OPTIONAL_MEMBERS[kind] = names
        return kind

    return register
