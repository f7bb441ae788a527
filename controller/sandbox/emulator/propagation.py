"""Propagation: AWS accepts a change at once, but users see it later. Two views of one value.

A change is in effect when Route 53 calls it INSYNC (*GetChange*), or Global Accelerator DEPLOYED
(*DescribeAccelerator*). The API lists `latest`; users are served `served(now)`. Not emulated:
changes that arrive at different places at different times, or overtake each other.
"""

from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Propagation(Generic[T]):
    """A value whose changes the API shows at once and users see when they are due."""

    def __init__(self, before: T) -> None:
        """`before`: what users are served until the first published value is due."""
        self.latest = before
        self._served = before
        self._pending: deque[tuple[float, T]] = deque()

    def publish(self, value: T, due: float) -> None:
        """Accept `value`; users are served it from `due` on (seconds of the caller's clock)."""
        self.latest = value
        self._pending.append((due, value))

    def served(self, now: float) -> T:
        """What users are served; `now` must not run backwards."""
        while self._pending and self._pending[0][0] <= now:
            self._served = self._pending.popleft()[1]
        return self._served

    def is_settled(self, now: float) -> bool:
        """Whether users are served the latest value."""
        self.served(now)
        return not self._pending
