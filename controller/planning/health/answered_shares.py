"""From single answers of the name servers to the split that users get.

Follows the Route 53 Developer Guide. *Weighted routing*: a record is answered with the probability
of its weight among all. *How Amazon Route 53 chooses records when health checking is configured*:
unhealthy records are left out, those of weight 0 are answered only when all others are unhealthy,
and when none is healthy all are taken for healthy. So the answers show Route 53's own view of
health; only a pool of which every record is answered may be all healthy or all unhealthy.

Worked example: of 4 records with equal weights, one is not answered. By chance that happens n times
in a row with a probability of 0.75^n, which is below 1e-9 from n = 73: then the record is withheld.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, log, log1p, sqrt

from controller.model.decision import PoolName, Snapshot
from controller.model.health import Verdict
from controller.model.levers import Observed, Position
from controller.model.second_opinions import AnsweredCounts, Opinion
from controller.planning.levers.part_weights import part_weight
from controller.planning.residency.destinations import QUERY_TYPE
from controller.planning.shares import percent

NO_ADDRESS = "no address"
"""Label for a DNS answer without an address."""
_MAX_SAMPLES = 300
"""Answers counted at most: enough to detect that a record with a share of 1/14 is withheld."""
_FALSE_POSITIVE_RATE = 1e-9
"""Probability below which a row of answers is not explained by chance."""
_MAX_DEVIATIONS = 4.5
"""Standard deviations beyond which a share of the answers is not explained by chance."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One answer of a name server, and the region that it leads to."""

    at: float
    region: str | None
    """None when it belongs to no weighted record of the pool."""
    address: str = ""
    """The answer itself, when it belongs to no weighted record of the pool."""


def with_sample(
    samples: Sequence[Sample], sample: Sample, weights: Mapping[str, int]
) -> tuple[Sample, ...]:
    """The answers with one more, oldest first, without those from before a change.

    When a record turns out to be withheld, the answers before its last one are dropped; when it is
    answered again, all answers before this one are.
    """
    if sample.region in _withheld(_without(samples, weights), weights):
        return (sample,)
    recent = (*samples, sample)[-_MAX_SAMPLES:]
    without = _without(recent, weights)
    misses = [without[region] for region in _withheld(without, weights)]
    return recent[-min(misses, default=len(recent)) :]


def answered_counts(samples: Sequence[Sample], regions: Iterable[str]) -> AnsweredCounts | None:
    """The counts of these answers, oldest first; None without any."""
    if not samples:
        return None
    counts = dict.fromkeys(regions, 0)
    last_seen: dict[str, float] = {}
    elsewhere: dict[str, int] = {}
    for sample in samples:
        if sample.region in counts:
            counts[sample.region] += 1
            last_seen[sample.region] = sample.at
        else:
            elsewhere[sample.address] = elsewhere.get(sample.address, 0) + 1
    return AnsweredCounts(samples[-1].at, counts, _without(samples, counts), last_seen, elsewhere)


def answered_share(answered: AnsweredCounts | None, region: str) -> float | None:
    """The share of the answers that lead to a region, 0 to 1; None without answers."""
    if answered is None or not answered.total:
        return None
    return answered.counts.get(region, 0) / answered.total


def answer_opinions(snapshot: Snapshot, service: str) -> Iterator[tuple[Position, Opinion]]:
    """What the answers show of the health of a service's records.

    Down: the record has weight, and more answers in a row lead elsewhere than chance explains. Up:
    it is answered while another record is withheld; then Route 53 does not answer all records for
    lack of a healthy one. While some answers lead to no weighted record, there is no opinion.
    """
    for (name, pool), answered in snapshot.answered.items():
        if name != service:
            continue
        weights = _weights(snapshot, (service, pool), answered)
        out = () if answered.elsewhere else withheld_regions(answered, weights)
        for region in weights if out else ():
            if region in out:
                times = answered.without[region]
                detail = f"not answered {times} times in a row, with weight {weights[region]}"
                yield Position(service, pool, region), Opinion(Verdict.DOWN, answered.at, detail)
            elif answered.counts[region]:
                detail = f"answered, while {', '.join(out)} is not"
                at = answered.last_seen[region]
                yield Position(service, pool, region), Opinion(Verdict.UP, at, detail)


