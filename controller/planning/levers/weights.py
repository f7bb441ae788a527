"""Route 53 weights that express shares."""

from __future__ import annotations

from collections.abc import Mapping

from controller.model.levers import LeverState
from controller.planning.shares import is_same_split, normalised

FULL_WEIGHT = 255
"""Route 53's largest weight."""


def weights_for_shares(
    before: Mapping[str, LeverState], after: Mapping[str, float]
) -> dict[str, int]:
    """The weights of a pool's regions, changing as few records as possible.

    Each region that has a weight may be the one that keeps it while the others follow; of the
    scales that err by less than half a point in every share the one that changes the fewest records
    wins, the finer of two. If none is that good the largest share gets 255, which errs by less than
    n/255 for n regions. A positive share never becomes zero, because zero means another thing.
    """
    # What carries nothing weighs nothing on every scale.
    positive = {region: share for region, share in after.items() if share > 0}
    finest = FULL_WEIGHT / max(positive.values())
    scales = {before[r].weight / share for r, share in positive.items() if share * finest >= 1}
    usable = sorted((scale for scale in scales if 0 < scale <= finest), reverse=True)
    drafts = [
        d for scale in usable if is_same_split(normalised(d := _scaled(positive, scale)), positive)
    ]
    changed = [sum(draft[r] != before[r].weight for r in draft) for draft in drafts]
    best = drafts[changed.index(min(changed))] if drafts else _scaled(positive, finest)
    return {region: best.get(region, 0) for region in after}


def _scaled(positive: Mapping[str, float], scale: float) -> dict[str, int]:
    return {region: max(1, round(share * scale)) for region, share in positive.items()}
