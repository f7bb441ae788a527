"""Logs the head of the audit's hash chain, so that the state file's owner cannot alter it unseen.

The chain itself shows a changed entry. That the whole chain was made anew shows only against a head
kept elsewhere, such as in a shipped log: `gtc audit verify --head MARK`.
"""

from __future__ import annotations

import structlog

from controller.model.audit import CHAIN_START
from controller.model.errors import StateUnavailableError
from controller.ports import AuditTrail, Clock

_log = structlog.get_logger("audit")
EVERY_S = 3600.0


class AuditHead:
    """Logs the head when it has changed."""

    def __init__(self, store: AuditTrail, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._logged = CHAIN_START

    async def run(self) -> None:
        """Log at once and every hour, until cancelled."""
        while True:
            await self._log_head()
            await self._clock.sleep(EVERY_S)

    async def _log_head(self) -> None:
        try:
            head = await self._store.audit_head()
        except StateUnavailableError as error:
            _log.error("audit_head_unknown", error=str(error))
            return
        if head != self._logged:
            self._logged = head
            _log.info("audit_head", head=str(head))
