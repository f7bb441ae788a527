"""Many vantage points in, one verdict per region out.

A vantage point that must doubt itself casts no vote, and neither does one whose last result is too
old. What is left counts by majority of the *configured* points, so silence never decides.

Whether it must doubt itself is told by witnesses: its canaries, or all its targets where it has no
canary, and the service's other regions. A down vote waits until they were asked, too, or else a
prober that loses its network, or regions that fail together, would be drained one by one. Nobody
waits for known-bad canaries: one that answers makes the prober doubt itself, and that is all.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from controller.model.configuration import EndpointId, Region, Settings
from controller.model.decision import Snapshot
from controller.model.health import HealthState, RegionHealth, Verdict
from controller.planning.health.gray import degradation, describe, usable
from controller.planning.health.hysteresis import is_fresh, passes
from controller.planning.health.opinions import (
    Known,
    opinions_by_region,
    remarks,
    second_opinions,
)


def isolation(snapshot: Snapshot) -> str | None:
    """Why this vantage point's own path is the likelier culprit; None when it is not.

    A prober to which a known-bad canary answers sees no failure at all. Canaries are the best
    witness: when most of them fail, the prober is broken; while they answer, it is not, however
    many targets fail. Without canaries the majority of the targets turning suspect within the
    panic window counts as blindness.
    """
    settings = snapshot.settings
    liars = answering(snapshot.bad_canaries, settings, snapshot.now)
    if liars:
        who = "canary {} answers" if len(liars) == 1 else "canaries {} answer"
        return f"the known-bad {who.format(', '.join(liars))}: the prober cannot be trusted"
    if snapshot.canaries:
        failing = sum(state.suspect for state in snapshot.canaries.values())
        if 2 * failing > len(snapshot.canaries):
            return f"{failing} of {len(snapshot.canaries)} canaries fail too: the prober is suspect"
        return None
    own = snapshot.health.get(settings.vantage.name, {})
    window_start = snapshot.now - settings.guards.panic_window_s
    began = [s.first_failure_at for s in own.values() if s.first_failure_at is not None]
    lately = sum(at >= window_start for at in began)
    if len(own) > 1 and 2 * lately > len(own):
        return f"{lately} of {len(own)} targets turned suspect at once: the prober is suspect"
    return None


def answering(
    bad_canaries: Mapping[str, HealthState], settings: Settings, now: float
) -> tuple[str, ...]:
    """Known-bad canaries that answer, by fresh results."""
    return tuple(
        url
        for url, state in sorted(bad_canaries.items())
        if is_fresh(state, now, settings.probing.fresh_for_s) and passes(state, settings.health)
    )


def judge(snapshot: Snapshot, *, isolated: str | None) -> Mapping[str, Mapping[str, RegionHealth]]:
    """Service to region to verdict, with the evidence in one line.

    `isolated`: why our own vantage point casts no vote, if it does not.
    """
    others = opinions_by_region(snapshot)
    return {
        service_name: {
            region_name: _judge_region(
                snapshot,
                service_name,
                region_name,
                region,
                isolated,
                others.get((service_name, region_name), {}),
            )
            for region_name, region in service.regions.items()
        }
        for service_name, service in snapshot.settings.services.items()
    }


def _judge_region(
    snapshot: Snapshot,
    service: str,
    region_name: str,
    region: Region,
    isolated: str | None,
    known: Known,
) -> RegionHealth:
    verdicts: list[Verdict] = []
    reasons: list[str] = []
    suspect_since: list[float] = []
    agreeing = level = 0
    for name, endpoint in region.endpoints.items():
        if not endpoint.required:
            continue
        target = EndpointId(service, region_name, name)
        states = _opinions(snapshot, target, isolated=isolated is not None)
        ballots = [_vote(snapshot, target, state) for state in states.values()]
        verdict = _majority(ballots, snapshot.settings)
        verdicts.append(verdict)
        reasons.append(f"{name}: {_reason(verdict, ballots, states, snapshot, isolated)}")
        agreeing = max(agreeing, sum(s.verdict is Verdict.DOWN for s in states.values()))
        suspect_since += [
            s.first_failure_at for s in states.values() if s.first_failure_at is not None
        ]
        steps, evidence = _degradation(snapshot, (service, region_name), states.values())
        if steps > level:
            level = steps
            reasons[-1] += evidence
    verdict = _worst(verdicts)
    why = "; ".join(r for v, r in zip(verdicts, reasons, strict=True) if v is verdict)
    since = min(suspect_since, default=None)
    others = second_opinions(known, snapshot.now, since)
    why += remarks(verdict, others)
    return RegionHealth(verdict, why, since, agreeing, level, usable(level), others)


def _degradation(
    snapshot: Snapshot, region: tuple[str, str], states: Collection[HealthState]
) -> tuple[int, str]:
    """How far one endpoint degrades its region, and the evidence."""
    limits, was = snapshot.settings.health.gray, snapshot.memory.degraded.get(region, 0)
    level = degradation(states, snapshot.settings.vantage.quorum, was, limits)
    worst = max(states, key=lambda state: state.bad_ratio, default=None)
    return level, f"; {describe(worst, limits)}" if worst is not None else ""


def _opinions(
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


def _vote(snapshot: Snapshot, target: EndpointId, state: HealthState) -> Verdict:
    """A down vote waits until the witnesses have answered after the first failure."""
    if state.verdict is Verdict.DOWN and not _witnessed(snapshot, target, state):
        return Verdict.UNKNOWN
    return state.verdict


def _witnessed(snapshot: Snapshot, target: EndpointId, state: HealthState) -> bool:
    """Whether everybody who could contradict was asked after the first failure.

    How they answered is for others to judge: the canaries (or without any the other targets) for
    `isolation`, the other regions of the service for the panic rule, which must not see a failure
    of many regions one by one.
    """
    since = state.first_failure_at
    own = snapshot.health.get(snapshot.settings.vantage.name, {})
    if since is None:
        return True
    siblings = (
        other
        for endpoint, other in own.items()
        if endpoint.service == target.service and endpoint.region != target.region
    )
    if not all(_has_spoken(snapshot, sibling, since) for sibling in siblings):
        return False
    if snapshot.canaries:
        spoken = [_answered(canary, since) for canary in snapshot.canaries.values()]
    else:
        others = [state for endpoint, state in own.items() if endpoint != target]
        spoken = [_has_spoken(snapshot, other, since) for other in others]
    return 2 * sum(spoken) > len(spoken) or not spoken


def _has_spoken(snapshot: Snapshot, sibling: HealthState, since: float) -> bool:
    """Whether nothing new is to be expected: it answered, is suspect anyway, or cannot be asked."""
    fresh = is_fresh(sibling, snapshot.now, snapshot.settings.probing.fresh_for_s)
    return sibling.suspect or not fresh or _answered(sibling, since)


def _answered(state: HealthState, since: float) -> bool:
    return state.last_result_at is not None and state.last_result_at >= since


def _majority(ballots: Sequence[Verdict], settings: Settings) -> Verdict:
    for verdict in (Verdict.DOWN, Verdict.UP):
        if sum(ballot is verdict for ballot in ballots) >= settings.vantage.quorum:
            return verdict
    return Verdict.UNKNOWN


def _worst(verdicts: Iterable[Verdict]) -> Verdict:
    """A region is down when one required endpoint is, up only when all are."""
    seen = set(verdicts)
    for verdict in (Verdict.DOWN, Verdict.UNKNOWN):
        if verdict in seen:
            return verdict
    return Verdict.UP


def _reason(
    verdict: Verdict,
    ballots: Sequence[Verdict],
    states: Mapping[str, HealthState],
    snapshot: Snapshot,
    isolated: str | None,
) -> str:
    points = len(snapshot.settings.vantage.all)
    if verdict is Verdict.UNKNOWN:
        return _why_unknown(ballots, states, snapshot, isolated)
    agreeing = [state for state in states.values() if state.verdict is verdict]
    share = f"{len(agreeing)} of {points} vantage point{'s' if points > 1 else ''}"
    if verdict is Verdict.UP:
        slowest = max(state.latency_s for state in agreeing)
        return f"answers in {slowest * 1000:.0f} ms ({share})"
    worst = max(agreeing, key=lambda state: state.failures)
    took = (worst.since - worst.first_failure_at) if worst.first_failure_at is not None else 0.0
    return (
        f"{snapshot.settings.health.down_after} probes failed within {took:.1f} s, "
        f"last: {worst.last_failure} ({share})"
    )


def _why_unknown(
    ballots: Sequence[Verdict],
    states: Mapping[str, HealthState],
    snapshot: Snapshot,
    isolated: str | None,
) -> str:
    if not states:
        return isolated or f"no fresh result in {snapshot.settings.probing.fresh_for_s:g} s"
    points = len(snapshot.settings.vantage.all)
    counts = {v: sum(s.verdict is v for s in states.values()) for v in (Verdict.UP, Verdict.DOWN)}
    seen = f"{counts[Verdict.UP]} up and {counts[Verdict.DOWN]} down of {points}"
    if ballots.count(Verdict.DOWN) < counts[Verdict.DOWN]:
        witnesses = "canaries and the other regions" if snapshot.canaries else "other targets"
        return f"{seen}, waiting for the {witnesses}"
    if points == 1:
        return "too few results for a verdict yet"
    return f"{seen}, no majority yet"
