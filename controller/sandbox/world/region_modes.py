"""The modes of a sandbox region, and their effect on one request.

A mode applies to a whole region: all its endpoints, in all services. With `hang` a TCP connection
succeeds, because the kernel accepts it for a stuck program: a probe that only connects cannot
detect it, as in reality.
"""

from __future__ import annotations

import asyncio
from enum import StrEnum
from random import Random

SLOW_S = 1.5
GRAY_DELAY_S = 0.5
GRAY_ERROR_RATIO = 0.02


class RegionMode(StrEnum):
    """What happens to requests to a region."""

    WELL = "well"
    DEAD = "dead"
    """Connections are refused, open ones are dropped."""
    HANG = "hang"
    """Connections are accepted, answers never come."""
    SLOW = "slow"
    """Answers come after 1.5 s."""
    ERRORS = "errors"
    """Every answer is an error: HTTP 500, or a TCP connection closed without a word."""
    GRAY = "gray"
    """All answers are 0.5 s late and one in fifty is an error: too few to count as down."""


class Behaviour:
    """A region's present mode, shared with its listeners."""

    def __init__(self, rng: Random) -> None:
        self.mode = RegionMode.WELL
        self._rng = rng

    async def fails(self) -> bool:
        """Wait as long as the mode requires; return whether this answer must be an error.

        In mode `hang` it never returns; the caller must cancel it.
        """
        match self.mode:
            case RegionMode.HANG:
                await asyncio.Event().wait()
            case RegionMode.SLOW:
                await asyncio.sleep(SLOW_S)
            case RegionMode.GRAY:
                await asyncio.sleep(GRAY_DELAY_S)
                return self._rng.random() < GRAY_ERROR_RATIO
            case RegionMode.WELL | RegionMode.DEAD | RegionMode.ERRORS:
                pass
        return self.mode is RegionMode.ERRORS


BREAKS = tuple(mode for mode in RegionMode if mode is not RegionMode.WELL)
