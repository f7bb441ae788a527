"""The function that decides: `decide(snapshot) -> Decision`, pure and total.

It reads one value and returns one value with its reasons; there is no I/O, clock or chance. Probe
results were folded into health states before (`planning.health.hysteresis.advance`, called by
`loops.probing`); `loops.levers.actuation` sends what is decided.

Worked example, in the language of `tests/storyboards`, which plays it: commands, a ruled line, and
what is then decided, with every region's share, the weights that are written, and why.

    # The pool world sends half of its users to us-east-1 and a quarter to each region in the EU;
    # the pool europe uses the EU only. Three vantage points vote; two equal votes make a verdict.
    pool world us-east-1 eu-west-1 eu-central-1
    pool europe eu-west-1 eu-central-1
    region us-east-1 share=2
    vantage here frankfurt virginia

    # Two of the three see first failures in eu-west-1: no verdict changes, and nothing moves.
    see eu-west-1=SSU
    decide
    ----
    world eu-west-1 holds within_hysteresis: probes began to fail 0.0 s ago
    europe eu-west-1 holds within_hysteresis: probes began to fail 0.0 s ago

    # After 0.4 s these two saw three failures in a row: two of three votes say down. Its weights
    # become 0. The other weights stay, because Route 53 answers by their proportions.
    wait 0.4
    see eu-west-1=DDU
    decide
    ----
    world (emergency): us-east-1 50 % → 66.7 %, eu-west-1 25 % → 0 %, eu-central-1 25 % → 33.3 %
      write eu-west-1: weight 64 → weight 0
      placement takes_over us-east-1 50 % → 66.7 %: carries its part of what leaves eu-west-1
      placement region_down eu-west-1 25 % → 0 %: web: 3 probes failed within 0.4 s, last:
          connection refused (2 of 3 vantage points)
      placement takes_over eu-central-1 25 % → 33.3 %: carries its part of what leaves eu-west-1
    europe (emergency): eu-west-1 50 % → 0 %, eu-central-1 50 % → 100 %
      write eu-west-1: weight 128 → weight 0
      placement region_down eu-west-1 50 % → 0 %: web: 3 probes failed within 0.4 s, last:
          connection refused (2 of 3 vantage points)
      placement takes_over eu-central-1 50 % → 100 %: carries its part of what leaves eu-west-1

A decision is a fold of one service's decision (`planning.service_decision`) over the services.
Services share only these facts:

- whether this vantage point's probes are evidence at all (`planning.health.isolation`);
- the limits of automatic drains per hour and of writes per five minutes, of which each service has
  its first to itself (`planning.guards.blast_radius`);
- the regions that first plans since the start would drain (`planning.guards.startup`).

A service whose decision raises an exception is held (`undecided`); the others are decided as if it
did not exist.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
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
from controller.planning.guards.blast_radius import drains_beyond_limit
from controller.planning.guards.refusals import guarded_plans
from controller.planning.guards.startup import unconfirmed_drains
from controller.planning.health.isolation import isolation
from controller.planning.health.quorum import SharedEvidence, service_health
from controller.planning.service_decision import (
    ServiceConclusion,
    ServiceProposal,
    conclude,
    propose,
    replanned,
    unchanged_plans,
)

T = TypeVar("T")
_RETRY_S = 1.0
"""Seconds until a service whose decision raised an exception is decided again."""


def decide(snapshot: Snapshot) -> Decision:
    """What every pool of every service should do now, and why."""
    snapshot = replace(snapshot, memory=memory.fitted_to_settings(snapshot))
    isolated_now = isolation(snapshot)
    since = _isolated_since(snapshot) if isolated_now else None
    isolated = isolated_now or _isolation_just_ended(snapshot)
    fold = _Fold(replace(snapshot, memory=replace(snapshot.memory, isolated_since=since)))
    regions = fold.verdicts(SharedEvidence.of(snapshot, isolated))
    proposals = fold.proposals(regions, isolated)
    unconfirmed = unconfirmed_drains(snapshot, _drains(proposals))
    fold.limit_drains(proposals)
    conclusions = {n: fold.conclusion(n, proposals.get(n), unconfirmed) for n in regions}
    drift: dict[Position, str] = {}
    for name, proposal in proposals.items():
        if name not in fold.errors:  # else its memory lacks when the drift began
            drift |= proposal.drift
    memories = {name: conclusion.memory for name, conclusion in conclusions.items()}
    after = memory.with_services(fold.snapshot.memory, memories)
    waits_s = [_RETRY_S for _ in fold.errors]
    waits_s += [wait_s for one in conclusions.values() for wait_s in one.waits_s]
    return Decision(
        regions,
        tuple(plan for conclusion in conclusions.values() for plan in conclusion.plans),
        drift,
        after,
        memory.wake_at(replace(snapshot, memory=after), waits_s),
        fold.errors,
    )


class _Fold:
    """The steps of one decision over all services; an exception excludes its service only."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.errors: dict[str, str] = {}
        """Service to the exception because of which it cannot be decided about."""

    def verdicts(self, shared: SharedEvidence) -> dict[str, Mapping[str, RegionHealth]]:
        """Service to region to verdict; unknown after an exception."""
        return {
            name: self._attempt(name, partial(service_health, shared, name)) or self._unknown(name)
            for name in self.snapshot.settings.services
        }

    def proposals(
        self, regions: Mapping[str, Mapping[str, RegionHealth]], isolated: str | None
    ) -> dict[str, ServiceProposal]:
        """Service to what it would do if it were alone."""
        found = {
            name: self._attempt(name, partial(propose, self.snapshot, name, health, isolated))
            for name, health in regions.items()
        }
        return {name: proposal for name, proposal in found.items() if proposal is not None}

    def limit_drains(self, proposals: dict[str, ServiceProposal]) -> None:
        """Replan in place, so that no more regions are drained automatically than the hourly limit.

        A region that is kept may serve where no other could, and so allow another one to leave:
        repeat until no further region must be kept. An order that names the guard still drains a
        region that is kept.
        """
        kept: dict[str, frozenset[str]] = {}
        allowed = self.snapshot.settings.guards.auto_drains_per_h
        while True:
            beyond = drains_beyond_limit(
                self.snapshot.memory, _drains(proposals), allowed, self.snapshot.now
            )
            more = {s: r for s, r in beyond.items() if not r <= kept.get(s, frozenset())}
            if not more:
                return
            for service, regions in more.items():
                kept[service] = kept.get(service, frozenset()) | regions
                self._replan(proposals, service, kept[service])

    def conclusion(
        self,
        service: str,
        proposal: ServiceProposal | None,
        unconfirmed: Mapping[str, frozenset[str]],
    ) -> ServiceConclusion:
        """What is done about a service; all is held after an exception."""
        found = None
        if proposal is not None:
            found = self._attempt(service, partial(_concluded, proposal, unconfirmed))
        return found or self._undecided(service)

    def _replan(
        self, proposals: dict[str, ServiceProposal], service: str, kept: frozenset[str]
    ) -> None:
        again = self._attempt(service, partial(replanned, proposals[service], kept))
        if again is None:
            del proposals[service]
        else:
            proposals[service] = again

    def _attempt(self, service: str, step: Callable[[], T]) -> T | None:
        """The result of one step for one service; None after an exception, now or before."""
        if service in self.errors:
            return None
        try:
            return step()
        except Exception as error:
            self.errors[service] = _error_text(error)
            return None

    def _unknown(self, service: str) -> dict[str, RegionHealth]:
        why = f"no verdict: {self.errors[service]}"
        regions = self.snapshot.settings.services[service].regions
        return {name: RegionHealth(Verdict.UNKNOWN, why) for name in regions}

    def _undecided(self, service: str) -> ServiceConclusion:
        """All pools held. The memory may be the cause: only what limits writes is kept of it."""
        detail = f"a mistake in this program, please report it: {self.errors[service]}"
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


