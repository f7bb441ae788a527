"""Route 53 weights (0 to 255) that express shares.

Worked example: weights 100 and 100, wanted 40 % and 60 %. With the first weight kept the scale is
100 / 0.4 = 250 and the second becomes 150; one record changes. With the second kept the scale is
167, and one record changes as well; the finer scale wins.

>>> weights_for_shares({"a": LeverState(100), "b": LeverState(100)}, {"a": 0.4, "b": 0.6})
{'a': 100, 'b': 150}
"""

from __future__ import annotations

from collections.abc import Mapping

from controller.model.levers import LeverState
from controller.planning.shares import is_same_split, normalised

FULL_WEIGHT = 255
"""Route 53's largest weight."""


def weights_for_shares(
    before: Mapping[str, LeverState], after: Mapping[str, float]
) -> dict[str, int]:
    """Region to weight, changing as few records as possible.

    Candidate scales (weight per share) are those that keep some region's weight. Of the scales with
    an error below half a point in every share the one that changes the fewest records wins; of
    equals the finer. If there is none, the largest share gets 255, whose error is below n/255 for n
    regions. A positive share never gets weight 0, because 0 means standby.
    """
    # Regions with share 0 have weight 0 on every scale.
    positive = {region: share for region, share in after.items() if share > 0}
    finest = FULL_WEIGHT / max(positive.values())
    scales = {before[r].weight / share for r, share in positive.items() if share * finest >= 1}
    usable = sorted((scale for scale in scales if 0 < scale <= finest), reverse=True)
    candidates = [
        weights
        for scale in usable
        if is_same_split(normalised(weights := _scaled(positive, scale)), positive)
    ]
    changed = [sum(weights[r] != before[r].weight for r in weights) for weights in candidates]
    best = candidates[changed.index(min(changed))] if candidates else _scaled(positive, finest)
    return {region: best.get(region, 0) for region in after}


def _scaled(positive: Mapping[str, float], scale: float) -> dict[str, int]:
    return {region: max(1, round(share * scale)) for region, share in positive.items()}
