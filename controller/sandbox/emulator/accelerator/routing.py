"""The endpoint to which an accelerator sends a new connection: a pure choice by probabilities.

Follows Global Accelerator's developer guide: *Use traffic dials to adjust traffic flow to Regions*
(a dial passes its percentage of the traffic directed to the group, the rest goes to the next),
*How endpoint weights work*, *How failover works for unhealthy endpoints* (failover ignores dials,
tries the three nearest groups, else takes a random endpoint of the nearest). Undocumented and
chosen here: what no dial accepts goes to the farthest group whose dial is not zero, which
reproduces the guide's example of two groups at 50 %; with every dial at zero, to the nearest. Not
emulated: client affinity, load balancing inside an edge location.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from controller.sandbox.emulator.accelerator.resources import Endpoint, EndpointGroup

FAILOVER_GROUPS = 3

IsHealthy = Callable[[EndpointGroup, Endpoint], bool]
Chance = tuple[EndpointGroup, Fraction]


@dataclass(frozen=True, slots=True)
class Route:
    """An endpoint that a new connection may reach, with its probability: `0 < probability <= 1`."""

    region: str
    endpoint: Endpoint
    probability: Fraction


def routes(nearest_first: Sequence[EndpointGroup], is_healthy: IsHealthy) -> list[Route]:
    """The endpoints that a client's new connection may reach: `sum(probability) == 1`.

    `nearest_first`: groups ordered by distance from the client. Empty if there is no endpoint.
    """
    last_resort = next((group for group in nearest_first if group.endpoints), None)
    if last_resort is None:
        return []
    found: list[Route] = []
    for group, share in _dialled(nearest_first):
        serving = _serving(group, nearest_first, is_healthy)
        if serving is None:
            found += _evenly(last_resort, share)
        else:
            found += _by_weight(serving, share, is_healthy)
    return _merged(found)


def _dialled(groups: Sequence[EndpointGroup]) -> Iterator[Chance]:
    """Each group's part of the traffic by its dial, from the nearest group to the farthest.

    Example: dials 50 and 50 yield 1/2 and 1/2; the last open group gets all that remains.
    """
    remaining = Fraction(1)
    open_groups = [group for group in groups if group.dial > 0] or list(groups[:1])
    for group in open_groups[:-1]:
        accepted = remaining * Fraction(str(group.dial)) / 100
        remaining -= accepted
        yield group, accepted
    for group in open_groups[-1:]:
        yield group, remaining


def _serving(
    group: EndpointGroup, groups: Sequence[EndpointGroup], is_healthy: IsHealthy
) -> EndpointGroup | None:
    """The group if it has an eligible endpoint, else the nearest of three that has, else None."""
    tried = [group, *groups[:FAILOVER_GROUPS]]
    return next((each for each in tried if _eligible(each, is_healthy)), None)


def _eligible(group: EndpointGroup, is_healthy: IsHealthy) -> list[Endpoint]:
    return [e for e in group.endpoints if e.weight > 0 and is_healthy(group, e)]


def _by_weight(group: EndpointGroup, share: Fraction, is_healthy: IsHealthy) -> list[Route]:
    eligible = _eligible(group, is_healthy)
    total = sum(endpoint.weight for endpoint in eligible)
    return [Route(group.region, e, share * Fraction(e.weight, total)) for e in eligible]


def _evenly(group: EndpointGroup, share: Fraction) -> list[Route]:
    return [Route(group.region, e, share / len(group.endpoints)) for e in group.endpoints]


def _merged(found: Sequence[Route]) -> list[Route]:
    totals: dict[tuple[str, Endpoint], Fraction] = {}
    for route in found:
        key = (route.region, route.endpoint)
        totals[key] = totals.get(key, Fraction(0)) + route.probability
    return [Route(region, endpoint, total) for (region, endpoint), total in totals.items() if total]
