"""What others than our probes say of a region, as one opinion for each source.

They corroborate or contradict the quorum's verdict, and never make one. Corroboration lifts the
panic hold: a region that is down for us and unhealthy to Route 53 has been left by its users
already, so a weight of 0 only makes lasting what Route 53 does anyway. Contradiction is shown.
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
"""Age at which another source's evidence says nothing any more. Half a minute is what Route 53's
fast checks need for a change of mind; as much again is for our asking in turns."""

OpinionsBySource = Mapping[OpinionSource, Sequence[Opinion]]
"""What is known of one region's weighted records."""


CheckReports = Sequence[tuple[Position, Opinion]]
"""What health checks say of some weighted records."""


def reports_by_service(snapshot: Snapshot) -> Mapping[str, CheckReports]:
    """Service to what health checks say of its weighted records."""
    found: defaultdict[str, list[tuple[Position, Opinion]]] = defaultdict(list)
    for position, opinion in snapshot.opinions.items():
        found[position.service].append((position, opinion))
    return found


def opinions_by_region(
    snapshot: Snapshot, service: str, reports: CheckReports
) -> Mapping[str, OpinionsBySource]:
    """A service's region to what each other source says of its records, old opinions included."""
    found: defaultdict[str, dict[OpinionSource, list[Opinion]]] = defaultdict(dict)
    for source, (position, opinion) in chain(
        ((OpinionSource.HEALTH_CHECKS, one) for one in reports),
        ((OpinionSource.ANSWERS, one) for one in answer_opinions(snapshot, service)),
    ):
        found[position.region].setdefault(source, []).append(opinion)
    return found


def second_opinions(
    known: OpinionsBySource, now: float, suspect_since: float | None
) -> tuple[SecondOpinion, ...]:
    """What each other source says of a region now; one that knows nothing is left out.

    `suspect_since`: when our probes began to fail. Who found the region well before that knew
    nothing of it yet, and is no contradiction.
    """
    found: list[SecondOpinion] = []
    for source, opinions in known.items():
        counting = [opinion for opinion in opinions if _counts(opinion, now, suspect_since)]
        if counting and len({o.verdict for o in counting}) == 1:
            found.append(SecondOpinion(source, counting[0].verdict, _details(counting)))
    return tuple(found)


def second_opinion_text(verdict: Verdict, sources: Sequence[SecondOpinion]) -> str:
    """What the other sources add to the evidence for a verdict; empty when they add nothing."""
    found = []
    for one in sources:
        if one.verdict is not verdict:
            but = "" if verdict is Verdict.UNKNOWN else "but "
            found.append(f"; {but}{one.source.words} say {one.verdict.value}: {one.detail}")
        elif verdict is Verdict.DOWN:
            found.append(f"; {one.source.words} agree: {one.detail}")
    return "".join(found)


def _counts(opinion: Opinion, now: float, suspect_since: float | None) -> bool:
    if opinion.verdict is Verdict.UNKNOWN or now - opinion.at > FRESH_FOR_S:
        return False
    return opinion.verdict is Verdict.DOWN or suspect_since is None or opinion.at >= suspect_since


def _details(opinions: Sequence[Opinion]) -> str:
    """Each evidence once: the records of a region mostly share a health check."""
    return "; ".join(dict.fromkeys(opinion.detail for opinion in opinions))
