"""Majority vote: many vantage points in, one verdict per region out.

A vantage point that is isolated (`planning.health.isolation`), or whose last result is too old,
abstains. A verdict needs a majority of the *configured* vantage points, so silence never decides.

A down vote is withheld until those were asked that could contradict it (`health.corroboration`):
the known-good reference targets, or all endpoints where there are none, and the service's other
regions. Otherwise a prober that loses its network, or regions that fail together, would be drained
one by one. No vote waits for known-bad reference targets.

Worked example with three vantage points, so a quorum of 2, for one endpoint:

    ballots               verdict
    down down up          down
    down up   up          up
    down up   (stale)     unknown: 1 and 1 of 3
    down (withheld) up    unknown

A region is down when one required endpoint is, and up only when all are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from controller.model.configuration import EndpointId, ServiceRegion
from controller.model.decision import Snapshot
from controller.model.health import HealthState, RegionHealth, Verdict
from controller.planning.health.corroboration import Corroboration
from controller.planning.health.gray_failure import (
    describe_addresses,
    describe_bad_probes,
    majority_steps,
    usable_fraction,
)
from controller.planning.health.hysteresis import is_fresh
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


class EndpointVotes(NamedTuple):
    """The vantage points' votes on one required endpoint, and their outcome."""

    name: str
    verdict: Verdict
    ballots: Sequence[Verdict]
    """One for each of `states`; unknown where a down vote is withheld."""
    states: Mapping[str, HealthState]
    """Vantage point to its fresh state of the endpoint, without those that abstain."""
    degraded: int
    """Steps by which it degrades its region."""
    own: HealthState | None
    """This vantage point's state, fresh or not."""


@dataclass(frozen=True, slots=True)
class SharedEvidence:
    """What the verdicts on all services have in common, computed once per decision."""

    snapshot: Snapshot
    corroboration: Corroboration
    reports: Mapping[str, CheckReports]
    """Service to what health checks say of its weighted records."""
    isolated: str | None
    """Why this vantage point casts no vote; None: it votes."""
    quorum: int
    """How many equal votes make a verdict."""

    @classmethod
    def of(cls, snapshot: Snapshot, isolated: str | None) -> SharedEvidence:
        """The shared evidence of one decision."""
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
    """Service to region to verdict and evidence.

    `isolated`: why this vantage point casts no vote; None: it votes.
    """
    shared = SharedEvidence.of(snapshot, isolated)
    return {service: service_health(shared, service) for service in snapshot.settings.services}


def service_health(shared: SharedEvidence, service: str) -> dict[str, RegionHealth]:
    """Region to verdict and evidence."""
    snapshot = shared.snapshot
    regions = snapshot.settings.services[service].regions
    opinions = opinions_by_region(snapshot, service, shared.reports.get(service, ()))
    return {
        name: _region_health(shared, service, name, region, opinions.get(name, {}))
        for name, region in regions.items()
    }


def _region_health(
    shared: SharedEvidence,
    service: str,
    name: str,
    region: ServiceRegion,
    opinions: OpinionsBySource,
) -> RegionHealth:
    snapshot = shared.snapshot
    degraded_before = snapshot.memory.of(service).degraded.get(name, 0)
    votes = [
        _endpoint_votes(shared, EndpointId(service, name, key), degraded_before)
        for key, endpoint in region.endpoints.items()
        if endpoint.required
    ]
    verdict = _worst(endpoint.verdict for endpoint in votes)
    first_failures = [
        state.first_failure_at
        for endpoint in votes
        for state in endpoint.states.values()
        if state.first_failure_at is not None
    ]
    suspect_since = min(first_failures, default=None)
    sources = second_opinions(opinions, snapshot.now, suspect_since)
    degraded = max((endpoint.degraded for endpoint in votes), default=0)
    return RegionHealth(
        verdict,
        _why(shared, verdict, votes) + second_opinion_text(verdict, sources),
        suspect_since,
        max((_calling_down(endpoint) for endpoint in votes), default=0),
        degraded,
        usable_fraction(degraded),
        sources,
    )


def _endpoint_votes(
    shared: SharedEvidence, endpoint_id: EndpointId, degraded_before: int
) -> EndpointVotes:
    """`degraded_before`: the steps by which its region was degraded until now."""
    snapshot = shared.snapshot
    states = _counted_states(snapshot, endpoint_id, isolated=shared.isolated is not None)
    ballots = [_vote(shared, endpoint_id, state) for state in states.values()]
    steps = majority_steps(
        states.values(), shared.quorum, degraded_before, snapshot.settings.health.gray
    )
    own = snapshot.health.get(snapshot.settings.vantage.name, {}).get(endpoint_id)
    verdict = _majority(ballots, shared.quorum)
    return EndpointVotes(endpoint_id.endpoint, verdict, ballots, states, steps, own)


def _calling_down(votes: EndpointVotes) -> int:
    """Vantage points that call the endpoint down."""
    return sum([state.verdict is _DOWN for state in votes.states.values()])


