"""Ratios of the A and AAAA record of each position of a hosted zone.

The record plan wants equal twins. Where they are unequal and both open when first seen, that is no
change by anybody: their ratio is kept. In a pool with such a position the ratios of all its regions
are kept, the equal ones too, so that each comes back as it was.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

from controller.model.levers import CarriedWeights, PartWeights, Position, RecordSet
from controller.planning.levers.part_weights import as_fractions, is_even, position_weights

Leaves = Mapping[Position, tuple[RecordSet, ...]]
StatedRatios = Mapping[str, Mapping[str, Mapping[Literal["A", "AAAA"], int]]]
"""Pool to region to record type to weight, from the settings."""


def standing_weights(twins: Iterable[RecordSet]) -> dict[str, int]:
    """Record type to weight."""
    return {twin.type: twin.weight or 0 for twin in twins}


def learned_ratios(
    leaves: Leaves,
    known: CarriedWeights,
    stated: StatedRatios,
    is_new: Callable[[Position], bool],
) -> dict[Position, PartWeights]:
    """What stands now, of positions whose ratio is not known or was given up.

    Twins that somebody made equal again are as the record plan wants them.
    """
    found: dict[Position, PartWeights] = {
        position: standing_weights(twins)
        for position, twins in leaves.items()
        if _are_uneven(twins) and position not in known and is_new(position)
    }
    pools = {position.pool for position in (*known, *found)} | stated.keys()
    if not pools:
        return found
    inferred = _InferredRatios(leaves, {**known, **found}, stated)
    for position, twins in leaves.items():
        if position.pool in pools and position not in found and _are_open(twins):
            weights = standing_weights(twins)
            learned = _learned(weights, known.get(position), inferred.of(position))
            if learned is not None:
                found[position] = learned
    return found


def ratios_when_open(
    leaves: Leaves, known: CarriedWeights, stated: StatedRatios
) -> dict[Position, PartWeights]:
    """Position to its ratio; missing where the twins are equal, as the record plan wants them.

    A closed position whose ratio is not known has the stated one, else that of the pool's others.
    """
    found = {position: ratio for position, ratio in known.items() if position in leaves}
    if not found and not stated:
        return {}
    inferred = _InferredRatios(leaves, known, stated)
    for position in _never_seen_open(leaves, known):
        ratio = inferred.of(position)
        if ratio is not None:
            found[position] = ratio
    return found


def unknown_ratios(leaves: Leaves, known: CarriedWeights, ratios: CarriedWeights) -> list[Position]:
    """Closed positions whose ratio is neither known nor stated, while the pool's others differ."""
    if not known:
        return []
    pools = {position.pool for position in known}
    return [
        position
        for position in _never_seen_open(leaves, known)
        if position.pool in pools and position not in ratios
    ]


class _InferredRatios:
    """Ratios of positions that were never seen open: stated, or that of all others of the pool."""

    def __init__(self, leaves: Leaves, known: CarriedWeights, stated: StatedRatios) -> None:
        self._stated = stated
        self._known: defaultdict[str, dict[tuple[tuple[str, float], ...], PartWeights]]
        self._known = defaultdict(dict)
        for position, ratio in known.items():
            if position in leaves:
                self._known[position.pool][as_fractions(ratio)] = ratio

    def of(self, position: Position) -> PartWeights | None:
        """The ratio; None where none is stated and the others differ, or none is known."""
        own = self._stated.get(position.pool, {}).get(position.region)
        if own:
            return {str(part): weight for part, weight in own.items()}
        others = list(self._known.get(position.pool, {}).values())
        return others[0] if len(others) == 1 else None


def _never_seen_open(leaves: Leaves, known: CarriedWeights) -> list[Position]:
    return [
        position
        for position, twins in leaves.items()
        if len(twins) > 1 and position not in known and not any(twin.weight for twin in twins)
    ]


def _are_open(twins: tuple[RecordSet, ...]) -> bool:
    """Whether there are both twins and both are open."""
    return len(twins) > 1 and all([twin.weight for twin in twins])


def _are_uneven(twins: tuple[RecordSet, ...]) -> bool:
    """Whether both twins are open, with other weights."""
    return twins[0].weight != twins[-1].weight and _are_open(twins) if twins else False


def _learned(
    weights: PartWeights, known: PartWeights | None, inferred: PartWeights | None
) -> PartWeights | None:
    """The ratio of open twins in the place of what is known; None: that stays.

    Twins that we opened in the inferred ratio have it. Small weights are equal in any ratio, so
    that equal ones show no ratio while they are what the known one makes.
    """
    ratio = known or inferred
    if ratio is not None and len(set(position_weights(weights, ratio).values())) == 1:
        return None if known else ratio
    return weights if is_even(weights) else None
