"""Placement against a solver: the same cost, the same limits, whatever the problem."""

from __future__ import annotations

from math import fsum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.planning.placement.overload import min_max_limits
from controller.planning.placement.transportation import solve_transportation
from tests.planning.placement.transport_lp import CheapestLp, least_utilisation
from tests.planning.placement.transport_problems import (
    Problem,
    problems,
    total_cost,
    without_largest,
    world,
)

NOWHERE = 1e4
"""More than any chain of displacements between seven regions can cost."""


@given(problems(), st.sampled_from([1.0, 1.0, 1.3, 0.8, 0.3]))
def test_no_assignment_is_cheaper(problem: Problem, part: float) -> None:
    """Within a millionth; also when the limits are too low, or higher than they need be."""
    limits = min_max_limits(problem.portions, problem.capacity, problem.target, problem.taken).rps
    room = {r: part * max(0.0, rps - problem.taken[r]) for r, rps in limits.items()}
    portions = tuple(portion for portion in problem.portions if portion.rps > 0)
    result = solve_transportation(portions, room)
    cost = total_cost(portions, result) + NOWHERE * fsum(result.unplaced.values())

    optimum = CheapestLp(portions, room, NOWHERE).solve() if portions else 0.0

    traffic = fsum(portion.rps for portion in portions)
    assert cost == pytest.approx(optimum, rel=1e-6, abs=1e-6 * traffic)


@given(problems(most_taken=0.5))
def test_no_utilisation_could_be_less(problem: Problem) -> None:
    """The highest one first; with its regions fixed the next, and so on down to the target."""
    limits = min_max_limits(problem.portions, problem.capacity, problem.target, problem.taken)
    portions = [
        portion
        for index, portion in enumerate(problem.portions)
        if portion.rps > 0 and index not in limits.unplaceable
    ]
    fixed = {region: 0.0 for region, rps in problem.capacity.items() if rps == 0}
    for bottleneck in limits.bottlenecks:
        least = least_utilisation(portions, problem.capacity, problem.target, problem.taken, fixed)
        assert bottleneck.utilisation == pytest.approx(least, rel=1e-6)
        fixed |= {region: limits.rps[region] for region in bottleneck.regions}
    if portions and set(problem.capacity) - set(fixed):
        least = least_utilisation(portions, problem.capacity, problem.target, problem.taken, fixed)
        assert least == pytest.approx(problem.target, rel=1e-6)


@pytest.mark.parametrize("bound", [False, True])
@pytest.mark.parametrize("room", [1.25, 0.5])
@pytest.mark.parametrize("failed", [False, True])
@pytest.mark.parametrize(("regions", "portions"), [(8, 60), (20, 250)])
def test_a_world_is_served_as_cheaply_as_can_be(
    regions: int, portions: int, failed: bool, room: float, bound: bool
) -> None:
    """Of the size that is really met, with room and overloaded, before and after a failure."""
    problem = world(regions, portions, seed=4, room=room, bound=bound)
    problem = without_largest(problem) if failed else problem
    limits = min_max_limits(problem.portions, problem.capacity, problem.target)

    result = solve_transportation(problem.portions, limits.rps)

    assert not result.unplaced
    optimum = CheapestLp(problem.portions, limits.rps).solve()
    assert total_cost(problem.portions, result) == pytest.approx(optimum, rel=1e-6)
