"""The cheapest assignment: small ones by hand, and what must hold of all."""

from __future__ import annotations

from math import fsum, inf
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.planning.placement.overload import min_max_limits
from controller.planning.placement.transportation import (
    TrafficPortion,
    TransportationFlows,
    solve_transportation,
)
from tests.planning.placement.transport_problems import (
    Problem,
    added,
    problems,
    shuffled,
    total_cost,
)

EU, AP, US = "eu", "ap", "us"


def solved(problem: Problem) -> TransportationFlows:
    """Within the even limits."""
    limits = min_max_limits(problem.portions, problem.capacity, problem.target, problem.taken)
    return solve_transportation(problem.portions, limits.rps, problem.taken)


def test_with_room_everywhere_everybody_goes_to_the_nearest() -> None:
    """And no room is worth anything."""
    portions = [TrafficPortion(30, {EU: 10, US: 90}), TrafficPortion(20, {EU: 95, US: 15})]

    result = solve_transportation(portions, {EU: 100, US: 100})

    assert result == TransportationFlows(({EU: 30}, {US: 20}), {EU: 0, US: 0}, {})


def test_what_does_not_fit_spills_to_the_next_nearest() -> None:
    """Those leave who lose least by it."""
    near, far = TrafficPortion(60, {EU: 10, US: 90}), TrafficPortion(60, {EU: 20, US: 50})

    result = solve_transportation([near, far], {EU: 100, US: 100})

    assert result.flows[0] == {EU: 60}
    assert result.flows[1] == pytest.approx({EU: 40, US: 20})
    assert result.prices == pytest.approx({EU: 30, US: 0})


def test_a_chain_of_displacements_beats_everybody_for_himself() -> None:
    """Europe's excess goes to America, whose traffic makes way for it.

    One after the other, the third would find America full and have to go to Asia for 300.
    """
    portions = [
        TrafficPortion(100, {US: 10, AP: 60}),
        TrafficPortion(100, {EU: 10, US: 80, AP: 300}),
        TrafficPortion(50, {EU: 10, US: 80, AP: 300}),
    ]

    result = solve_transportation(portions, {EU: 100, US: 100, AP: 100})

    assert result.flows[0] == pytest.approx({US: 50, AP: 50})
    assert added(result) == pytest.approx({EU: 100, US: 100, AP: 50})
    assert total_cost(tuple(portions), result) == pytest.approx(
        50 * 10 + 50 * 60 + 100 * 10 + 50 * 80
    )
    assert result.prices == pytest.approx({EU: 120, US: 50, AP: 0})


def test_portions_with_the_same_costs_are_split_alike() -> None:
    """There is no reason to prefer one of them."""
    portions = [TrafficPortion(60, {EU: 1, US: 2}), TrafficPortion(30, {EU: 1, US: 2})]

    result = solve_transportation(portions, {EU: 60, US: 100})

    assert result.flows[0] == pytest.approx({EU: 40, US: 20})
    assert result.flows[1] == pytest.approx({EU: 20, US: 10})


def test_equal_costs_go_by_name_of_region() -> None:
    """Of several cheapest assignments it is always the same."""
    assert solve_transportation(
        [TrafficPortion(10, {US: 5, EU: 5, AP: 5})], {US: 6, EU: 6, AP: 6}
    ).flows[0] == pytest.approx({AP: 6, EU: 4})


def test_negative_costs_are_as_good_as_any() -> None:
    """A rebate is a cost below nothing."""
    result = solve_transportation([TrafficPortion(10, {EU: -5, US: 0})], {EU: 4, US: 10})

    assert result.flows[0] == pytest.approx({EU: 4, US: 6})
    assert result.prices == pytest.approx({EU: 5, US: 0})


def test_what_is_taken_counts_towards_the_limit() -> None:
    """It was there first."""
    result = solve_transportation(
        [TrafficPortion(50, {EU: 1, US: 9})], {EU: 100, US: 100}, {EU: 70, US: 5}
    )

    assert result.flows[0] == pytest.approx({EU: 30, US: 20})


def test_a_region_without_room_gets_nothing_and_has_its_price() -> None:
    """Whether it has no limit to speak of or all is taken."""
    result = solve_transportation(
        [TrafficPortion(50, {EU: 1, AP: 3, US: 9})], {EU: 0, AP: 5, US: 100}, {AP: 6}
    )

    assert result.flows[0] == {US: 50}
    assert result.prices == pytest.approx({EU: 8, AP: 6, US: 0})