def withheld_regions(answered: AnsweredCounts, weights: Mapping[str, int]) -> tuple[str, ...]:
    """The regions that have weight and are not answered, because Route 53's checks fail."""
    return _withheld(answered.without, weights)


def answer_notices(snapshot: Snapshot, service: str) -> Iterator[str]:
    """Differences between answered and observed shares that chance does not explain."""
    for (name, pool), answered in snapshot.answered.items():
        if name == service:
            weights = _weights(snapshot, (name, pool), answered)
            yield from (f"pool {pool}: {text}" for text in _mismatches(answered, weights))


def _mismatches(answered: AnsweredCounts, weights: Mapping[str, int]) -> Iterator[str]:
    if answered.elsewhere:
        addresses = ", ".join(sorted(answered.elsewhere))
        times = sum(answered.elsewhere.values())
        misses = f"{times} of {answered.total} answers"
        yield f"{misses} lead to none of its weighted records: {addresses}"
        return
    out = withheld_regions(answered, weights)
    for region in out:
        yield (
            f"{region} has weight {weights[region]} and is not answered: "
            "Route 53's health check holds it back"
        )
    total = sum(weight for region, weight in weights.items() if region not in out)
    for region, weight in weights.items():
        count = answered.counts.get(region, 0)
        if weight == 0 and count:
            yield (
                f"{region} has weight 0 and is {count} of {answered.total} answers: "
                "every other weighted record is unhealthy to Route 53"
            )
        elif weight and region not in out and not _is_chance(count, answered.total, weight / total):
            yield (
                f"{region} is {percent(count / answered.total)} of {answered.total} answers, "
                f"its weight makes {percent(weight / total)}"
            )


def _without(samples: Sequence[Sample], regions: Collection[str]) -> dict[str, int]:
    """Region to the number of answers since the last one that leads there."""
    found: dict[str, int] = {}
    for back, sample in enumerate(reversed(samples)):
        region = sample.region
        if region is not None and region in regions and region not in found:
            found[region] = back
            if len(found) == len(regions):
                break
    return {region: found.get(region, len(samples)) for region in regions}


def _withheld(without: Mapping[str, int], weights: Mapping[str, int]) -> tuple[str, ...]:
    total = sum(weights.values())
    return tuple(
        region
        for region, weight in weights.items()
        if 0 < weight < total
        if without.get(region, 0) >= _misses_to_be_certain(weight / total)
    )


def _weights(snapshot: Snapshot, pool: PoolName, answered: AnsweredCounts) -> dict[str, int]:
    """Region to the observed weight of its A record, for the regions that `answered` counts."""
    observed = snapshot.observed.get(pool[0])
    if observed is None:
        return {}
    found = {
        region: sampled_weight(observed, Position(*pool, region)) for region in answered.counts
    }
    return {region: weight for region, weight in found.items() if weight is not None}


def sampled_weight(observed: Observed, position: Position) -> int | None:
    """The weight of a position's record of the type that is sampled; None where it is unknown."""
    state = observed.settings.get(position)
    if state is None:
        return None
    return part_weight(state.weight, observed.ratios.get(position, {}), QUERY_TYPE)


def _misses_to_be_certain(share: float) -> int:
    """The number of answers in a row without a record of this share that show it is withheld.

    While other records are withheld, its true share is larger, so this number is never too small.
    """
    return ceil(log(_FALSE_POSITIVE_RATE) / log1p(-share))


def _is_chance(count: int, total: int, share: float) -> bool:
    """Whether chance explains this count: a score test with continuity correction."""
    spread = sqrt(total * share * (1 - share))
    return abs(count - total * share) <= _MAX_DEVIATIONS * spread + 0.5
