"""Many vantage points in, one verdict per region out.

A vantage point that must doubt itself casts no vote, and neither does one whose last result is too
old. What is left counts by majority of the *configured* points, so silence never decides.

Whether it must doubt itself is told by witnesses: its known-good reference targets, or all its
endpoints where it has none, and the service's other regions. A down vote waits until they were
asked, too, or else a prober that loses its network, or regions that fail together, would be drained
one by one. No vote waits for known-bad reference targets: one that answers makes the prober doubt
itself, and that is all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from controller.model.configuration import EndpointId, ServiceRegion, Settings
from controller.model.decision import Snapshot
from controller.model.health import HealthState, RegionHealth, Verdict
from controller.planning.health.corroboration import Corroboration
from controller.planning.health.gray_failure import (
    describe_bad_probes,
    majority_steps,
    usable_fraction,
)
from controller.planning.health.hysteresis import is_answering, is_fresh
from controller.planning.health.second_opinions import (
    CheckReports,
    OpinionsBySource,
    opinions_by_region,
    reports_by_service,
    second_opinion_text,
    second_opinions,
)

# Python 3.11 looks up a member of an enumeration anew each time, which is slow for each endpoint.
_UP, _DOWN = Verdict.UP, Verdict.DOWN
_MAX_NAMED = 3
"""Endpoints whose evidence a region's verdict names; a region may have a thousand."""
_CORROBORATORS = "known-good reference targets and the other regions"


def isolation(snapshot: Snapshot) -> str | None:
    """Why this vantage point's own path is the likelier culprit; None when it is not.

    A prober to which a known-bad reference target answers sees no failure at all. Known-good ones
    are the best witness: when most of them fail, the prober is broken; while they answer, it is
    not, however many endpoints fail. Without any the majority of the regions turning suspect within
    the panic window counts as blindness.
    """
    settings = snapshot.settings
    liars = answering_targets(snapshot.known_bad, settings, snapshot.now)
    if liars:
        who = "target {} answers" if len(liars) == 1 else "targets {} answer"
        return (
            f"the known-bad reference {who.format(', '.join(liars))}: the prober cannot be trusted"
        )
    if snapshot.known_good:
        failing, total = (
            sum(s.suspect for s in snapshot.known_good.values()),
            len(snapshot.known_good),
        )
        if 2 * failing > total:
            told = f"{failing} of {total} known-good reference targets fail too"
            return f"{told}: the prober is suspect"
        return None
    return _most_regions_failing(snapshot)


def _most_regions_failing(snapshot: Snapshot) -> str | None:
    """Most regions turning suspect within the panic window; a region is one, however many
    endpoints it has, and suspect when more than half of its required ones are."""
    settings = snapshot.settings
    own = snapshot.health.get(settings.vantage.name, {})
    window_start = snapshot.now - settings.guards.panic_window_s
    lately = {
        i
        for i, s in own.items()
        if s.first_failure_at is not None and s.first_failure_at >= window_start
    }
    known = {
        name
        for service in settings.services.values()
        for name, region in service.regions.items()
        if any(endpoint.required for endpoint in region.endpoints.values())
    }
    if 2 * len({i.region for i in lately}) <= len(known):
        return None  # without a look at every endpoint
    regions: defaultdict[str, list[bool]] = defaultdict(list)
    for endpoint_id, endpoint in settings.endpoints():
        if endpoint.required and endpoint_id in own:
            regions[endpoint_id.region].append(endpoint_id in lately)
    suspect = sum(2 * sum(each) > len(each) for each in regions.values())
    if len(regions) > 1 and 2 * suspect > len(regions):
        return f"{suspect} of {len(regions)} regions turned suspect at once: the prober is suspect"
    return None


def answering_targets(
    known_bad: Mapping[str, HealthState], settings: Settings, now: float
) -> tuple[str, ...]:
    """Known-bad reference targets that answer, by fresh results."""
    return tuple(
        url
        for url, state in sorted(known_bad.items())
        if is_fresh(state, now, settings.probing.fresh_for_s)
        and is_answering(state, settings.health)
    )