def test_what_finds_no_room_is_unplaced_not_squeezed_in() -> None:
    """As much is placed as can be, at whatever cost; then the room is worth any price."""
    portions = [
        TrafficPortion(80, {EU: 1}),
        TrafficPortion(80, {EU: 1, US: 500}),
        TrafficPortion(5, {}),
        TrafficPortion(0, {}),
    ]

    result = solve_transportation(portions, {EU: 50, US: 60})

    assert result.flows[0] == pytest.approx({EU: 50})
    assert result.flows[1] == pytest.approx({US: 60})
    assert result.unplaced == pytest.approx({0: 30, 1: 20, 2: 5})
    assert result.prices == {EU: inf, US: inf}


def test_a_region_without_a_limit_has_no_room() -> None:
    """Nobody said that it might carry anything."""
    assert solve_transportation([TrafficPortion(5, {EU: 1, US: 2})], {US: 10}).flows == ({US: 5},)


def test_a_portion_without_traffic_has_no_flows() -> None:
    """There is nothing to send."""
    assert solve_transportation([TrafficPortion(0, {EU: 1})], {EU: 10}) == TransportationFlows(
        ({},), {EU: 0}, {}
    )


def test_nothing_to_place_is_no_trouble() -> None:
    """Not even without regions."""
    assert solve_transportation([], {}) == TransportationFlows((), {}, {})


@given(problems())
def test_every_request_is_placed_once_and_limits_are_kept(problem: Problem) -> None:
    """Within the even limits only those find no room who may use no region with capacity."""
    limits = min_max_limits(problem.portions, problem.capacity, problem.target, problem.taken)
    result = solve_transportation(problem.portions, limits.rps, problem.taken)

    assert set(result.unplaced) == set(limits.unplaceable)
    for index, portion in enumerate(problem.portions):
        flow = result.flows[index]
        assert set(flow) <= set(portion.costs)
        assert all(rps > 0 for rps in flow.values())
        placed = fsum(flow.values()) + result.unplaced.get(index, 0.0)
        assert placed == pytest.approx(portion.rps, rel=1e-9)
    for region, rps in added(result).items():
        load = problem.taken[region] + rps
        assert load <= limits.rps[region] * (1 + 1e-9) + 1e-11 * max(limits.rps.values())


@given(problems(), st.floats(0.2, 1.0))
def test_prices_prove_that_nothing_is_cheaper(problem: Problem, part: float) -> None:
    """Everybody is where cost and price are least, and room that is left costs nothing."""
    limits = min_max_limits(problem.portions, problem.capacity, problem.target, problem.taken).rps
    room = {r: part * max(0.0, rps - problem.taken[r]) for r, rps in limits.items()}
    result = solve_transportation(problem.portions, room)

    assert all(price >= 0 for price in result.prices.values())
    for region, rps in room.items():
        if added(result).get(region, 0.0) < rps * (1 - 1e-9):
            assert result.prices[region] == 0
    for portion, flow in zip(problem.portions, result.flows, strict=True):
        dearness = {r: portion.cost(r) + result.prices[r] for r in portion.costs}
        for region in flow:
            assert dearness[region] <= min(dearness.values()) + 1e-6
    for index in result.unplaced:
        assert all(result.prices[region] == inf for region in problem.portions[index].costs)


@given(problems(), st.randoms(use_true_random=False))
def test_a_price_is_what_a_little_more_room_saves(problem: Problem, random: Random) -> None:
    """Exactly, also where limits are met by chance."""
    room = {r: float(round(rps)) for r, rps in problem.capacity.items()}
    portions = tuple(p._replace(rps=float(round(p.rps))) for p in problem.portions)
    result = solve_transportation(portions, room)
    region = random.choice(sorted(room))
    little = 0.01

    more = solve_transportation(portions, {**room, region: room[region] + little})

    if result.prices[region] == inf:
        assert sum(more.unplaced.values()) < sum(result.unplaced.values())
    else:
        saved = total_cost(portions, result) - total_cost(portions, more)
        assert saved == pytest.approx(result.prices[region] * little, abs=1e-5)


@given(problems(), st.randoms(use_true_random=False))
def test_the_order_of_portions_and_regions_makes_no_difference(
    problem: Problem, random: Random
) -> None:
    """Not in the last bit."""
    other_way, order = shuffled(problem, random)

    one, other = solved(problem), solved(other_way)

    assert [one.flows[index] for index in order] == list(other.flows)
    assert one.prices == other.prices


def test_many_ties_and_few_costs_come_to_an_end() -> None:
    """The hard case for a search of paths: nearly every path is as short as any other."""
    random = Random(7)
    regions = [f"r{number:02}" for number in range(30)]
    portions = [
        TrafficPortion(
            random.randint(1, 9), {r: random.randint(0, 1) for r in random.sample(regions, 15)}
        )
        for _ in range(600)
    ]
    limits = min_max_limits(portions, dict.fromkeys(regions, 50.0), 1.0)

    result = solve_transportation(portions, limits.rps)

    assert sum(added(result).values()) == pytest.approx(sum(p.rps for p in portions))
