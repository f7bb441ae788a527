"""Between accepting a change and acting on it, AWS takes a while: the two views of one value.

Route 53 calls the border INSYNC (*GetChange*), Global Accelerator DEPLOYED
(*DescribeAccelerator*). What the API lists is `latest`; what answers users is `served(now)`. Not
emulated: changes that arrive at different places at different times, or overtake each other.
"""

from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Propagation(Generic[T]):
    """A value whose changes are visible to the API at once and to users when they are due."""

    def __init__(self, before: T) -> None:
        """`before` is what users are served until the first published value is due."""
        self.latest = before
        self._served = before
        self._pending: deque[tuple[float, T]] = deque()

    def publish(self, value: T, due: float) -> None:
        """Accept `value`; users are served it from `due` (seconds on the caller's clock) on."""
        self.latest = value
        self._pending.append((due, value))

    def served(self, now: float) -> T:
        """What users are served; `now` must not run backwards."""
        while self._pending and self._pending[0][0] <= now:
            self._served = self._pending.popleft()[1]
        return self._served

    def settled(self, now: float) -> bool:
        """True when users are served everything the API has accepted."""
        self.served(now)
        return not self._pending
