"""What would be decided now, decided once for as long as nothing changes that it rests on.

A *state* is what the cycle that ended last learned, together with settings, readings of AWS,
verdicts and suspicions of probes, and reported figures. Within one state each set of overrides is
decided on once, however many callers ask for the plan, its preview or its version.

A preview is never older than the moment at which time alone changes its answer (`wake_at`), nor
than one period of cycles. What the state leaves out (latencies, users' reports of traffic, second
opinions, answers of name servers) is therefore seen as late as the next cycle sees it, which is
when it could have an effect: only cycles act.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from math import inf
from typing import NamedTuple

from controller.loops.active_settings import ActiveSettings
from controller.loops.cycle.reconciliation import Reconciliation
from controller.loops.cycle.snapshot_builder import SnapshotBuilder
from controller.loops.levers.observation import Observation
from controller.loops.overrides import Overrides
from controller.loops.probing.probe_loop import ProbeLoop
from controller.loops.reports.figures import ReportedFigures
from controller.model.overrides import Override
from controller.planning.account.digest import digest
from controller.planning.account.effects import Effects, effects
from controller.planning.account.evidence import Evidence
from controller.planning.account.single_failures import SingleFailure, single_failures
from controller.planning.decision import decide
from controller.ports import Clock

_KEPT = 4
"""Sets of overrides of which one state's decisions are kept; the oldest gives way."""

Order = tuple[object, ...]
"""All of an override that a decision looks at or tells: not its number and its times."""


@dataclass(frozen=True, eq=False)
class Preview:
    """One decision that was not carried out, with what follows from it."""

    evidence: Evidence

    @cached_property
    def digest(self) -> str:
        """Short name of what is believed and would be done."""
        return digest(self.evidence.decision)

    @cached_property
    def effects(self) -> Effects:
        """What it would do to regions and users."""
        return effects(self.evidence, self.evidence)


class _State(NamedTuple):
    cycle: int
    settings: str
    readings: int
    verdicts: int
    figures: int


@dataclass(frozen=True, slots=True)
class _KeptPreview:
    preview: Preview
    until: float
    """Monotonic seconds."""


class Previews:
    """The previews of the present state."""

    def __init__(
        self,
        current: ActiveSettings,
        clock: Clock,
        probing: ProbeLoop,
        observation: Observation,
        overrides: Overrides,
        figures: ReportedFigures,
        reconciliation: Reconciliation,
        snapshots: SnapshotBuilder,
    ) -> None:
        self._current = current
        self._clock = clock
        self._probing = probing
        self._observation = observation
        self._overrides = overrides
        self._figures = figures
        self._reconciliation = reconciliation
        self._snapshots = snapshots
        self._state: _State | None = None
        self._kept: dict[tuple[Order, ...], _KeptPreview] = {}
        """Oldest first."""
        self._failures: tuple[Preview, tuple[SingleFailure, ...]] | None = None
        self._one_at_a_time = asyncio.Lock()

    def present(self) -> Preview:
        """With the overrides that are in force."""
        return self.under(self._overrides.active())

    def under(self, overrides: Iterable[Override]) -> Preview:
        """As if these overrides were in force, the newest last."""
        orders = tuple(overrides)
        key = tuple(map(_order, orders))
        if (state := self._state_now()) != self._state:
            self._state = state
            self._kept.clear()
        kept = self._kept.pop(key, None)
        if kept is None or self._clock.monotonic() >= kept.until:
            kept = self._decided(orders)
        self._kept[key] = kept
        while len(self._kept) > _KEPT:
            del self._kept[next(iter(self._kept))]
        return kept.preview

    async def failures(self) -> tuple[SingleFailure, ...]:
        """What would become of the loss of every single region, in the present state.

        Reckoned in a thread, for it decides once for every region; who asks meanwhile waits.
        """
        async with self._one_at_a_time:
            present = self.present()
            if self._failures is None or self._failures[0] is not present:
                found = await asyncio.to_thread(single_failures, present.evidence.snapshot)
                self._failures = (present, found)
            return self._failures[1]

    def _decided(self, overrides: tuple[Override, ...]) -> _KeptPreview:
        snapshot = self._snapshots.build(overrides=overrides)
        decision = decide(snapshot)
        wake_at = inf if decision.wake_at is None else decision.wake_at
        until = min(wake_at, snapshot.now + snapshot.settings.cycle.period_s)
        return _KeptPreview(Preview(Evidence(snapshot, decision)), until)

    def _state_now(self) -> _State:
        latest = self._reconciliation.latest
        return _State(
            cycle=latest.cycle if latest else 0,
            settings=self._current.hash,
            readings=self._observation.changes,
            verdicts=self._probing.changes,
            figures=self._figures.reports,
        )


def _order(override: Override) -> Order:
    said = (override.author, override.reason)
    return (*override.target, override.share, override.ignore_guards, *said)
