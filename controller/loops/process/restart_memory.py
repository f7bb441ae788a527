"""What survives a restart beside orders and expectations: written when it changes, read at a start.

Kept are the planner's memory, what is believed of endpoints, reported figures, and the addresses
that names were resolved to (`loops.process.kept_parts`). Each row that changed is written soon
after its change, behind the cycle: nothing waits for the disk here but this loop, and while the
disk hangs or fails only the newest of each row waits. So a crash loses what changed in the last
moment before it, or while the disk was in trouble.

Times are dates in the state file (`planning.restart`). When the date is set, everything is written
again with the new dates. A row that cannot be read costs that row. What belongs to settings that
are gone is deleted.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import structlog

from controller.loops.active_settings import ActiveSettings
from controller.loops.wakeup import WakeUp
from controller.model.encoding import as_text
from controller.model.errors import StateUnavailableError
from controller.model.stored.kept import KeptKey
from controller.planning.restart import Dating
from controller.ports import Clock, KeptRows

_log = structlog.get_logger("restart_memory")
_LOOK_EVERY_S = 1.0
"""Seconds between two looks for changes that nobody told of."""
_GAP_S = 0.2
"""Seconds between two writes at least."""
_SHARE_OF_DISK = 4.0
"""A slow write is followed by a gap of so many times its length: orders and expectations, which
wait for the same disk, come first."""
_RETRY_S = 2.0
"""Seconds after which what could not be stored is tried again."""
_ALIVE_EVERY_S = 60.0
_END_WAIT_S = 2.0
"""How long an end waits for the last write."""
_SAVED_AT = KeptKey("process", "saved_at")
"""The date of the last write: what was not written again by then had not changed."""


class KeptPart(Protocol):
    """One kind of rows."""

    part: str

    def names(self) -> set[str]:
        """The rows that the active settings allow."""
        ...

    def changed(self, dating: Dating, *, everything: bool) -> Mapping[str, object | None]:
        """Name to its row as JSON data with dates, of rows that changed since the last call; None:
        there is no such row any more."""
        ...

    def restore(self, name: str, data: Any, dating: Dating, away_s: float) -> None:
        """Take over one row of an earlier process. `away_s`: for how long no daemon ran.

        Raises any exception where it cannot; then it is as if there were no such row.
        """
        ...


class RestartMemory:
    """Writes what changed, and reads it at a start."""

    def __init__(
        self,
        active_settings: ActiveSettings,
        store: KeptRows,
        clock: Clock,
        wakeup: WakeUp,
        parts: Sequence[KeptPart],
        on_loaded: Callable[[], None],
    ) -> None:
        """`wakeup` is notified of changes that must be written at once. `on_loaded` is called when
        the rows of an earlier process were taken over."""
        self._active_settings = active_settings
        self._settings_hash = ""
        """The settings for which rows of others were deleted."""
        self._store = store
        self._clock = clock
        self._wakeup = wakeup
        self._parts = tuple(parts)
        self._on_loaded = on_loaded
        self._stored: set[KeptKey] = set()
        """The rows in the state file."""
        self._unsaved: dict[KeptKey, str | None] = {}
        self._dating: Dating | None = None
        """With which the rows in the state file were dated; None: by an earlier process."""
        self._alive_at = float("-inf")
        self._is_failing = False
        self.loaded = False
        """Whether the rows of an earlier process were read."""

    async def load(self) -> None:
        """Read and take over the rows of an earlier process. Raises StateUnavailableError."""
        rows = await self._store.kept()
        self._stored = set(rows)
        dating = self._present_dating()
        away_s = self._away_s(rows.get(_SAVED_AT), dating)
        for part in self._parts:
            own = {key.name: body for key, body in rows.items() if key.part == part.part}
            self._restore(part, own, dating, away_s)
        self.loaded = True
        self._on_loaded()

    async def run(self) -> None:
        """Write changes until cancelled."""
        while True:
            await self._wakeup.wait(_LOOK_EVERY_S)
            if not self.loaded:
                continue
            self._collect(everything=False)
            began_at = self._clock.monotonic()
            if not await self._save():
                await self._clock.sleep(_RETRY_S)
            took_s = self._clock.monotonic() - began_at
            await self._clock.sleep(max(_GAP_S, _SHARE_OF_DISK * took_s))

    async def end(self) -> None:
        """Write everything a last time, for `_END_WAIT_S` at most."""
        if not self.loaded:
            return
        self._collect(everything=True)
        try:
            async with asyncio.timeout(_END_WAIT_S):
                await self._save()
        except TimeoutError:
            _log.warning("memory_not_kept", error=f"no answer in {_END_WAIT_S:g} s")

    def _collect(self, *, everything: bool) -> None:
        """Add to `_unsaved` what changed."""
        dating = self._present_dating()
        is_dated_anew = self._dating is None or dating.differs(self._dating)
        if is_dated_anew:
            self._dating = dating
        for part in self._parts:
            changed = part.changed(dating, everything=everything or is_dated_anew)
            for name, data in changed.items():
                row = None if data is None else as_text(data)
                self._unsaved[KeptKey(part.part, name)] = row
        if self._active_settings.hash != self._settings_hash:
            self._settings_hash = self._active_settings.hash
            self._unsaved |= dict.fromkeys(self._gone())
        is_due = dating.now - self._alive_at >= _ALIVE_EVERY_S
        if self._unsaved or is_due:
            self._alive_at = dating.now
            self._unsaved[_SAVED_AT] = as_text(dating.date(dating.now))

    def _gone(self) -> set[KeptKey]:
        """Rows in the state file that belong to other settings, or to no part at all."""
        allowed = {KeptKey(part.part, name) for part in self._parts for name in part.names()}
        return (self._stored | self._unsaved.keys()) - allowed - {_SAVED_AT}

    async def _save(self) -> bool:
        """Whether everything is stored now."""
        saving = dict(self._unsaved)
        if not saving:
            return True
        try:
            await self._store.keep(saving)
        except StateUnavailableError as error:
            if not self._is_failing:
                _log.warning("memory_not_kept", error=str(error))
            self._is_failing = True
            return False
        except Exception:  # a mistake of ours must not keep the process from ending
            if not self._is_failing:
                _log.exception("memory_not_kept")
            self._is_failing = True
            return False
        self._is_failing = False
        for key, body in saving.items():
            (self._stored.discard if body is None else self._stored.add)(key)
        kept = self._unsaved.items()
        self._unsaved = {k: body for k, body in kept if k not in saving or saving[k] != body}
        return True

    def _restore(
        self, part: KeptPart, rows: Mapping[str, str], dating: Dating, away_s: float
    ) -> None:
        """Row by row, so that an unusable one costs nothing else."""
        for name in sorted(part.names() & rows.keys()):
            try:
                part.restore(name, json.loads(rows[name]), dating, away_s)
            except Exception as error:
                _log.warning("memory_unreadable", part=part.part, name=name, error=str(error))

    def _present_dating(self) -> Dating:
        now = self._clock.monotonic()
        return Dating(self._clock.wall().timestamp() - now, now)

    def _away_s(self, saved_at: str | None, dating: Dating) -> float:
        """Seconds without a daemon, never negative; for ever when that is not known."""
        try:
            return dating.now - dating.time(float(json.loads(saved_at or "null")))
        except (TypeError, ValueError):
            return float("inf")
