"""Methods of one object, replaced by functions of the same type."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import MethodType
from typing import Generic, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Method(Generic[P, R]):
    """A method of one object: `Method(records.read).replace(slow)`; the class keeps its own.

    A replacement must take the same parameters, by the same names, and return the same type.
    """

    def __init__(self, method: Callable[P, R]) -> None:
        bound: object = method
        if not isinstance(bound, MethodType):
            raise TypeError(f"not a method of an object, or replaced already: {method!r}")
        self._owner, self._name = bound.__self__, bound.__name__

    def replace(self, other: Callable[P, R]) -> None:
        """Calls go to another function until `restore`."""
        setattr(self._owner, self._name, other)

    def restore(self) -> None:
        """Calls go to the class's own method again."""
        delattr(self._owner, self._name)

    @contextmanager
    def replaced(self, other: Callable[P, R]) -> Iterator[None]:
        """Calls made meanwhile go to another function."""
        self.replace(other)
        try:
            yield
        finally:
            self.restore()
