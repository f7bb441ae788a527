"""The audit entry of a reload, written before it is carried out; the wait for it is bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

import structlog

from controller.loops.reload.proposal import NOTHING_CHANGED
from controller.model.errors import StateUnavailableError
from controller.ports import AuditTrail, Clock

_log = structlog.get_logger("reload")
_AUDIT_WAIT_S = 2.0
"""How long a reload waits for the audit."""
_NOT_CARRIED_OUT = "reload_not_carried_out"


class ReloadAudit:
    """Appends an entry for a reload, and another that revokes it when it is not carried out."""

    def __init__(self, store: AuditTrail, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._under_way: set[asyncio.Task[None]] = set()

    async def append(self, actor: str, text: str) -> None:
        """Append an entry for a reload. Raises StateUnavailableError, also after `_AUDIT_WAIT_S`.

        An entry that is stored after that is followed by one that revokes it.
        """
        entry = self._in_background(self._append(actor, "settings_reloaded", text))
        if entry in (await asyncio.wait({entry}, timeout=_AUDIT_WAIT_S))[0]:
            return entry.result()
        why = f"no answer from the state file within {_AUDIT_WAIT_S:g} s"
        self._in_background(self._append_after(entry, actor, why))
        raise StateUnavailableError(
            f"a reload that cannot be audited is refused: {why}; {NOTHING_CHANGED}"
        )

    def revoke(self, actor: str, why: str) -> None:
        """Append, in the background, that the reload is not carried out."""
        self._in_background(self._append(actor, _NOT_CARRIED_OUT, why))

    async def end(self) -> None:
        """Cancel what is under way."""
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

    def _in_background(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Start work that may outlast its caller; a failure is logged."""
        task = asyncio.create_task(work, name="auditing")  # noqa: TID251 - `end` cancels it
        self._under_way.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and (error := task.exception()):
            _log.error("audit_failed", error=str(error))
