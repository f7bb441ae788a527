"""Reads what an earlier process left in the store, however long the store takes.

A start waits `_START_WAIT_S`. A store that hangs longer is awaited in the background, while the
admin API answers and no traffic is moved (`SnapshotBuilder.unread`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from controller.loops.active_settings import ActiveSettings
from controller.loops.levers.carried_weights import WeightMemory
from controller.loops.levers.expectations import Expectations
from controller.loops.overrides import Overrides
from controller.model.errors import StateUnavailableError
from controller.ports import Clock

_log = structlog.get_logger("state_loading")
_START_WAIT_S = 5.0
"""How long a start waits for the store before the admin API answers without it."""
_RETRY_S = 1.0
"""Seconds between two attempts while the store fails."""


class StateLoading:
    """The reading of orders, expectations and carried weights at a start; `run` ends when all were
    read."""

    def __init__(
        self,
        expectations: Expectations,
        overrides: Overrides,
        active_settings: ActiveSettings,
        weights: WeightMemory,
        clock: Clock,
        wake: Callable[[], None],
    ) -> None:
        """`wake` is called when everything was read."""
        self._expectations = expectations
        self._overrides = overrides
        self._active_settings = active_settings
        self._weights = weights
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
        reads = []
        if not self._expectations.loaded:
            reads.append(self._expectations.load(self._active_settings.settings))
        if not self._overrides.loaded:
            reads.append(self._overrides.load())
        if not self._weights.loaded:
            reads.append(self._weights.load())
        await asyncio.gather(*reads)

    @property
    def _parts(self) -> tuple[Expectations, Overrides, WeightMemory]:
        return self._expectations, self._overrides, self._weights
