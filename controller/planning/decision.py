"""The one function that decides: `decide(snapshot) -> Decision`.

Pure and total. Everything known goes in as one value, everything wanted comes out as one value with
its reasons. Hysteresis has already turned single probes into health states (`hysteresis.advance`,
called by `loops.probing`); effects happen in `loops.actuation`.

A decision is a fold of one service's decision (`service_decision`) over its services. These facts
alone are shared by them:

- the prober's own health: a vantage point that doubts itself is no evidence for any service
  (`health.quorum.isolation`);
- the hourly allowance of automatic drains and the five minutes' of writes (`rate`), of which each
  service has its first to itself;
- the regions that first plans since the start would drain (`beginning.unconfirmed`).

A service that cannot be decided about is held, and hinders no other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import PurePath
from traceback import extract_tb
from typing import TypeVar

from controller.model.decision import Decision, Held, Hold, Snapshot
from controller.model.health import RegionHealth, Verdict
from controller.model.levers import Position
from controller.model.memory import ServiceMemory
from controller.planning import memory
from controller.planning.guards.blast_radius import beyond_allowance
from controller.planning.guards.startup import unconfirmed
from controller.planning.health.quorum import SharedEvidence, isolation, service_health
from controller.planning.service_decision import (
    ServiceConclusion,
    ServiceProposal,
    conclude,
    propose,
    replanned,
    unchanged_plans,
)

T = TypeVar("T")
_TRY_AGAIN_S = 1.0
"""Seconds until a service is tried again with which a mistake was made."""


def decide(snapshot: Snapshot) -> Decision:
    """What every pool of every service should do now, and why."""
    snapshot = replace(snapshot, memory=memory.fitted_to_settings(snapshot))
    isolated = isolation(snapshot)
    since = _isolated_since(snapshot) if isolated else None
    blind = isolated or _isolation_just_ended(snapshot)
    fold = _Fold(replace(snapshot, memory=replace(snapshot.memory, isolated_since=since)))
    regions = fold.judged(SharedEvidence.of(snapshot, blind))
    proposals = fold.proposed(regions, blind)
    waiting = unconfirmed(snapshot, _drains(proposals))
    fold.keep_within_allowance(proposals)
    concluded = {name: fold.concluded(name, proposals.get(name), waiting) for name in regions}
    drift: dict[Position, str] = {}
    for name, proposal in proposals.items():
        if name not in fold.mistakes:  # or else its memory does not know since when
            drift |= proposal.drift
    earlier = memory.with_services(
        fold.snapshot.memory, {n: one.memory for n, one in concluded.items()}
    )
    waits_s = [_TRY_AGAIN_S for _ in fold.mistakes]
    waits_s += [wait_s for one in concluded.values() for wait_s in one.waits_s]
    return Decision(
        regions,
        tuple(plan for one in concluded.values() for plan in one.plans),
        drift,
        earlier,
        memory.wake_at(replace(snapshot, memory=earlier), waits_s),
        fold.mistakes,
    )


class _Fold:
    """The services of one decision; a mistake made with one of them ends that one alone."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.mistakes: dict[str, str] = {}
        """Service to the mistake by which it cannot be decided about."""

    def judged(self, jury: SharedEvidence) -> dict[str, Mapping[str, RegionHealth]]:
        """Service to region to verdict; unknown where no verdict can be had."""
        return {
            name: self._tried(name, partial(service_health, jury, name)) or self._unjudged(name)
            for name in self.snapshot.settings.services
        }

    def proposed(
        self, regions: Mapping[str, Mapping[str, RegionHealth]], blind: str | None
    ) -> dict[str, ServiceProposal]:
        """Service to what it would do if it were alone."""
        found = {
            name: self._tried(name, partial(propose, self.snapshot, name, health, blind))
            for name, health in regions.items()
        }
        return {name: proposal for name, proposal in found.items() if proposal is not None}

    def keep_within_allowance(self, proposals: dict[str, ServiceProposal]) -> None:
        """Let no more regions be drained by themselves than may be in an hour.

        A region that is kept may take over where no other could before, and so let another one
        leave: it is looked at until nothing more is to be kept. Where an order names the guard, a
        region that is kept leaves all the same.
        """
        kept: dict[str, frozenset[str]] = {}
        allowed = self.snapshot.settings.guards.auto_drains_per_h
        while True:
            beyond = beyond_allowance(
                self.snapshot.memory, _drains(proposals), allowed, self.snapshot.now
            )
            more = {s: r for s, r in beyond.items() if not r <= kept.get(s, frozenset())}
            if not more:
                return
            for service, regions in more.items():
                kept[service] = kept.get(service, frozenset()) | regions
                self._replan(proposals, service, kept[service])

    def concluded(
        self, service: str, proposal: ServiceProposal | None, waiting: Mapping[str, frozenset[str]]
    ) -> ServiceConclusion:
        """What becomes of a service; held as it is if that cannot be said."""
        found = None
        if proposal is not None:
            found = self._tried(service, partial(conclude, proposal, waiting))
        return found or self._undecided(service)

    def _replan(
        self, proposals: dict[str, ServiceProposal], service: str, kept: frozenset[str]
    ) -> None:
        again = self._tried(service, partial(replanned, proposals[service], kept))
        if again is None:
            del proposals[service]
        else:
            proposals[service] = again

    def _tried(self, service: str, act: Callable[[], T]) -> T | None:
        """What comes of one step for one service; None after a mistake."""
        if service in self.mistakes:
            return None
        try:
            return act()
        except Exception as error:
            self.mistakes[service] = _error_text(error)
            return None

    def _unjudged(self, service: str) -> dict[str, RegionHealth]:
        why = f"no verdict: {self.mistakes[service]}"
        regions = self.snapshot.settings.services[service].regions
        return {name: RegionHealth(Verdict.UNKNOWN, why) for name in regions}

    def _undecided(self, service: str) -> ServiceConclusion:
        """Held whole. What was remembered may be the cause: only what counts writes is kept."""
        detail = f"a mistake in this program, please report it: {self.mistakes[service]}"
        held = Held(Hold.UNDECIDED, detail)
        known = self.snapshot.memory.of(service)
        kept = ServiceMemory(
            learned_under=known.learned_under,
            since=known.since,
            begun=known.begun,
            batches=known.batches,
            emergencies=known.emergencies,
            drains=known.drains,
        )
        return ServiceConclusion(unchanged_plans(self.snapshot, service, held), kept, ())


def _drains(proposals: Mapping[str, ServiceProposal]) -> dict[str, frozenset[str]]:
    """Service to the regions that it would drain by itself, rehearsals left out."""
    return {name: one.drains for name, one in proposals.items() if not one.is_rehearsed}


def _error_text(error: Exception) -> str:
    """An exception and where it was raised, the same on every machine."""
    frames = extract_tb(error.__traceback__)
    if not frames:
        return repr(error)
    last = frames[-1]
    place = "/".join(PurePath(last.filename).parts[-2:])
    return f"{error!r} in {last.name} ({place}:{last.lineno})"


def _isolation_just_ended(snapshot: Snapshot) -> str | None:
    """Why nothing is believed yet in the one cycle that ends an isolation.

    What was seen until now was seen blind; it is forgotten after this decision.
    """
    if snapshot.memory.isolated_since is None:
        return None
    return "the prober was suspect until now: what it saw is no evidence"


def _isolated_since(snapshot: Snapshot) -> float:
    since = snapshot.memory.isolated_since
    return snapshot.now if since is None else since
