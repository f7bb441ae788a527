"""A loop that is over takes the daemon with it: half a daemon looks alive and does nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog

_log = structlog.get_logger("supervision")
Loop = Callable[[], Awaitable[None]]


class LoopEndedError(Exception):
    """A loop ended that must run for as long as the daemon; the log says why."""


async def supervised(name: str, loop: Loop) -> None:
    """Run a loop until cancelled. Raises LoopEndedError when it ends by itself or fails."""
    try:
        await loop()
    except Exception as error:
        _log.critical("loop_failed", loop=name, exc_info=True)
        raise LoopEndedError(name) from error
    _log.critical("loop_ended", loop=name)
    raise LoopEndedError(name)
