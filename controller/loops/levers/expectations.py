"""The lever states that each position may show after our writes; any other state is drift.

Between `record_intent` and an outcome a position may show the state expected before or the new one.
Applied leaves the new state, refused the one expected before; unknown, or applied to some parts
only, leaves both.

Example: weight 64 is expected and 0 is to be written. From then on 64 and 0 are expected. If AWS
applies it, 0 is; if AWS refuses it, 64 is; without an answer both are. Weight 100 is drift.

Expectations are stored before a change is sent, so that after a crash in the middle of a failover
the next process does not take our own change for drift. The disk is awaited for `_DISK_WAIT_S` at
most, and not again while it is known to hang: one hanging save costs one such wait, however many
changes follow.

A change is sent even if its intent is not stored by then, urgent or not. Otherwise regions would
stay out, and orders would not be carried out, for as long as the disk hangs. Cost: if the daemon
crashes before the disk answers, the next process takes our change for drift and holds that pool for
`guards.drift.hold_s`. What is not stored yet stays in memory and is saved along with the next.
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
_KEPT_ELSEWHERE = 5_000
"""Positions remembered that are not in the settings."""
_DISK_WAIT_S = 0.2
"""How long a change, or its outcome, waits for the disk."""


class Expectations:
    """Position to the lever states that it is expected to show, the newest last."""

    def __init__(self, store: ExpectedLeverStates) -> None:
        self._store = store
        self._expected: dict[Position, tuple[LeverState, ...]] = {}
        self._before_write: dict[Position, tuple[LeverState, ...]] = {}
        """What was expected before the writes now under way."""
        self._unsaved: dict[Position, tuple[LeverState, ...]] = {}
        self._saving: asyncio.Task[None] | None = None
        """The save under way, or the last one."""
        self._is_late = False
        """Whether the save under way took longer than `_DISK_WAIT_S`."""
        self.loaded = False
        """Whether the expectations of an earlier process were read."""

    @property
    def all(self) -> Mapping[Position, tuple[LeverState, ...]]:
        """Every position that was ever written or accepted, the newest lever state last."""
        return dict(self._expected)

    async def load(self, settings: Settings) -> None:
        """Read the expectations of an earlier process. Raises StateUnavailableError.

        Those of positions that are not in the settings are kept, for they may come back, up to
        `_KEPT_ELSEWHERE`.
        """
        self._expected = {**await self._store.expected(), **self._expected}
        self.loaded = True
        elsewhere = [position for position in self._expected if not _is_in(position, settings)]
        if len(elsewhere) > _KEPT_ELSEWHERE:
            surplus = elsewhere[_KEPT_ELSEWHERE:]
            _log.warning("expectations_forgotten", positions=len(surplus))
            for position in surplus:
                del self._expected[position]
            self._unsaved |= dict.fromkeys(surplus, ())
            self._start_saving()

    def prepare(self, old: Settings, new: Settings) -> Callable[[], None]:
        """Prepare a reload; calling the result forgets expectations of levers that are gone.

        A position is another one if its records or endpoint groups are others.
        """

        def commit() -> None:
            gone = {p: () for p in self._expected if not has_same_lever(p, old, new)}
            for position in gone:
                del self._expected[position]
                # A write under way there went to the old lever: its outcome must not count.
                self._before_write.pop(position, None)
            self._unsaved |= gone
            if gone:
                self._start_saving()

        return commit

    async def end(self) -> None:
        """Cancel the save under way."""
        if self._saving is not None:
            self._saving.cancel()
            await asyncio.gather(self._saving, return_exceptions=True)

    async def record_intent(self, changes: Iterable[Change]) -> None:
        """Expect each change's new state from now on, beside what was expected before.

        A state that is observed and was not expected stays drift until our write replaced it.
        """
        wanted = {change.position: change for change in changes}
        earlier = {p: self._expected.get(p) or (c.before,) for p, c in wanted.items()}
        self._before_write |= earlier
        await self._update({p: _newest_last(earlier[p], c.after) for p, c in wanted.items()})

    async def record_results(self, results: Mapping[Change, OutcomeStatus]) -> None:
        """Narrow the expectations by the outcomes; unknown leaves both states possible.

        An outcome that comes after a reload gave its position another lever is ignored.
        """
        results = {c: status for c, status in results.items() if c.position in self._before_write}
        applied = {c.position: (c.after,) for c, s in results.items() if s is OutcomeStatus.APPLIED}
        refused = {
            change.position: self._before_write[change.position]
            for change, status in results.items()
            if status is OutcomeStatus.REFUSED
        }
        for change in results:
            self._before_write.pop(change.position, None)
        await self._update(applied | refused)

    async def accept_observed(self, seen: Mapping[Position, LeverState]) -> None:
        """Expect what was observed, and nothing else."""
        await self._update({p: (state,) for p, state in seen.items()})

    async def _update(self, settings: Mapping[Position, tuple[LeverState, ...]]) -> None:
        """Change expectations at once, and wait until they are stored, `_DISK_WAIT_S` at most."""
        if not settings:
            return
        self._expected.update(settings)
        self._unsaved.update(settings)
        saving = self._start_saving()
        if self._is_late:
            return
        await asyncio.wait({saving}, timeout=_DISK_WAIT_S)
        if not saving.done():
            self._is_late = True
            _log.warning("expectation_late", waited_s=_DISK_WAIT_S, positions=len(self._unsaved))

    def _start_saving(self) -> asyncio.Task[None]:
        """The save under way; it also saves what was added since it began."""
        if self._saving is None or self._saving.done():
            self._saving = asyncio.create_task(  # noqa: TID251 - `end` cancels it
                self._save(), name="saving expectations"
            )
            self._is_late = False
        return self._saving

    async def _save(self) -> None:
        """Save until nothing is unsaved."""
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


def _is_in(position: Position, settings: Settings) -> bool:
    service = settings.services.get(position.service)
    pool = service.pools.get(position.pool) if service else None
    return pool is not None and position.region in pool.regions


def _newest_last(known: tuple[LeverState, ...], newest: LeverState) -> tuple[LeverState, ...]:
    return (*(state for state in known if state != newest), newest)
