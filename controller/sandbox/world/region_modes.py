"""How a region of the sandbox behaves, and what that means for one request.

One mode holds for a whole region: every endpoint of it, in every service, answers in the same way.
`hang` lets a TCP connection come about, because a kernel accepts on behalf of a program that is
stuck: a probe that only connects cannot see it, here as anywhere.
"""

from __future__ import annotations

import asyncio
from enum import StrEnum
from random import Random

SLOW_S = 1.5
GRAY_DELAY_S = 0.5
GRAY_ERROR_RATIO = 0.02


class RegionMode(StrEnum):
    """What becomes of requests to a region."""

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
    """All answers come 0.5 s late and one in fifty is an error: too few for anybody to call it
    down."""


class Behaviour:
    """A region's present mode, as its listeners see it."""

    def __init__(self, rng: Random) -> None:
        self.mode = RegionMode.WELL
        self._rng = rng

    async def fails(self) -> bool:
        """Wait as long as the mode wants, then say whether this answer is to be an error.

        While the mode is `hang` it returns only by being cancelled.
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
