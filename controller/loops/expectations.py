"""What we last set each position to, or may have: what drift is told from.

From `intend` until a reading shows the new setting on every part, a part may show what was
expected before or the new setting. An outcome narrows that down: applied leaves the new setting,
refused what was expected before, and unknown, or applied to some parts only, leaves both.

Durable before a write is sent, so that a crash in the middle of a failover does not make our own
change look like somebody else's. Neither a full nor a slow disk may keep users on a dead region: a
failure to remember is logged, an emergency waits for a moment only, and what is not durable yet is
written along with whatever comes next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

import structlog

from controller.model.errors import StateUnavailableError
from controller.model.levers import Change, OutcomeStatus, Position, Setting
from controller.ports import ExpectedSettings

_log = structlog.get_logger("expectations")
_MOMENT_S = 0.2
"""How long an emergency, and what only narrows an expectation down, waits for the disk."""


class Expectations:
    """Positions and the settings they are expected to show."""

    def __init__(self, store: ExpectedSettings) -> None:
        self._store = store
        self._expected: dict[Position, tuple[Setting, ...]] = {}
        self._earlier: dict[Position, tuple[Setting, ...]] = {}
        """What was expected of a position before the write now under way."""
        self._unsaved: dict[Position, tuple[Setting, ...]] = {}

    @property
    def all(self) -> Mapping[Position, tuple[Setting, ...]]:
        """Every position ever touched; its last setting is the newest."""
        return dict(self._expected)

    async def load(self) -> None:
        """Take up what an earlier process remembered."""
        self._expected = dict(await self._store.expected())

    async def intend(self, changes: Iterable[Change], *, emergency: bool = False) -> None:
        """The new setting may be seen from now on, beside what was expected before.

        What is seen and was not expected stays somebody else's until our write replaced it.
        """
        within_s = _MOMENT_S if emergency else None
        wanted = {change.position: change for change in changes}
        self._earlier = {p: self._expected.get(p) or (c.before,) for p, c in wanted.items()}
        may_be = {p: _newest_last(self._earlier[p], c.after) for p, c in wanted.items()}
        await self._keep(may_be, within_s)

    async def settle(self, results: Mapping[Change, OutcomeStatus]) -> None:
        """Narrow down what may be seen, once AWS has answered; unknown leaves both possible."""
        applied = {c.position: (c.after,) for c, s in results.items() if s is OutcomeStatus.APPLIED}
        refused = {
            change.position: self._earlier[change.position]
            for change, status in results.items()
            if status is OutcomeStatus.REFUSED and change.position in self._earlier
        }
        await self._keep(applied | refused, _MOMENT_S)

    async def adopt(self, seen: Mapping[Position, Setting]) -> None:
        """Take what was seen for what is expected."""
        await self._keep({p: (setting,) for p, setting in seen.items()}, _MOMENT_S)

    async def _keep(
        self, settings: Mapping[Position, tuple[Setting, ...]], within_s: float | None
    ) -> None:
        """Remember at once, and durably unless the disk is full or takes longer than that."""
        if not settings:
            return
        self._expected.update(settings)
        self._unsaved.update(settings)
        saving = dict(self._unsaved)
        try:
            async with asyncio.timeout(within_s):
                await self._store.expect(saving)
        except TimeoutError:
            _log.warning("expectation_late", waited_s=within_s, positions=len(saving))
        except StateUnavailableError as error:
            _log.error("expectation_not_durable", error=str(error))
        else:
            kept = self._unsaved.items()
            self._unsaved = {p: settings for p, settings in kept if saving.get(p) != settings}


def _newest_last(known: tuple[Setting, ...], newest: Setting) -> tuple[Setting, ...]:
    return (*(setting for setting in known if setting != newest), newest)