class EndpointVotes(NamedTuple):
    """One required endpoint, as the vantage points see it."""

    name: str
    verdict: Verdict
    ballots: Sequence[Verdict]
    states: Mapping[str, HealthState]
    """Vantage point to its fresh opinion, without those that abstain."""
    degraded: int
    """Steps by which it degrades its region."""


@dataclass(frozen=True, slots=True)
class SharedEvidence:
    """What the verdicts on all services have in common."""

    snapshot: Snapshot
    corroboration: Corroboration
    reports: Mapping[str, CheckReports]
    """Service to what health checks say of its weighted records."""
    isolated: str | None
    """Why this vantage point casts no vote, if it does not."""
    quorum: int
    """How many equal votes make an opinion count."""

    @classmethod
    def of(cls, snapshot: Snapshot, isolated: str | None) -> SharedEvidence:
        """The jury of one decision."""
        return cls(
            snapshot,
            Corroboration(snapshot),
            reports_by_service(snapshot),
            isolated,
            snapshot.settings.vantage.quorum,
        )


def health_by_service(
    snapshot: Snapshot, *, isolated: str | None
) -> Mapping[str, Mapping[str, RegionHealth]]:
    """Service to region to verdict, with the evidence in one line.

    `isolated`: why this vantage point casts no vote, if it does not.
    """
    jury = SharedEvidence.of(snapshot, isolated)
    return {service: service_health(jury, service) for service in snapshot.settings.services}


def service_health(jury: SharedEvidence, service: str) -> dict[str, RegionHealth]:
    """Region to verdict, with the evidence in one line."""
    regions = jury.snapshot.settings.services[service].regions
    others = opinions_by_region(jury.snapshot, service, jury.reports.get(service, ()))
    return {
        name: _region_health(jury, service, name, region, others.get(name, {}))
        for name, region in regions.items()
    }


def _region_health(
    jury: SharedEvidence, service: str, name: str, region: ServiceRegion, known: OpinionsBySource
) -> RegionHealth:
    snapshot = jury.snapshot
    was = snapshot.memory.of(service).degraded.get(name, 0)
    judged = [
        _endpoint_votes(jury, EndpointId(service, name, key), was)
        for key, endpoint in region.endpoints.items()
        if endpoint.required
    ]
    verdict = _worst(one.verdict for one in judged)
    began = [
        state.first_failure_at
        for one in judged
        for state in one.states.values()
        if state.first_failure_at is not None
    ]
    since = min(began, default=None)
    others = second_opinions(known, snapshot.now, since)
    level = max((one.degraded for one in judged), default=0)
    return RegionHealth(
        verdict,
        _why(jury, verdict, judged) + second_opinion_text(verdict, others),
        since,
        max((_calling_down(one) for one in judged), default=0),
        level,
        usable_fraction(level),
        others,
    )


def _endpoint_votes(jury: SharedEvidence, target: EndpointId, was: int) -> EndpointVotes:
    """`was`: the steps by which its region was degraded until now."""
    snapshot = jury.snapshot
    states = _counted_states(snapshot, target, isolated=jury.isolated is not None)
    ballots = [_vote(jury, target, state) for state in states.values()]
    verdict = _majority(ballots, jury.quorum)
    steps = majority_steps(states.values(), jury.quorum, was, snapshot.settings.health.gray)
    return EndpointVotes(target.endpoint, verdict, ballots, states, steps)


def _calling_down(judged: EndpointVotes) -> int:
    """Vantage points that call it down."""
    return sum([state.verdict is _DOWN for state in judged.states.values()])


def _why(jury: SharedEvidence, verdict: Verdict, judged: Sequence[EndpointVotes]) -> str:
    """The evidence for a region's verdict: of many endpoints that agree the first few are told.

    Where the region is degraded, the one that degrades it most comes with its numbers.
    """
    agreeing = [one for one in judged if one.verdict is verdict]
    worst = max(agreeing, key=lambda one: one.degraded, default=None)
    told = agreeing[:_MAX_NAMED]
    if worst is not None and worst.degraded and worst not in told:
        told[-1] = worst
    texts = [
        _endpoint_text(jury, one, degrades=one is worst and bool(one.degraded)) for one in told
    ]
    if len(agreeing) > len(told):
        texts.append(f"and {len(agreeing) - len(told)} more endpoints")
    return "; ".join(texts)


