"""How much each region may carry: small cases by hand, and a proof that it is the least."""

from __future__ import annotations

from math import fsum, inf
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.planning.placement.overload import CapacityLimits, min_max_limits
from controller.planning.placement.transportation import TrafficPortion
from tests.planning.placement.transport_problems import Problem, problems, shuffled

EU, EC, AP, US = "eu", "ec", "ap", "us"


def portion(rps: float, *regions: str) -> TrafficPortion:
    """Costs make no difference here."""
    return TrafficPortion(rps, dict.fromkeys(regions, 1.0))


def shown(limits: CapacityLimits) -> list[tuple[tuple[str, ...], tuple[int, ...], float]]:
    """Bottlenecks as regions, portions and utilisation, without the last bits."""
    return [(b.regions, b.portions, round(b.utilisation, 9)) for b in limits.bottlenecks]


def test_where_the_target_is_enough_it_is_the_limit() -> None:
    """However little the traffic."""
    limits = min_max_limits([portion(100, EU, US)], {EU: 100, US: 200}, 0.5)

    assert limits == CapacityLimits({EU: 50, US: 100}, (), ())


def test_what_does_not_fit_is_shared_evenly() -> None:
    """By utilisation, not by requests."""
    limits = min_max_limits([portion(240, EU, US)], {EU: 100, US: 200}, 0.5)

    assert limits.rps == pytest.approx({EU: 80, US: 160})
    assert shown(limits) == [((EU, US), (0,), 0.8)]


def test_who_need_not_help_is_not_raised() -> None:
    """Residency keeps the excess in Europe; what can leave it, leaves it."""
    portions = [portion(300, EU, EC), portion(100, EU, US)]

    limits = min_max_limits(portions, {EU: 100, EC: 100, US: 200}, 0.7)

    assert limits.rps == pytest.approx({EU: 150, EC: 150, US: 140})
    assert shown(limits) == [((EC, EU), (0,), 1.5)]


def test_two_bottlenecks_are_raised_as_far_as_each_needs() -> None:
    """The most overloaded first."""
    portions = [portion(90, AP), portion(210, EU, EC), portion(10, AP, US)]

    limits = min_max_limits(portions, {AP: 100, EU: 100, EC: 100, US: 100}, 0.7)

    assert limits.rps == pytest.approx({AP: 90, EU: 105, EC: 105, US: 70})
    assert shown(limits) == [
        ((EC, EU), (1,), 1.05),
        ((AP,), (0,), 0.9),
    ]


def test_a_bottleneck_within_a_bottleneck_is_told_apart() -> None:
    """Asia must carry its own; of what else there is, it cannot take any."""
    portions = [portion(150, AP), portion(90, AP, EU), portion(1, US)]

    limits = min_max_limits(portions, {AP: 100, EU: 100, US: 100}, 0.7)

    assert limits.rps == pytest.approx({AP: 150, EU: 90, US: 70})
    assert shown(limits) == [
        ((AP,), (0,), 1.5),
        ((EU,), (1,), 0.9),
    ]


def test_bottlenecks_without_a_region_in_common_are_two() -> None:
    """Even when they are equally overloaded."""
    limits = min_max_limits([portion(90, EU), portion(90, US)], {EU: 100, US: 100}, 0.7)

    assert [b.regions for b in limits.bottlenecks] == [(EU,), (US,)]


def test_what_is_taken_leaves_less_room() -> None:
    """Its region is filled to the same height as the others, not raised by as much."""
    limits = min_max_limits([portion(100, EU, US)], {EU: 100, US: 100}, 0.7, {EU: 60})

    assert limits.rps == pytest.approx({EU: 80, US: 80})


def test_a_region_that_is_overfull_already_stays_at_the_target() -> None:
    """Raising it to less than it carries would help nobody."""
    limits = min_max_limits([portion(90, EU, US)], {EU: 100, US: 100}, 0.7, {EU: 130})

    assert limits.rps == pytest.approx({EU: 70, US: 90})
    assert shown(limits) == [((US,), (0,), 0.9)]


def test_a_region_without_capacity_carries_nothing() -> None:
    """What may be served only there cannot be placed; no region is raised for it."""
    portions = [portion(10, EU), portion(10), portion(10, EU, US), portion(0, EU), portion(10, AP)]

    limits = min_max_limits(portions, {EU: 0, US: 100}, 0.7)

    assert limits == CapacityLimits({EU: 0, US: 70}, (), (0, 1, 4))


def test_without_any_traffic_the_target_holds() -> None:
    """Also without portions or regions."""
    assert min_max_limits([portion(0, EU)], {EU: 10}, 0.5) == CapacityLimits({EU: 5}, (), ())
    assert min_max_limits([], {}, 0.5) == CapacityLimits({}, (), ())


def test_a_target_of_nothing_still_places_everything() -> None:
    """It is a wish; traffic is not."""
    assert min_max_limits([portion(10, EU)], {EU: 100}, 0.0).rps == pytest.approx({EU: 10})


@given(problems())
def test_no_utilisation_could_be_less(problem: Problem) -> None:
    """The proof: a bottleneck's traffic fills its regions to the brim and may go nowhere better.

    (That it fits at all is tested with the flows.)
    """
    limits = min_max_limits(problem.portions, problem.capacity, problem.target, problem.taken)
    height = {
        region: inf
        if capacity <= 0
        else max(limits.rps[region] / capacity, problem.taken[region] / capacity)
        for region, capacity in problem.capacity.items()
    }
    raised = [region for bottleneck in limits.bottlenecks for region in bottleneck.regions]
    assert len(raised) == len(set(raised))
    for region in set(problem.capacity) - set(raised):
        assert limits.rps[region] == problem.capacity[region] * problem.target
    for bottleneck in limits.bottlenecks:
        assert bottleneck.utilisation > problem.target
        traffic = fsum(problem.portions[index].rps for index in bottleneck.portions)
        room = fsum(limits.rps[r] - problem.taken[r] for r in bottleneck.regions)
        assert traffic == pytest.approx(room, rel=1e-9)
        for region in bottleneck.regions:
            assert height[region] == pytest.approx(bottleneck.utilisation, rel=1e-9)
        for index in bottleneck.portions:
            allowed = problem.portions[index].costs
            assert min(height[r] for r in allowed) >= bottleneck.utilisation * (1 - 1e-9)


@given(problems(), st.randoms(use_true_random=False))
def test_the_order_of_portions_and_regions_makes_no_difference(
    problem: Problem, random: Random
) -> None:
    """Not in the last bit."""
    other_way, order = shuffled(problem, random)

    one = min_max_limits(problem.portions, problem.capacity, problem.target, problem.taken)
    other = min_max_limits(other_way.portions, other_way.capacity, problem.target, problem.taken)

    assert one.rps == other.rps
    assert [b.regions for b in one.bottlenecks] == [b.regions for b in other.bottlenecks]
    for mine, theirs in zip(one.bottlenecks, other.bottlenecks, strict=True):
        assert set(mine.portions) == {order[index] for index in theirs.portions}
