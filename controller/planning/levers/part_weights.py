"""Weights of the parts of one position: the ratio that a drain must not lose.

Twin records: the greater one has the position's weight, the other one its part of it. Endpoints of
a group: `endpoint_weights`.

Worked example: A and AAAA records were found with 200 and 50. At position weight 100 they get 100
and 25, and a reading of 100 and 25 means position weight 100 for both.

>>> twins = {"A": 200, "AAAA": 50}
>>> part_weight(100, twins, "A"), part_weight(100, twins, "AAAA")
(100, 25)
>>> position_weights({"A": 100, "AAAA": 25}, twins)
{'A': 100, 'AAAA': 100}
>>> position_weights({"A": 100, "AAAA": 0}, twins)
{'A': 100, 'AAAA': 0}
"""

from __future__ import annotations

from collections.abc import Mapping

from controller.model.levers import PartWeights

_FULL_WEIGHT = 255


def part_weight(weight: int, ratio: PartWeights, part: str) -> int:
    """The part's weight when the position's is `weight`; at least 1 where that is positive."""
    most = max(ratio.values(), default=0)
    own = ratio.get(part, most)
    if own == most:
        return weight
    return max(1, round(weight * own / most)) if weight else 0


def position_weights(standing: Mapping[str, int], ratio: PartWeights) -> dict[str, int]:
    """Part to the position weight that it shows; equal where the parts have their ratio."""
    if not ratio or not standing:
        return dict(standing)
    most = max(ratio.values())
    lead = max(standing, key=lambda part: ratio.get(part, most))
    return {
        part: standing[lead]
        if weight == part_weight(standing[lead], ratio, part)
        else min(_FULL_WEIGHT, round(weight * most / ratio.get(part, most)))
        for part, weight in standing.items()
    }


def is_even(ratio: PartWeights) -> bool:
    """Whether all parts have the same weight."""
    return len(set(ratio.values())) <= 1


def as_fractions(ratio: PartWeights) -> tuple[tuple[str, float], ...]:
    """A ratio in comparable form, independent of its scale."""
    most = max(ratio.values(), default=0) or 1
    return tuple(sorted((part, round(weight / most, 3)) for part, weight in ratio.items()))
