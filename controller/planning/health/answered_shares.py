"""From single answers of the name servers to the split that users are given.

Follows the Route 53 Developer Guide. *Weighted routing*: a record is answered with the probability
of its weight among all. *How Amazon Route 53 chooses records when health checking is configured*:
unhealthy records are left out, those of weight 0 are answered only when all others are unhealthy,
and when none is healthy all are taken for healthy. So the answers show Route 53's own view of
health, except that a pool of which every record is answered may be wholly well or wholly unwell.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, log, log1p, sqrt

from controller.model.decision import PoolName, Snapshot
from controller.model.health import Verdict
from controller.model.levers import Position
from controller.model.second_opinions import AnsweredCounts, Opinion
from controller.planning.shares import percent

NO_ADDRESS = "no address"
"""What stands among the answers that lead nowhere for one without any address."""
_MAX_SAMPLES = 300
"""Answers that are counted at most: enough to tell that a record of a fourteenth is withheld."""
_FALSE_POSITIVE_RATE = 1e-9
"""The chance that we take for certain: what is less probable is not a matter of luck."""
_MAX_DEVIATIONS = 4.5
"""Standard deviations beyond which a share is no longer explained by the number of answers."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One answer, mapped."""

    at: float
    region: str | None
    """None when it belongs to no weighted record of the pool."""
    said: str = ""
    """What was answered, when it belongs to none."""


def with_sample(
    samples: Sequence[Sample], sample: Sample, weights: Mapping[str, int]
) -> tuple[Sample, ...]:
    """The answers that tell of the present, oldest first, with one more.

    Once a record turns out to be withheld, those before it was are of the past; once it is answered
    again, all others are.
    """
    if sample.region in _withheld(_without(samples, weights), weights):
        return (sample,)
    now = (*samples, sample)[-_MAX_SAMPLES:]
    without = _without(now, weights)
    gone = [without[region] for region in _withheld(without, weights)]
    return now[-min(gone, default=len(now)) :]


def answered_counts(samples: Sequence[Sample], regions: Iterable[str]) -> AnsweredCounts | None:
    """These answers, oldest first, counted; None without any."""
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
            elsewhere[sample.said] = elsewhere.get(sample.said, 0) + 1
    return AnsweredCounts(samples[-1].at, counts, _without(samples, counts), last_seen, elsewhere)


def answered_share(answered: AnsweredCounts | None, region: str) -> float | None:
    """The share of the answers that led to a region; None while there is none."""
    if answered is None or not answered.total:
        return None
    return answered.counts.get(region, 0) / answered.total


def answer_opinions(snapshot: Snapshot, service: str) -> Iterator[tuple[Position, Opinion]]:
    """What the answers say of the health of a service's records; none where nothing follows.

    Down: it has weight, and answers have gone elsewhere for longer than chance explains. Up: it is
    answered although another record is withheld, so that Route 53 is not answering for want of any
    healthy one. While some answers lead to no weighted record, nothing is known of any.
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
    """The regions that have weight and are not answered: Route 53's checks hold them back."""
    return _withheld(answered.without, weights)


def answer_notices(snapshot: Snapshot, service: str) -> Iterator[str]:
    """Where what is answered is not what is observed, beyond what chance explains."""
    for (name, pool), answered in snapshot.answered.items():
        if name == service:
            weights = _weights(snapshot, (name, pool), answered)
            yield from (f"pool {pool}: {text}" for text in _mismatches(answered, weights))


def _mismatches(answered: AnsweredCounts, weights: Mapping[str, int]) -> Iterator[str]:
    if answered.elsewhere:
        said = ", ".join(sorted(answered.elsewhere))
        times = sum(answered.elsewhere.values())
        yield f"{times} of {answered.total} answers lead to none of its weighted records: {said}"
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
    """Region to how many of the last answers did not lead there; all, if none of them did."""
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
    """Weights of the records that there are; what was answered was counted for each of them."""
    observed = snapshot.observed.get(pool[0])
    if observed is None:
        return {}
    found = {region: observed.settings.get(Position(*pool, region)) for region in answered.counts}
    return {region: setting.weight for region, setting in found.items() if setting is not None}


def _misses_to_be_certain(share: float) -> int:
    """After how many answers in a row without it a record of this share is certainly withheld.

    While others are withheld, too, its share is larger still: the count errs on the safe side.
    """
    return ceil(log(_FALSE_POSITIVE_RATE) / log1p(-share))


def _is_chance(count: int, total: int, share: float) -> bool:
    """Whether chance explains this count: the score test, with a continuity correction."""
    spread = sqrt(total * share * (1 - share))
    return abs(count - total * share) <= _MAX_DEVIATIONS * spread + 0.5
