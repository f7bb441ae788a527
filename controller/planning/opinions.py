"""What others than our probes say of a region, as one opinion for each source.

They corroborate or contradict the quorum's verdict, and never make one. Corroboration lifts the
panic hold: a region that is down for us and unhealthy to Route 53 has been left by its users
already, so a weight of 0 only makes lasting what Route 53 does anyway. Contradiction is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from controller.model.decision import Snapshot
from controller.model.health import SecondOpinion, Source, Verdict
from controller.model.levers import Position
from controller.model.opinions import Opinion
from controller.planning.answered import leaf_opinion

FRESH_FOR_S = 60.0
"""Age at which another source's evidence says nothing any more. Half a minute is what Route 53's
fast checks need for a change of mind; as much again is for our asking in turns."""


def second_opinions(
    snapshot: Snapshot, service: str, region: str, suspect_since: float | None
) -> tuple[SecondOpinion, ...]:
    """What each other source says of a region now; one that knows nothing is left out.

    `suspect_since`: when our probes began to fail. Who found the region well before that knew
    nothing of it yet, and is no contradiction.
    """
    positions = [
        Position(service, name, region)
        for name, pool in snapshot.settings.services[service].pools.items()
        if region in pool.regions
    ]
    answers = {p: o for p in positions if (o := leaf_opinion(snapshot, p)) is not None}
    found: list[SecondOpinion] = []
    sources: Mapping[Source, Mapping[Position, Opinion]]
    sources = {Source.HEALTH_CHECKS: snapshot.opinions, Source.ANSWERS: answers}
    for source, opinions in sources.items():
        counting = [
            opinions[p]
            for p in positions
            if p in opinions and _counts(opinions[p], snapshot.now, suspect_since)
        ]
        if counting and len({o.verdict for o in counting}) == 1:
            found.append(SecondOpinion(source, counting[0].verdict, _details(counting)))
    return tuple(found)


def remarks(verdict: Verdict, sources: Sequence[SecondOpinion]) -> str:
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
    """Each evidence once: the leaves of a region mostly share a health check."""
    return "; ".join(dict.fromkeys(opinion.detail for opinion in opinions))
