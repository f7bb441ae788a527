"""What is sent to a lever's target, request by request."""

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
"""Changes, each with what it writes: only what differs, and never nothing."""


@dataclass(frozen=True, slots=True)
class WriteStep(Generic[WriteT]):
    """What is sent in one request: AWS applies all of it or none."""

    parts: WritesByChange[WriteT]
    part_of: PoolName | None = None
    """The pool whose changes take several steps, if this is one of them."""

    @property
    def writes(self) -> tuple[WriteT, ...]:
        """What it writes, for all its changes."""
        return tuple(chain.from_iterable(self.parts.values()))
