"""Write steps: the requests to one lever's target, in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Generic, TypeVar

from controller.model.decision import PoolName
from controller.model.levers import Change, LeverChange

WriteT = TypeVar("WriteT", bound=LeverChange)
"""What a kind of lever writes for one resource."""

WritesByChange = Mapping[Change, tuple[WriteT, ...]]
"""Change to its writes, of resources that are not set so yet. No tuple is empty."""


@dataclass(frozen=True, slots=True)
class WriteStep(Generic[WriteT]):
    """One request: AWS applies all of it or nothing."""

    writes_by_change: WritesByChange[WriteT]
    split_pool: PoolName | None = None
    """The pool of its changes, where that pool's changes take several steps; else None."""

    @property
    def writes(self) -> tuple[WriteT, ...]:
        """The writes of all its changes."""
        return tuple(chain.from_iterable(self.writes_by_change.values()))