def _endpoint_text(jury: SharedEvidence, judged: EndpointVotes, *, degrades: bool) -> str:
    text = f"{judged.name}: {_reason(jury, judged)}"
    if not degrades:
        return text
    worst = max(judged.states.values(), key=lambda state: state.bad_ratio, default=None)
    limits = jury.snapshot.settings.health.gray
    return f"{text}; {describe_bad_probes(worst, limits)}" if worst is not None else text


def _counted_states(
    snapshot: Snapshot, endpoint: EndpointId, *, isolated: bool
) -> dict[str, HealthState]:
    """Fresh states of one endpoint by vantage point, without those that must abstain."""
    fresh_for_s = snapshot.settings.probing.fresh_for_s
    own = snapshot.settings.vantage.name
    return {
        vantage: state
        for vantage in snapshot.settings.vantage.all
        if not (isolated and vantage == own)
        if (state := snapshot.health.get(vantage, {}).get(endpoint)) is not None
        if is_fresh(state, snapshot.now, fresh_for_s)
    }


def _vote(jury: SharedEvidence, target: EndpointId, state: HealthState) -> Verdict:
    """A down vote waits until those who could contradict were asked after the first failure."""
    if state.verdict is _DOWN and not jury.corroboration.is_complete(target, state):
        return Verdict.UNKNOWN
    return state.verdict


def _majority(ballots: Sequence[Verdict], quorum: int) -> Verdict:
    for verdict in (_DOWN, _UP):
        if ballots.count(verdict) >= quorum:
            return verdict
    return Verdict.UNKNOWN


def _worst(verdicts: Iterable[Verdict]) -> Verdict:
    """A region is down when one required endpoint is, up only when all are."""
    seen = set(verdicts)
    for verdict in (Verdict.DOWN, Verdict.UNKNOWN):
        if verdict in seen:
            return verdict
    return Verdict.UP


def _reason(jury: SharedEvidence, judged: EndpointVotes) -> str:
    settings = jury.snapshot.settings
    verdict, states = judged.verdict, judged.states
    points = len(settings.vantage.all)
    if verdict is Verdict.UNKNOWN:
        return _why_unknown(jury, judged)
    agreeing = [state for state in states.values() if state.verdict is verdict]
    share = f"{len(agreeing)} of {points} vantage point{'s' if points > 1 else ''}"
    if verdict is Verdict.UP:
        slowest = max(state.latency_s for state in agreeing)
        return f"answers in {slowest * 1000:.0f} ms ({share})"
    worst = max(agreeing, key=lambda state: state.failures)
    took = (worst.since - worst.first_failure_at) if worst.first_failure_at is not None else 0.0
    return (
        f"{settings.health.down_after} probes failed within {took:.1f} s, "
        f"last: {worst.last_failure} ({share})"
    )


def _why_unknown(jury: SharedEvidence, judged: EndpointVotes) -> str:
    snapshot, states = jury.snapshot, judged.states
    settings = snapshot.settings
    if not states:
        return jury.isolated or f"no fresh result in {settings.probing.fresh_for_s:g} s"
    points = len(settings.vantage.all)
    counts = {v: sum(s.verdict is v for s in states.values()) for v in (Verdict.UP, Verdict.DOWN)}
    seen = f"{counts[Verdict.UP]} up and {counts[Verdict.DOWN]} down of {points}"
    if judged.ballots.count(Verdict.DOWN) < counts[Verdict.DOWN]:
        witnesses = _CORROBORATORS if snapshot.known_good else "other endpoints"
        return f"{seen}, waiting for the {witnesses}"
    if points == 1:
        return "too few results for a verdict yet"
    return f"{seen}, no majority yet"
