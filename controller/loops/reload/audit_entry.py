"""The entry that a reload has in the audit before it is carried out, waited for within a bound."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

import structlog

from controller.loops.reload.proposal import STAY
from controller.model.errors import StateUnavailableError
from controller.ports import AuditTrail, Clock

_log = structlog.get_logger("reload")
_WITHIN_S = 2.0
"""How long the audit is waited for."""
_NOT_CARRIED_OUT = "reload_not_carried_out"


class ReloadAudit:
    """Appends what is reloaded, and takes it back when that is not carried out."""

    def __init__(self, store: AuditTrail, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._under_way: set[asyncio.Task[None]] = set()

    async def announce(self, actor: str, text: str) -> None:
        """Have the reload in the audit. Raises StateUnavailableError, also for no answer in time.

        An entry that is appended later is followed by one that takes it back.
        """
        entry = self._behind(self._append(actor, "settings_reloaded", text))
        if entry in (await asyncio.wait({entry}, timeout=_WITHIN_S))[0]:
            return entry.result()
        why = f"no answer from the state file within {_WITHIN_S:g} s"
        self._behind(self._append_after(entry, actor, why))
        raise StateUnavailableError(f"a reload that cannot be audited is refused: {why}; {STAY}")

    def take_back(self, actor: str, why: str) -> None:
        """The reload that was announced is not carried out; appended behind."""
        self._behind(self._append(actor, _NOT_CARRIED_OUT, why))

    async def end(self) -> None:
        """Give up what is under way."""
        tasks = list(self._under_way)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _append_after(self, entry: asyncio.Task[None], actor: str, why: str) -> None:
        await entry
        await self._append(actor, _NOT_CARRIED_OUT, why)

    async def _append(self, actor: str, action: str, text: str) -> None:
        at = self._clock.wall()
        await self._store.audit(at=at, actor=actor, action=action, detail=text)

    def _behind(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Begin what may outlast its caller; it is logged how that fails."""
        task = asyncio.create_task(work, name="auditing")  # noqa: TID251 - `end` gives it up
        self._under_way.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and (error := task.exception()):
            _log.error("audit_failed", error=str(error))
