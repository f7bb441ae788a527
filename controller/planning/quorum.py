"""Many vantage points in, one verdict per region out.

A vantage point that must doubt itself casts no vote, and neither does one whose last result is too
old. What is left counts by majority of the *configured* points, so silence never decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from controller.model.configuration import EndpointId, Region, Settings
from controller.model.decision import Snapshot
from controller.model.health import HealthState, RegionHealth, Verdict
from controller.planning.hysteresis import is_fresh


def isolation(snapshot: Snapshot) -> str | None:
    """Why this vantage point's own path is the likelier culprit; None when it is not.

    Canaries are the best witness: when most of them fail, the prober is broken; while they answer,
    it is not, however many targets fail. Without canaries the majority of the targets turning
    suspect within the panic window counts as blindness.
    """
    settings = snapshot.settings
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


def judge(snapshot: Snapshot, *, isolated: bool) -> Mapping[str, Mapping[str, RegionHealth]]:
    """Service to region to verdict, with the evidence in one line."""
    return {
        service_name: {
            region_name: _judge_region(snapshot, service_name, region_name, region, isolated)
            for region_name, region in service.regions.items()
        }
        for service_name, service in snapshot.settings.services.items()
    }


def _judge_region(
    snapshot: Snapshot, service: str, region_name: str, region: Region, isolated: bool
) -> RegionHealth:
    verdicts: list[Verdict] = []
    reasons: list[str] = []
    suspect_since: list[float] = []
    agreeing = 0
    for name, endpoint in region.endpoints.items():
        if not endpoint.required:
            continue
        states = _opinions(snapshot, EndpointId(service, region_name, name), isolated)
        verdict = _majority((_vote(s, snapshot) for s in states.values()), snapshot.settings)
        verdicts.append(verdict)
        reasons.append(_reason(name, verdict, states, snapshot))
        agreeing = max(agreeing, sum(s.verdict is Verdict.DOWN for s in states.values()))
        suspect_since += [
            s.first_failure_at for s in states.values() if s.first_failure_at is not None
        ]
    verdict = _worst(verdicts)
    why = "; ".join(r for v, r in zip(verdicts, reasons, strict=True) if v is verdict)
    return RegionHealth(verdict, why, min(suspect_since, default=None), agreeing)


def _opinions(snapshot: Snapshot, endpoint: EndpointId, isolated: bool) -> dict[str, HealthState]:
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


def _vote(state: HealthState, snapshot: Snapshot) -> Verdict:
    """A down vote waits until the canaries have answered after the first failure."""
    if state.verdict is Verdict.DOWN and not _canaries_answered_since(
        snapshot, state.first_failure_at
    ):
        return Verdict.UNKNOWN
    return state.verdict


def _canaries_answered_since(snapshot: Snapshot, at: float | None) -> bool:
    if not snapshot.canaries or at is None:
        return True
    results = [state.last_result_at for state in snapshot.canaries.values()]
    answered = sum(result is not None and result >= at for result in results)
    return 2 * answered > len(results)


def _majority(votes: Iterable[Verdict], settings: Settings) -> Verdict:
    ballots = list(votes)
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
    endpoint: str, verdict: Verdict, states: Mapping[str, HealthState], snapshot: Snapshot
) -> str:
    points = len(snapshot.settings.vantage.all)
    if verdict is Verdict.UNKNOWN:
        return f"{endpoint}: {_why_unknown(states, points, snapshot)}"
    agreeing = [state for state in states.values() if state.verdict is verdict]
    share = f"{len(agreeing)} of {points} vantage point{'s' if points > 1 else ''}"
    if verdict is Verdict.UP:
        slowest = max(state.latency_s for state in agreeing)
        return f"{endpoint}: answers in {slowest * 1000:.0f} ms ({share})"
    worst = max(agreeing, key=lambda state: state.failures)
    took = (worst.since - worst.first_failure_at) if worst.first_failure_at is not None else 0.0
    return (
        f"{endpoint}: {snapshot.settings.health.down_after} probes failed within {took:.1f} s, "
        f"last: {worst.last_failure} ({share})"
    )


def _why_unknown(states: Mapping[str, HealthState], points: int, snapshot: Snapshot) -> str:
    if not states:
        return f"no fresh result in {snapshot.settings.probing.fresh_for_s:g} s"
    downs = sum(state.verdict is Verdict.DOWN for state in states.values())
    ups = sum(state.verdict is Verdict.UP for state in states.values())
    return f"{ups} up and {downs} down of {points}, no majority yet"
