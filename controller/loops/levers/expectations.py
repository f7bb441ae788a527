"""What we last set each position to, or may have: what drift is told from.

From `intend` until a reading shows the new setting on every part, a part may show what was
expected before or the new setting. An outcome narrows that down: applied leaves the new setting,
refused what was expected before, and unknown, or applied to some parts only, leaves both.

Written to disk before a change is sent, so that a crash in the middle of a failover does not make
our own change look like somebody else's. The disk is waited for `_MOMENT_S` at most, and only until
it is known to hang: one hanging save costs one such wait, however many changes follow.

A change whose intent is not on disk by then is sent all the same, a calm one too. Otherwise regions
would stay out, and people's orders undone, for as long as the disk hangs; and a full disk, which
answers with an error, has never kept a change back either. What it costs: if the daemon crashes
before the disk answers, the next process takes our change for drift and holds that pool for
`guards.drift.hold_s`. What is not on disk yet stays in memory and is saved along with the next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping

import structlog

from controller.model.configuration import Settings
from controller.model.errors import StateUnavailableError
from controller.model.levers import Change, LeverState, OutcomeStatus, Position
from controller.planning.memory import has_same_lever
from controller.ports import ExpectedLeverStates

_log = structlog.get_logger("expectations")
_MOMENT_S = 0.2
"""How long a change, and what only narrows an expectation down, waits for the disk."""


class Expectations:
    """Positions and the settings they are expected to show."""

    def __init__(self, store: ExpectedLeverStates) -> None:
        self._store = store
        self._expected: dict[Position, tuple[LeverState, ...]] = {}
        self._earlier: dict[Position, tuple[LeverState, ...]] = {}
        """What was expected of positions before the writes now under way."""
        self._unsaved: dict[Position, tuple[LeverState, ...]] = {}
        self._saving: asyncio.Task[None] | None = None
        """The save under way, or the last one."""
        self._is_late = False
        """Whether the save under way was waited for in vain."""
        self.loaded = False
        """Whether it is known what an earlier process remembered."""

    @property
    def all(self) -> Mapping[Position, tuple[LeverState, ...]]:
        """Every position ever touched; its last setting is the newest."""
        return dict(self._expected)

    async def load(self) -> None:
        """Take up what an earlier process remembered. Raises StateUnavailableError."""
        self._expected = {**await self._store.expected(), **self._expected}
        self.loaded = True

    def prepare(self, old: Settings, new: Settings) -> Callable[[], None]:
        """What takes other settings over: forgets what was expected of levers that are gone.

        A position is another one when its records or endpoint groups are others, or when it was not
        there in between.
        """

        def follow() -> None:
            gone = {p: () for p in self._expected if not has_same_lever(p, old, new)}
            for position in gone:
                del self._expected[position]
                # The answer to a write that is under way there says nothing of it any more.
                self._earlier.pop(position, None)
            self._unsaved |= gone
            if gone:
                self._save_behind()

        return follow

    async def end(self) -> None:
        """Give up the save under way."""
        if self._saving is not None:
            self._saving.cancel()
            await asyncio.gather(self._saving, return_exceptions=True)

    async def intend(self, changes: Iterable[Change]) -> None:
        """The new setting may be seen from now on, beside what was expected before.

        What is seen and was not expected stays somebody else's until our write replaced it.
        """
        wanted = {change.position: change for change in changes}
        earlier = {p: self._expected.get(p) or (c.before,) for p, c in wanted.items()}
        self._earlier |= earlier
        await self._keep({p: _newest_last(earlier[p], c.after) for p, c in wanted.items()})

    async def settle(self, results: Mapping[Change, OutcomeStatus]) -> None:
        """Narrow down what may be seen, once AWS has answered; unknown leaves both possible.

        An answer that comes after a reload gave its position other levers says nothing of these.
        """
        results = {c: status for c, status in results.items() if c.position in self._earlier}
        applied = {c.position: (c.after,) for c, s in results.items() if s is OutcomeStatus.APPLIED}
        refused = {
            change.position: self._earlier[change.position]
            for change, status in results.items()
            if status is OutcomeStatus.REFUSED
        }
        for change in results:
            self._earlier.pop(change.position, None)
        await self._keep(applied | refused)

    async def adopt(self, seen: Mapping[Position, LeverState]) -> None:
        """Take what was seen for what is expected."""
        await self._keep({p: (setting,) for p, setting in seen.items()})

    async def _keep(self, settings: Mapping[Position, tuple[LeverState, ...]]) -> None:
        """Remember at once, and on disk unless that is full or takes longer than a moment."""
        if not settings:
            return
        self._expected.update(settings)
        self._unsaved.update(settings)
        saving = self._save_behind()
        if self._is_late:
            return
        await asyncio.wait({saving}, timeout=_MOMENT_S)
        if not saving.done():
            self._is_late = True
            _log.warning("expectation_late", waited_s=_MOMENT_S, positions=len(self._unsaved))

    def _save_behind(self) -> asyncio.Task[None]:
        """The save under way; it takes along what was added since it began."""
        if self._saving is None or self._saving.done():
            self._saving = asyncio.create_task(  # noqa: TID251 - `end` gives it up
                self._save(), name="saving expectations"
            )
            self._is_late = False
        return self._saving

    async def _save(self) -> None:
        """Save until nothing is left, what was added meanwhile included."""
        while saving := dict(self._unsaved):
            try:
                await self._store.expect(saving)
            except StateUnavailableError as error:
                _log.error("expectation_not_durable", error=str(error))
                return
            except Exception:
                _log.exception("expectation_not_durable")
                return
            kept = self._unsaved.items()
            self._unsaved = {p: settings for p, settings in kept if saving.get(p) != settings}


def _newest_last(known: tuple[LeverState, ...], newest: LeverState) -> tuple[LeverState, ...]:
    return (*(setting for setting in known if setting != newest), newest)
