"""Overrides alone, over a store that outlives them."""

from __future__ import annotations

import asyncio
from typing import Any

from controller.loops.active_settings import ActiveSettings
from controller.loops.overrides import Overrides
from controller.model.events import EventType
from controller.model.overrides import Override, OverrideKind, OverrideRequest
from tests.fakes.clock import FakeClock
from tests.fakes.store import FakeStore
from tests.loops.small import (
    WEST,
    accelerated,
    small,
    weighted,
)

LIMITS = {"min_ttl_s": 60, "max_ttl_s": 3600, "announce_before_s": 30}
DRAIN = OverrideRequest(OverrideKind.DRAIN, "ann", "INC-42", 100, WEST)
FREEZE = OverrideRequest(OverrideKind.FREEZE, "ann", "INC-42", 100)


class Bench:
    """Overrides over a store that outlives them."""

    def __init__(self) -> None:
        self.settings = small(services={"shop": weighted(), "api": accelerated()}, overrides=LIMITS)
        self.clock = FakeClock()
        self.store = FakeStore()
        self.wakes: list[float] = []
        self.told: list[tuple[EventType, int, str, str]] = []
        self.overrides = self.restarted()

    def restarted(self) -> Overrides:
        """What a new process has, before it loads: which tests do that leave something behind."""
        overrides = Overrides(
            ActiveSettings(self.settings), self.store, self.clock, self._wake, (self._tell,)
        )
        overrides.loaded = True
        return overrides

    def active(self) -> list[int]:
        return [override.id for override in self.overrides.active()]

    async def audit(self) -> list[tuple[str, str]]:
        """Who did what, oldest first."""
        entries = await self.store.audit_entries(limit=100)
        return [(entry.actor, entry.action) for entry in reversed(entries)]

    def _wake(self) -> None:
        self.wakes.append(round(self.clock.monotonic(), 3))

    def _tell(self, type_: EventType, override: Override, actor: str, why: str) -> None:
        self.told.append((type_, override.id, actor, why))


class SlowStore(FakeStore):
    """Takes a second for everything it writes."""

    async def add_override(self, *args: Any, **kwargs: Any) -> Override:
        await asyncio.sleep(1)
        return await super().add_override(*args, **kwargs)

    async def extend_override(self, *args: Any, **kwargs: Any) -> Override:
        await asyncio.sleep(1)
        return await super().extend_override(*args, **kwargs)

    async def end_override(self, *args: Any, **kwargs: Any) -> None:
        await asyncio.sleep(1)
        await super().end_override(*args, **kwargs)
