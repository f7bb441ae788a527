"""What happens when a part of the daemon fails.

A *vital* loop keeps users on regions that serve them, or carries out orders: `probing`,
`reconciliation`, `overrides`, and `heartbeat`, which shows that another hangs. When one ends, the
process ends: a restart by the service manager is better than a daemon that looks alive and does
nothing.

Everything else is *advisory*: it informs operators or adds a second opinion, and decisions are made
without it. An advisory loop that fails is restarted with exponential back-off. A listener, an
observer or a source that raises does not disturb its caller. `reload` is advisory, too: the signal
is kept, so that a restart of that loop loses nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

import structlog

from controller.ports import Clock

_log = structlog.get_logger("supervision")
_FIRST_WAIT_S = 1.0
_LONGEST_WAIT_S = 60.0
_RECOVERED_AFTER_S = 60.0
"""Seconds without a failure after which an advisory loop counts as recovered."""

P = ParamSpec("P")
T = TypeVar("T")
Loop = Callable[[], Awaitable[None]]
FailureObserver = Callable[[str, bool], None]
"""Called with the name of an advisory part and whether it fails; first with False for each."""


class LoopEndedError(Exception):
    """A vital loop ended; the log says why."""


@dataclass(frozen=True, slots=True)
class PartFailure:
    """The present failure of an advisory part; `count >= 1`."""

    error: str
    """The last exception, as Python shows it."""
    since: float
    """When the first failure in a row happened, monotonic seconds."""
    count: int
    """Failures in a row."""


class Supervision:
    """Runs loops, guards calls, and knows which advisory parts fail."""

    def __init__(
        self, clock: Clock, observe: FailureObserver = lambda _name, _failed: None
    ) -> None:
        self._clock = clock
        self._observe = observe
        self._failing: dict[str, PartFailure] = {}

    @property
    def failing(self) -> Mapping[str, PartFailure]:
        """Advisory parts that failed and have not recovered yet."""
        return dict(self._failing)

    async def vital(self, name: str, loop: Loop) -> None:
        """Run a loop until cancelled. Raises LoopEndedError when it ends by itself or fails."""
        try:
            await loop()
        except Exception as error:
            _log.critical("loop_failed", loop=name, exc_info=True)
            raise LoopEndedError(name) from error
        _log.critical("loop_ended", loop=name)
        raise LoopEndedError(name)

    async def advisory(self, name: str, loop: Loop) -> None:
        """Run a loop until cancelled, and restart it whenever it ends or fails."""
        wait_s = _FIRST_WAIT_S
        self._observe(name, False)
        while True:
            began = self._clock.monotonic()
            recovery = self._clock.call_at(
                began + _RECOVERED_AFTER_S, lambda: self._mark_recovered(name)
            )
            try:
                await loop()
                error: Exception = LoopEndedError(name)
            except Exception as failed:
                error = failed
            finally:
                recovery.cancel()
            if self._clock.monotonic() - began >= _RECOVERED_AFTER_S:
                wait_s = _FIRST_WAIT_S
            self._mark_failed(name, error)
            _log.error("loop_failed", loop=name, again_in_s=wait_s, exc_info=error)
            await self._clock.sleep(wait_s)
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)

    def guarded(self, name: str, call: Callable[P, T], otherwise: T) -> Callable[P, T]:
        """The same call, which returns `otherwise` instead of raising.

        The first failure in a row is logged with its traceback; each is counted.
        """
        self._observe(name, False)

        def guarded_call(*args: P.args, **kwargs: P.kwargs) -> T:
            try:
                answer = call(*args, **kwargs)
            except Exception as error:
                if name not in self._failing:
                    _log.exception("part_failed", part=name)
                self._mark_failed(name, error)
                return otherwise
            if name in self._failing:
                self._mark_recovered(name)
            return answer

        return guarded_call

    def _mark_failed(self, name: str, error: Exception) -> None:
        before = self._failing.get(name)
        since = before.since if before else self._clock.monotonic()
        count = before.count + 1 if before else 1
        self._failing[name] = PartFailure(repr(error), since, count)
        self._observe(name, True)

    def _mark_recovered(self, name: str) -> None:
        if self._failing.pop(name, None) is not None:
            _log.info("part_recovered", part=name)
            self._observe(name, False)
