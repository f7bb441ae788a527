"""Dials behind an accelerator: a model of the flow that they cause, and dials that respect limits.

Global Accelerator sends users to the nearest endpoint group; a dial below 100 passes the rest of
*that* traffic on to other groups (developer guide, "Adjusting traffic flow with traffic dials") and
does not limit what arrives from elsewhere. So a region's part of the flow depends on all dials:
with two groups, `flow(A) = p a + (1 - p)(1 - b)`, where p is the fraction of users nearest to A and
a, b are the dials. In which order more than two groups take what others pass on is not documented;
this model divides it in proportion to what the open groups carry by themselves. Measured flow
corrects the model (`learned_nearest`).

Worked example: 70 % of users are nearest to A, which may carry 35 % of the flow; B may carry 90 %.
A's dial goes to 50 %: 0.7 x 0.5 = 35 %. The rest of its users go to B: 30 + 35 = 65 %.

>>> dials = fit_dials({"A": 0.7, "B": 0.3}, {"A": 0.35, "B": 0.9}, fixed={})
>>> {region: round(dial, 6) for region, dial in dials.items()}
{'A': 0.5, 'B': 1.0}
>>> {region: round(part, 6) for region, part in modelled_flow({"A": 0.7, "B": 0.3}, dials).items()}
{'A': 0.35, 'B': 0.65}
"""

from __future__ import annotations

from collections.abc import Mapping

from controller.planning.shares import normalised

_ITERATIONS = 30
"""Of the fixed-point iteration: enough for a tenth of a point, less than the model's own error."""
_ZERO_FLOW = 1e-9
"""A smaller part of the flow than this teaches nothing."""
_LEARNING_RATE = 0.2
"""How far one measurement corrects the model: noise averages out, a shift takes minutes."""


def modelled_flow(nearest: Mapping[str, float], dials: Mapping[str, float]) -> dict[str, float]:
    """Region to its part of the flow under these dials (0 to 1); `sum == 1`.

    `nearest`: region to the fraction of users who are nearest to it, `sum(nearest) == 1`.
    """
    own = {region: part * dials.get(region, 0.0) for region, part in nearest.items()}
    flow = dict(own)
    for region, part in nearest.items():
        passed_on = part - own[region]
        takers = normalised({r: carried for r, carried in own.items() if r != region})
        for taker, fraction in takers.items():
            flow[taker] += passed_on * fraction
        if not takers:
            # No other group is open: AWS ignores the dial.
            flow[region] += passed_on
    return flow


def fit_dials(
    nearest: Mapping[str, float], limits: Mapping[str, float], fixed: Mapping[str, float]
) -> dict[str, float]:
    """The most open dials (0 to 1) with which no region's modelled flow exceeds its limit.

    `limits`: free region to the part of the flow that it may carry, `sum(limits) >= 1`. `fixed`:
    dials that may not change. The free region with the most spare capacity always has dial 1, so
    that users are not sent far away only because all dials are low. It takes what the others
    cannot, beyond its own limit where few users are near to the others.
    """
    dials = {region: fixed.get(region, 1.0) for region in nearest}
    free = [region for region in nearest if region not in fixed]
    if not free:
        return dials
    fully_open = max(free, key=lambda region: (limits[region] - nearest[region], region))
    for _ in range(_ITERATIONS):
        flow = modelled_flow(nearest, dials)
        for region in free:
            if region != fully_open and flow[region] > 0:
                dials[region] = min(1.0, dials[region] * limits[region] / flow[region])
    return dials


def learned_nearest(
    nearest: Mapping[str, float], dials: Mapping[str, float], measured: Mapping[str, float]
) -> dict[str, float]:
    """`nearest` corrected by where users went under these dials; `sum == 1`.

    `measured`: region to its part of the measured flow. Closed regions keep their fraction.
    """
    flow = modelled_flow(nearest, dials)
    corrected = {
        region: part * (1 + _LEARNING_RATE * (measured.get(region, 0.0) / flow[region] - 1))
        if flow[region] > _ZERO_FLOW and dials.get(region, 0.0) > 0
        else part
        for region, part in nearest.items()
    }
    return normalised(corrected)