def _counted_states(
    snapshot: Snapshot, endpoint_id: EndpointId, *, isolated: bool
) -> dict[str, HealthState]:
    """Vantage point to its fresh state of one endpoint, without those that abstain."""
    fresh_for_s = snapshot.settings.probing.fresh_for_s
    own = snapshot.settings.vantage.name
    return {
        vantage: state
        for vantage in snapshot.settings.vantage.all
        if not (isolated and vantage == own)
        if (state := snapshot.health.get(vantage, {}).get(endpoint_id)) is not None
        if is_fresh(state, snapshot.now, fresh_for_s)
    }


def _vote(shared: SharedEvidence, endpoint_id: EndpointId, state: HealthState) -> Verdict:
    """The state's verdict; unknown while a down vote is not corroborated."""
    if state.verdict is _DOWN and not shared.corroboration.is_complete(endpoint_id, state):
        return Verdict.UNKNOWN
    return state.verdict


def _majority(ballots: Sequence[Verdict], quorum: int) -> Verdict:
    for verdict in (_DOWN, _UP):
        if ballots.count(verdict) >= quorum:
            return verdict
    return Verdict.UNKNOWN


def _worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Down when one verdict is, else unknown when one is, else up."""
    present = set(verdicts)
    for verdict in (Verdict.DOWN, Verdict.UNKNOWN):
        if verdict in present:
            return verdict
    return Verdict.UP


def _why(shared: SharedEvidence, verdict: Verdict, votes: Sequence[EndpointVotes]) -> str:
    """The evidence for a region's verdict: of the first few endpoints that have it.

    Where the region is degraded, the endpoint that degrades it most is among them, with numbers.
    """
    agreeing = [endpoint for endpoint in votes if endpoint.verdict is verdict]
    worst = max(agreeing, key=lambda endpoint: endpoint.degraded, default=None)
    named = agreeing[:_MAX_NAMED]
    if worst is not None and worst.degraded and worst not in named:
        named[-1] = worst
    texts = [
        _endpoint_text(shared, one, degrades=one is worst and one.degraded > 0) for one in named
    ]
    if len(agreeing) > len(named):
        texts.append(f"and {len(agreeing) - len(named)} more endpoints")
    return "; ".join(texts)


def _endpoint_text(shared: SharedEvidence, votes: EndpointVotes, *, degrades: bool) -> str:
    parts = [f"{votes.name}: {_reason(shared, votes)}"]
    addresses = next((s.addresses for s in votes.states.values() if s.addresses), None)
    if addresses is not None and (said := describe_addresses(addresses)):
        parts.append(said)
    worst = max(votes.states.values(), key=lambda state: state.bad_ratio, default=None)
    limits = shared.snapshot.settings.health.gray
    if degrades and worst is not None and (addresses is None or worst.bad_ratio > 0.0):
        parts.append(describe_bad_probes(worst, limits))
    return "; ".join(parts)


def _reason(shared: SharedEvidence, votes: EndpointVotes) -> str:
    settings = shared.snapshot.settings
    verdict, states = votes.verdict, votes.states
    points = len(settings.vantage.all)
    if verdict is Verdict.UNKNOWN:
        return _why_unknown(shared, votes)
    agreeing = [state for state in states.values() if state.verdict is verdict]
    count = f"{len(agreeing)} of {points} vantage point{'s' if points > 1 else ''}"
    if verdict is Verdict.UP:
        slowest = max(state.latency_s for state in agreeing)
        return f"answers in {slowest * 1000:.0f} ms ({count})"
    worst = max(agreeing, key=lambda state: state.failures)
    took = (worst.since - worst.first_failure_at) if worst.first_failure_at is not None else 0.0
    return (
        f"{settings.health.down_after} probes failed within {took:.1f} s, "
        f"last: {worst.last_failure} ({count})"
    )


def _why_unknown(shared: SharedEvidence, votes: EndpointVotes) -> str:
    snapshot, states = shared.snapshot, votes.states
    settings = snapshot.settings
    if not states:
        return shared.isolated or _why_no_result(shared, votes)
    points = len(settings.vantage.all)
    up, down = (sum(s.verdict is v for s in states.values()) for v in (_UP, _DOWN))
    counts = f"{up} up and {down} down of {points}"
    if votes.ballots.count(Verdict.DOWN) < down:
        awaited = _CORROBORATORS if snapshot.known_good else "other endpoints"
        return f"{counts}, waiting for the {awaited}"
    if points == 1:
        return "too few results for a verdict yet"
    return f"{counts}, no majority yet"


def _why_no_result(shared: SharedEvidence, votes: EndpointVotes) -> str:
    """Why no state is fresh, with what this vantage point's probes lacked."""
    probing = shared.snapshot.settings.probing
    text = f"no fresh result in {probing.fresh_for_s:g} s"
    own = votes.own
    if own is None or not own.not_run:
        return text
    text = f"{text}, its probes could not be run: {own.not_run}"
    if own.no_route_since is None:
        return text
    return (
        f"{text}; that is a failure after {probing.unreachable_for_s:g} s, if reference targets "
        "and other regions answer over the same address family"
    )
