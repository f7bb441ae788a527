"""Runs changes of overrides one at a time, with a bounded wait for the store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import structlog

from controller.model.errors import StateUnavailableError

_log = structlog.get_logger("overrides")
Result = TypeVar("Result")


class OverrideChanges:
    """A lock around changes, which may outlast their callers.

    One at a time: no change may rest on an override that another is replacing.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._under_way: set[asyncio.Task[Any]] = set()

    async def run(
        self, change: Callable[[], Coroutine[Any, Any, Result]], within_s: float
    ) -> Result:
        """Run one change while no other is under way; returns or raises what it does.

        Raises StateUnavailableError when it could not begin within `within_s`, with nothing
        changed, and when it is still being stored; then it continues in the background.
        """
        try:
            async with asyncio.timeout(within_s):
                await self._lock.acquire()
        except TimeoutError:
            detail = "the state file does not answer: another change is still being stored"
            raise StateUnavailableError(f"{detail}; nothing has changed") from None
        task = asyncio.create_task(self._then_release(change()))  # noqa: TID251 - outlives callers
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        if task in (await asyncio.wait({task}, timeout=within_s))[0]:
            return task.result()
        task.add_done_callback(_log_late)
        raise StateUnavailableError(
            f"no answer from the state file within {within_s:g} s; if the change is stored yet, it "
            "counts from then on: look at the overrides in force"
        )

    async def end(self) -> None:
        """Cancel the changes that are still being stored."""
        tasks = list(self._under_way)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _then_release(self, change: Coroutine[Any, Any, Result]) -> Result:
        try:
            return await change
        finally:
            self._lock.release()


def _log_late(change: asyncio.Task[Any]) -> None:
    if not change.cancelled() and (error := change.exception()):
        _log.error("override_not_stored", error=str(error))
