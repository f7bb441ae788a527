"""Reads what an earlier process left in the store, however long the store takes.

A start waits `_START_WAIT_S`. A store that hangs longer is awaited in the background, while the
admin API answers and no traffic is moved (`SnapshotBuilder.unread`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from controller.model.errors import StateUnavailableError
from controller.ports import Clock

_log = structlog.get_logger("state_loading")
_START_WAIT_S = 5.0
"""How long a start waits for the store before the admin API answers without it."""
_RETRY_S = 1.0
"""Seconds between two attempts while the store fails."""


class LoadedPart(Protocol):
    """What reads its own part of the state."""

    @property
    def loaded(self) -> bool:
        """Whether it was read."""
        ...

    async def load(self) -> None:
        """Read it. Raises StateUnavailableError."""
        ...


class StateLoading:
    """The reading of what an earlier process left; `run` ends when all of it was read."""

    def __init__(self, parts: Sequence[LoadedPart], clock: Clock, wake: Callable[[], None]) -> None:
        """`wake` is called when everything was read."""
        self._parts = tuple(parts)
        self._clock = clock
        self._wake = wake
        self._loading: asyncio.Task[None] | None = None

    @property
    def is_done(self) -> bool:
        """Whether everything was read."""
        return all(part.loaded for part in self._parts)

    async def begin(self) -> None:
        """Read, and return at the latest after `_START_WAIT_S`. Raises StateUnavailableError."""
        self._loading = asyncio.create_task(self._load())  # noqa: TID251 - `end` cancels it
        done, _ = await asyncio.wait({self._loading}, timeout=_START_WAIT_S)
        if done:
            return self._loading.result()
        _log.error("state_not_read", waited_s=_START_WAIT_S)

    async def run(self) -> None:
        """Wait until everything was read, however long that takes."""
        while not self.is_done:
            try:
                await (self._loading or self._load())
            except StateUnavailableError as error:
                _log.error("state_not_read", error=str(error))
                await self._clock.sleep(_RETRY_S)
            self._loading = None
        self._wake()

    async def end(self) -> None:
        """Cancel what is being read."""
        if self._loading is not None:
            self._loading.cancel()
            await asyncio.gather(self._loading, return_exceptions=True)

    async def _load(self) -> None:
        await asyncio.gather(*(part.load() for part in self._parts if not part.loaded))
