"""The routing of new connections by an accelerator: exact probabilities, case by case."""

from fractions import Fraction

import pytest

from controller.sandbox.emulator.accelerator.resources import Endpoint, EndpointGroup
from controller.sandbox.emulator.accelerator.routing import routes

HALF, QUARTER = Fraction(1, 2), Fraction(1, 4)
WEIGHTS = dict[str, list[int]]


def group(name: str, dial: float = 100.0, *weights: int) -> EndpointGroup:
    """A group with endpoints named after it; one of weight 128 by default."""
    endpoints = tuple(Endpoint(f"{name}{n}", w) for n, w in enumerate(weights or (128,)))
    return EndpointGroup(name, name, 9000, dial, endpoints=endpoints)


def chances(groups: list[EndpointGroup], *down: str) -> dict[str, Fraction]:
    """Probability by endpoint, for a client whose nearest group comes first."""
    found = routes(groups, lambda _, endpoint: endpoint.id not in down)
    return {route.endpoint.id: route.probability for route in found}


def test_with_every_dial_at_100_the_nearest_group_serves() -> None:
    """Developer guide: traffic goes to the closest healthy group."""
    assert chances([group("a"), group("b")]) == {"a0": 1}


def test_two_groups_at_50_percent_give_25_local_and_25_crossed() -> None:
    """The guide's example: of 50 requests from each coast 25 stay and 25 cross."""
    east, west = group("e", 50.0), group("w", 50.0)
    assert chances([east, west]) == {"e0": HALF, "w0": HALF}
    assert chances([west, east]) == {"e0": HALF, "w0": HALF}


@pytest.mark.parametrize(
    ("dials", "expected"),
    [
        ((25.0, 100.0, 100.0), {"a0": QUARTER, "b0": 3 * QUARTER}),
        ((50.0, 50.0, 100.0), {"a0": HALF, "b0": QUARTER, "c0": QUARTER}),
        ((0.0, 100.0, 100.0), {"b0": 1}),
        ((0.0, 0.0, 100.0), {"c0": 1}),
        ((50.0, 0.0, 0.0), {"a0": 1}),
        ((0.0, 0.0, 0.0), {"a0": 1}),
        ((12.5, 100.0, 100.0), {"a0": Fraction(1, 8), "b0": Fraction(7, 8)}),
    ],
)
def test_what_one_dial_turns_away_goes_to_the_next_nearest(
    dials: tuple[float, float, float], expected: dict[str, Fraction]
) -> None:
    """Each dial applies to what reaches its group; a dial of 0 gets nothing if others do."""
    groups = [group(name, dial) for name, dial in zip("abc", dials, strict=True)]
    assert chances(groups) == expected


def test_weights_share_within_a_group() -> None:
    """The guide: each endpoint gets its weight over the sum of weights; zero gets nothing."""
    assert chances([group("a", 100.0, 30, 10, 0)]) == {"a0": 3 * QUARTER, "a1": QUARTER}
    assert chances([group("a", 100.0, 30, 10, 0)], "a0") == {"a1": 1}


def test_failover_ignores_the_dial() -> None:
    """The guide: with no healthy endpoint in its group, traffic goes to a group dialled to 0."""
    groups = [group("a"), group("b", 0.0), group("c", 0.0)]
    assert chances(groups, "a0") == {"b0": 1}
    assert chances(groups, "a0", "b0") == {"c0": 1}


def test_weight_zero_excludes_from_failover_while_another_is_healthy() -> None:
    """Weight 0 is not eligible, unlike dial 0."""
    assert chances([group("a"), group("b", 100.0, 0), group("c")], "a0") == {"c0": 1}


def test_failover_looks_at_the_three_nearest_groups_only() -> None:
    """Beyond them a healthy endpoint is not used; a random one of the nearest is."""
    groups = [group("a", 100.0, 5, 0), group("b"), group("c"), group("d")]
    assert chances(groups, "a0", "a1", "b0", "c0") == {"a0": HALF, "a1": HALF}


def test_with_nothing_healthy_even_weight_zero_of_the_nearest_group_serves() -> None:
    """The guide: a random endpoint of the closest group; only removal excludes."""
    groups = [group("a", 0.0, 0), group("b", 100.0)]
    assert chances(groups, "b0") == {"a0": 1}


def test_a_group_without_endpoints_is_never_chosen() -> None:
    """Removing the endpoint excludes it; with none anywhere there is no route."""
    empty = EndpointGroup("a", "a", 9000)
    assert chances([empty, group("b", 0.0)]) == {"b0": 1}
    assert chances([empty]) == {}
    assert chances([]) == {}


def test_dialled_traffic_that_meets_a_dead_group_fails_over_by_its_part() -> None:
    """Half is accepted by a dead nearest group and fails over; the rest is routed as usual."""
    groups = [group("a", 50.0), group("b"), group("c")]
    assert chances(groups, "a0") == {"b0": 1}
    assert chances(groups, "b0") == {"a0": 1}
