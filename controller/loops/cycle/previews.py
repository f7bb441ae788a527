"""Previews: what would be decided now, cached while its inputs stay the same.

The cache key is a *state* (the last cycle, the settings, readings of AWS, verdicts and suspicions
of probes, reported figures) and a set of overrides. Within one state each set is decided on once,
however many callers ask for the plan, its preview or its version.

A preview expires when time alone would change its decision (`wake_at`), and after one period of
cycles. Inputs that the state leaves out (latencies, users' reports of traffic, second opinions,
answers of name servers) therefore show as late as the next cycle uses them. Only cycles act, so
that is early enough.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from math import inf
from typing import NamedTuple

from controller.loops.active_settings import ActiveSettings
from controller.loops.cycle.reconciliation import Reconciliation
from controller.loops.cycle.snapshot_builder import SnapshotBuilder
from controller.loops.reports.figures import ReportedFigures
from controller.loops.sliced import SlicedComputation, Wanted
from controller.loops.steering_first import SteeringFirst
from controller.model.overrides import Override
from controller.planning.account.digest import digest
from controller.planning.account.effects import Effects, effects
from controller.planning.account.evidence import Evidence
from controller.planning.account.single_failures import SingleFailure, each_failure
from controller.planning.decision import decide
from controller.ports import Clock

_MAX_KEPT = 4
"""Previews kept of one state; the least recently used is dropped first."""

_FAILURES_FRESH_S = 60.0
"""Seconds after which single failures are computed anew, though nothing but figures has changed."""
_OverrideKey = tuple[object, ...]
"""All of an override that a decision reads or shows: not its id and its times."""


@dataclass(frozen=True, eq=False)
class Preview:
    """One decision that is not carried out, with its effects."""

    evidence: Evidence

    @cached_property
    def digest(self) -> str:
        """A short hash of what is believed and would be done."""
        return digest(self.evidence.decision)

    @cached_property
    def effects(self) -> Effects:
        """What it would change for regions and users."""
        return effects(self.evidence, self.evidence)


class _State(NamedTuple):
    """Counters and hashes that change whenever a decision could."""

    cycle: int
    settings: str
    readings: int
    verdicts: int
    figures: int


@dataclass(frozen=True, slots=True)
class _KeptPreview:
    preview: Preview
    until: float
    """When it expires, monotonic seconds."""


class Previews:
    """The previews of the present state: a small LRU cache."""

    def __init__(
        self,
        active_settings: ActiveSettings,
        clock: Clock,
        snapshots: SnapshotBuilder,
        figures: ReportedFigures,
        reconciliation: Reconciliation,
        steering_first: SteeringFirst,
    ) -> None:
        self._active_settings = active_settings
        self._clock = clock
        self._snapshots = snapshots
        self._figures = figures
        self._reconciliation = reconciliation
        self._state: _State | None = None
        self._kept: dict[tuple[_OverrideKey, ...], _KeptPreview] = {}
        """Least recently used first."""
        self._failures = SlicedComputation[SingleFailure](clock, steering_first)

    def present(self) -> Preview:
        """The preview with the active overrides."""
        return self.under(self._snapshots.sources.overrides.active())

    def under(self, overrides: Iterable[Override]) -> Preview:
        """The preview with these overrides instead of the active ones, the newest last."""
        wanted = tuple(overrides)
        key = tuple(map(_key, wanted))
        if (state := self._state_now()) != self._state:
            self._state = state
            self._kept.clear()
        kept = self._kept.pop(key, None)
        if kept is None or self._clock.monotonic() >= kept.until:
            kept = self._decide(wanted)
        self._kept[key] = kept
        while len(self._kept) > _MAX_KEPT:
            del self._kept[next(iter(self._kept))]
        return kept.preview

    async def failures(self) -> tuple[SingleFailure, ...]:
        """What the loss of each single region would lead to, in the present state.

        Computed in slices, because it takes one decision for each region, and once for each state
        that believes and would do the same. Callers that ask meanwhile wait.
        """
        return await self._failures.result(self._wanted_failures)

    def _wanted_failures(self) -> Wanted[SingleFailure]:
        present = self.present()
        snapshot = present.evidence.snapshot
        orders = tuple(map(_key, snapshot.overrides))
        # A cycle in which nothing changed begins no new computation, but for fresh figures.
        age = int(snapshot.now // _FAILURES_FRESH_S)
        key = (self._active_settings.hash, orders, present.digest, age)
        return Wanted(key, lambda: each_failure(present.evidence))

    def _decide(self, overrides: tuple[Override, ...]) -> _KeptPreview:
        snapshot = self._snapshots.build(overrides)
        decision = decide(snapshot)
        wake_at = inf if decision.wake_at is None else decision.wake_at
        until = min(wake_at, snapshot.now + snapshot.settings.cycle.period_s)
        return _KeptPreview(Preview(Evidence(snapshot, decision)), until)

    def _state_now(self) -> _State:
        latest, sources = self._reconciliation.latest, self._snapshots.sources
        return _State(
            cycle=latest.cycle if latest else 0,
            settings=self._active_settings.hash,
            readings=sources.observation.changes,
            verdicts=sources.probing.changes,
            figures=self._figures.reports,
        )


def _key(override: Override) -> _OverrideKey:
    shown = (override.author, override.reason)
    return (*override.target, override.share, override.ignore_guards, *shown)
