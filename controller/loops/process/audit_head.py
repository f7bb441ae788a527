"""Tells the audit's head in the log, so that it stands where the state file's owner cannot edit it.

A chain of digests shows what was changed inside it; that all of it was made anew shows only against
a mark kept elsewhere. Whoever ships the log has one an hour: `gtc audit verify --head MARK`.
"""

from __future__ import annotations

import structlog

from controller.model.audit import CHAIN_START
from controller.model.errors import StateUnavailableError
from controller.ports import AuditTrail, Clock

_log = structlog.get_logger("audit")
EVERY_S = 3600.0


class AuditHead:
    """Tells the head when it has changed."""

    def __init__(self, store: AuditTrail, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._told = CHAIN_START

    async def run(self) -> None:
        """Tell at once and every hour, until cancelled."""
        while True:
            await self._tell()
            await self._clock.sleep(EVERY_S)

    async def _tell(self) -> None:
        try:
            head = await self._store.audit_head()
        except StateUnavailableError as error:
            _log.error("audit_head_unknown", error=str(error))
            return
        if head != self._told:
            self._told = head
            _log.info("audit_head", head=str(head))