def _concluded(
    proposal: ServiceProposal, unconfirmed: Mapping[str, Collection[str]]
) -> ServiceConclusion:
    """The proposal after guards. `unconfirmed`: service to drains that a person must confirm."""
    snapshot, service = proposal.snapshot, proposal.service
    proposed = [pool.plan for pool in proposal.planned]
    plans = guarded_plans(snapshot, service, proposed, proposal.drift, unconfirmed)
    return conclude(proposal, plans, unconfirmed.get(service, ()))


def _drains(proposals: Mapping[str, ServiceProposal]) -> dict[str, frozenset[str]]:
    """Service to the regions that it would drain automatically; without services in dry run."""
    return {name: one.drains for name, one in proposals.items() if not one.is_service_dry_run}


def _error_text(error: Exception) -> str:
    """An exception and where it was raised, the same text on every machine."""
    frames = extract_tb(error.__traceback__)
    if not frames:
        return repr(error)
    last = frames[-1]
    place = "/".join(PurePath(last.filename).parts[-2:])
    return f"{error!r} in {last.name} ({place}:{last.lineno})"


def _isolation_just_ended(snapshot: Snapshot) -> str | None:
    """Why the probes are no evidence in the one cycle that ends an isolation; None in any other.

    Their results come from the isolation; they are discarded after this decision.
    """
    if snapshot.memory.isolated_since is None:
        return None
    return "the prober was suspect until now: what it saw is no evidence"


def _isolated_since(snapshot: Snapshot) -> float:
    since = snapshot.memory.isolated_since
    return snapshot.now if since is None else since
