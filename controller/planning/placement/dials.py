"""Dials behind an accelerator: what they do to the flow, and which ones keep all within their room.

Global Accelerator sends users to the nearest endpoint group; a dial below 100 passes the rest of
*that* traffic on to other groups (developer guide, "Adjusting traffic flow with traffic dials") and
does not limit what arrives from elsewhere. So a region's part of the flow depends on all dials:
with two groups, share(A) = p a + (1 - p)(1 - b) where p are the users nearest to A. In which order
more than two groups take what others pass on is not documented; here it is shared in proportion to
what the open groups carry by themselves. The model is corrected by measured flow
(`learned_nearest`).
"""

from __future__ import annotations

from collections.abc import Mapping

from controller.planning.shares import normalised

_ROUNDS = 30
"""The fixed point is reached to a tenth of a point by then, less than the model is off."""
_SAME = 1e-9
_LESSON = 0.2
"""How far one look at measured flow corrects the model: noise fades, a shift takes minutes."""


def modelled_flow(nearest: Mapping[str, float], dials: Mapping[str, float]) -> dict[str, float]:
    """Region to its part of the flow, under these dials (0 to 1).

    `nearest`: region to the part of the users who are nearest to it; adds up to 1.
    """
    own = {region: part * dials.get(region, 0.0) for region, part in nearest.items()}
    flow = dict(own)
    for region, part in nearest.items():
        passed_on = part - own[region]
        takers = normalised({r: carried for r, carried in own.items() if r != region})
        for taker, fraction in takers.items():
            flow[taker] += passed_on * fraction
        if not takers:
            # Nobody else is open: the dial is ignored.
            flow[region] += passed_on
    return flow


def fit_dials(
    nearest: Mapping[str, float], room: Mapping[str, float], fixed: Mapping[str, float]
) -> dict[str, float]:
    """The most open dials by which no region's modelled part exceeds its room.

    `room`: region to the part of the flow it may carry, adding up to 1 at least over the regions
    that are free. `fixed`: dials that are given. Of the free regions the one with most room to
    spare always stays at 1, so that nobody is sent the long way only because all dials are low; it
    takes what the others cannot, beyond its room where few users are near to the others with room.
    """
    dials = {region: fixed.get(region, 1.0) for region in nearest}
    free = [region for region in nearest if region not in fixed]
    if not free:
        return dials
    open_ = max(free, key=lambda region: (room[region] - nearest[region], region))
    for _ in range(_ROUNDS):
        flow = modelled_flow(nearest, dials)
        for region in free:
            if region != open_ and flow[region] > 0:
                dials[region] = min(1.0, dials[region] * room[region] / flow[region])
    return dials


def learned_nearest(
    nearest: Mapping[str, float], dials: Mapping[str, float], measured: Mapping[str, float]
) -> dict[str, float]:
    """Who is nearest to whom, corrected by where users went under these dials."""
    flow = modelled_flow(nearest, dials)
    corrected = {
        region: part * (1 + _LESSON * (measured.get(region, 0.0) / flow[region] - 1))
        if flow[region] > _SAME and dials.get(region, 0.0) > 0
        else part
        for region, part in nearest.items()
    }
    return normalised(corrected)
