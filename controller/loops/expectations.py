"""What we last set each position to, or may have: what drift is told from.

Durable before a write is sent, so that a crash in the middle of a failover does not make our own
change look like somebody else's. A full disk must not keep users on a dead region: a failure to
remember is logged and the write goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import structlog

from controller.model.errors import StateUnavailableError
from controller.model.levers import Change, OutcomeStatus, Position, Setting
from controller.ports import Store

_log = structlog.get_logger("expectations")


class Expectations:
    """Positions and the settings they are expected to show."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._expected: dict[Position, tuple[Setting, ...]] = {}

    @property
    def all(self) -> Mapping[Position, tuple[Setting, ...]]:
        """Every position ever touched; its last setting is the newest."""
        return dict(self._expected)

    async def load(self) -> None:
        """Take up what an earlier process remembered."""
        self._expected = dict(await self._store.expected())

    async def intend(self, changes: Iterable[Change]) -> None:
        """Either the old or the new setting may be seen from now on."""
        await self._keep({c.position: (c.before, c.after) for c in changes})

    async def settle(self, changes: Iterable[Change], status: OutcomeStatus) -> None:
        """Narrow down what may be seen, once AWS has answered; unknown leaves both possible."""
        match status:
            case OutcomeStatus.APPLIED:
                await self._keep({c.position: (c.after,) for c in changes})
            case OutcomeStatus.REFUSED:
                await self._keep({c.position: (c.before,) for c in changes})
            case OutcomeStatus.UNKNOWN:
                return

    async def adopt(self, seen: Mapping[Position, Setting]) -> None:
        """Take what was seen for what is expected: somebody else's change that suits the plan."""
        await self._keep({position: (setting,) for position, setting in seen.items()})

    async def _keep(self, settings: Mapping[Position, tuple[Setting, ...]]) -> None:
        if not settings:
            return
        self._expected.update(settings)
        try:
            await self._store.expect(settings)
        except StateUnavailableError as error:
            _log.error("expectation_not_durable", error=str(error))
