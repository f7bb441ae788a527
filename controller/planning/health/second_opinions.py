"""Second opinions of a region: one for each source other than our probes.

They corroborate or contradict the quorum's verdict, and never make one. Corroboration ends the
panic hold: users have already left a region that is down for us and unhealthy to Route 53, so a
weight of 0 only makes permanent what Route 53 does anyway. Contradiction is shown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import chain

from controller.model.decision import Snapshot
from controller.model.health import OpinionSource, SecondOpinion, Verdict
from controller.model.levers import Position
from controller.model.second_opinions import Opinion
from controller.planning.health.answered_shares import answer_opinions

FRESH_FOR_S = 60.0
"""Age up to which an opinion counts. Route 53's fast checks need half a minute for another status;
the rest is the time between two of our requests for it."""

OpinionsBySource = Mapping[OpinionSource, Sequence[Opinion]]
"""Source to its opinions of one region's weighted records."""

CheckReports = Sequence[tuple[Position, Opinion]]
"""Weighted records, each with the opinion of its health check."""


def reports_by_service(snapshot: Snapshot) -> Mapping[str, CheckReports]:
    """Service to the reports of its records' health checks."""
    found: defaultdict[str, list[tuple[Position, Opinion]]] = defaultdict(list)
    for position, opinion in snapshot.opinions.items():
        found[position.service].append((position, opinion))
    return found


def opinions_by_region(
    snapshot: Snapshot, service: str, reports: CheckReports
) -> Mapping[str, OpinionsBySource]:
    """A service's region to the opinions of its records by source, old opinions included."""
    found: defaultdict[str, dict[OpinionSource, list[Opinion]]] = defaultdict(dict)
    for source, (position, opinion) in chain(
        ((OpinionSource.HEALTH_CHECKS, report) for report in reports),
        ((OpinionSource.ANSWERS, report) for report in answer_opinions(snapshot, service)),
    ):
        found[position.region].setdefault(source, []).append(opinion)
    return found


def second_opinions(
    by_source: OpinionsBySource, now: float, suspect_since: float | None
) -> tuple[SecondOpinion, ...]:
    """The opinion of each other source of a region now; sources without one are left out.

    `suspect_since`: when our probes began to fail, monotonic seconds. An older opinion that the
    region is up is no contradiction.
    """
    found: list[SecondOpinion] = []
    for source, opinions in by_source.items():
        counting = [opinion for opinion in opinions if _counts(opinion, now, suspect_since)]
        if counting and len({o.verdict for o in counting}) == 1:
            found.append(SecondOpinion(source, counting[0].verdict, _details(counting)))
    return tuple(found)


def second_opinion_text(verdict: Verdict, sources: Sequence[SecondOpinion]) -> str:
    """What the other sources add to a verdict's evidence; empty where they add nothing."""
    found = []
    for opinion in sources:
        if opinion.verdict is not verdict:
            but = "" if verdict is Verdict.UNKNOWN else "but "
            found.append(
                f"; {but}{opinion.source.label} say {opinion.verdict.value}: {opinion.detail}"
            )
        elif verdict is Verdict.DOWN:
            found.append(f"; {opinion.source.label} agree: {opinion.detail}")
    return "".join(found)


def _counts(opinion: Opinion, now: float, suspect_since: float | None) -> bool:
    if opinion.verdict is Verdict.UNKNOWN or now - opinion.at > FRESH_FOR_S:
        return False
    return opinion.verdict is Verdict.DOWN or suspect_since is None or opinion.at >= suspect_since


def _details(opinions: Sequence[Opinion]) -> str:
    """Each detail once: most records of a region share a health check."""
    return "; ".join(dict.fromkeys(opinion.detail for opinion in opinions))
