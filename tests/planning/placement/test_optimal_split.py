"""Placement against small services; the optimum itself is proven in test_transport*.py."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.model.configuration import PlacementSettings as Preferences
from controller.model.configuration import Region, Service
from controller.planning.placement.believed import Believed
from controller.planning.placement.optimal_split import (
    PlacementProblem,
    PoolPlacement,
    place,
    total_overload_rps,
)

EU, EC, US = "eu-west-1", "eu-central-1", "us-east-1"
Regions = dict[str, tuple[float, float]]
"""Region to capacity and share."""
Pools = dict[str, tuple[float, dict[str, float]]]
"""Pool to demand, and regions with their latencies (0: none is given)."""


def placed(regions: Regions, pools: Pools, **given: Any) -> dict[str, PoolPlacement]:
    """Every pool's placement; `given` as in `task`."""
    return place(task(regions, pools, **given))


def task(
    regions: Regions,
    pools: Pools,
    *,
    target: float = 1.0,
    without: tuple[str, ...] = (),
    fixed: dict[str, dict[str, float]] | None = None,
    before: dict[str, dict[str, float]] | None = None,
    **preferences: float,
) -> PlacementProblem:
    """What is to be placed, by default of a service nobody serves yet."""
    service = Service.model_validate(
        {
            "regions": {
                name: {
                    "capacity_rps": capacity,
                    "share": share,
                    "endpoints": {"web": {"probe": "tcp://192.0.2.1:80"}},
                }
                for name, (capacity, share) in regions.items()
            },
            "pools": {
                name: {
                    "geographies": ["default"],
                    "regions": list(distances),
                    "demand_rps": demand,
                    "latency_ms": distances if any(distances.values()) else {},
                }
                for name, (demand, distances) in pools.items()
            },
            "levers": {"route53": {"hosted_zone_id": "Z1", "name": "shop.test."}},
        }
    )
    known = Believed(
        demand_rps={name: pool.demand_rps for name, pool in service.pools.items()},
        latency_ms={n: pool.latency_ms for n, pool in service.pools.items() if pool.latency_ms},
        capacity_rps={name: region.capacity_rps or 0.0 for name, region in service.regions.items()},
    )
    settled = fixed or {}
    candidates = {
        name: tuple(r for r in pool.regions if r not in without and r not in settled.get(name, {}))
        for name, pool in service.pools.items()
    }
    limits = Preferences.model_validate({"target_utilisation": target, **preferences})
    catalogue = {name: Region(jurisdiction="any") for name in service.regions}
    return PlacementProblem(service, catalogue, limits, known, candidates, settled, before or {})


def shares_only(*regions: str) -> dict[str, float]:
    return dict.fromkeys(regions, 0.0)


def test_with_room_everywhere_the_configured_shares_hold() -> None:
    """Two to one to one."""
    regions = {US: (900.0, 2.0), EU: (900.0, 1.0), EC: (900.0, 1.0)}

    world = placed(regions, {"world": (100, shares_only(US, EU, EC))})["world"]

    assert world.shares == pytest.approx({US: 0.5, EU: 0.25, EC: 0.25})
    assert world.full == {}
    assert world.overload == 0


def test_what_does_not_fit_spills_to_the_regions_with_room() -> None:
    """The full one stops at its target utilisation, and is named."""
    regions = {US: (100.0, 1.0), EU: (1000.0, 1.0)}

    world = placed(regions, {"world": (400, shares_only(US, EU))}, target=0.85)["world"]

    assert world.shares[US] * 400 == pytest.approx(85)
    assert world.full == {US: pytest.approx(85)}


def test_the_target_utilisation_gives_way_evenly_before_anything_overloads() -> None:
    """Between target and capacity there is room for bad days."""
    regions = {US: (100.0, 1.0), EU: (300.0, 1.0)}

    world = placed(regions, {"world": (380, shares_only(US, EU))}, target=0.85)["world"]

    assert {r: s * 380 for r, s in world.shares.items()} == pytest.approx({US: 95, EU: 285})
    assert world.overload == 0


def test_when_all_is_full_the_rest_is_spread_by_capacity_and_said() -> None:
    """An even overload hurts least."""
    regions = {US: (300.0, 1.0), EU: (100.0, 1.0)}

    world = placed(regions, {"world": (800, shares_only(US, EU))}, target=0.85)["world"]

    assert world.overload == pytest.approx(400)
    assert world.shares == pytest.approx({US: 0.75, EU: 0.25})


def test_an_overloaded_pool_overloads_nobody_elses_regions() -> None:
    """The bound pool's excess stays where it may be; the others go where there is room."""
    regions = {US: (1000.0, 1.0), EU: (100.0, 1.0)}
    pools: Pools = {"world": (100, {US: 80, EU: 10}), "europe": (150, {EU: 10})}

    found = placed(regions, pools)

    assert found["europe"].overload == pytest.approx(50)
    assert found["world"].shares == {US: pytest.approx(1)}
    assert found["world"].overload == 0


def test_users_are_placed_near() -> None:
    """Each pool at its nearest region."""
    regions = {US: (900.0, 1.0), EU: (900.0, 1.0)}
    pools: Pools = {"europe": (100, {US: 90, EU: 20}), "america": (100, {US: 20, EU: 90})}

    found = placed(regions, pools)

    assert found["europe"].shares == {EU: pytest.approx(1)}
    assert found["america"].shares == {US: pytest.approx(1)}


def test_price_counts_for_what_it_is_stated_to_be_worth() -> None:
    """Nothing, unless it is said; here both regions cost the same, so only distance is left."""
    regions = {US: (900.0, 1.0), EU: (900.0, 1.0)}

    world = placed(regions, {"world": (100, {US: 20, EU: 21})}, ms_per_usd_per_gb=1000)["world"]

    assert world.shares == {US: pytest.approx(1)}


def test_traffic_stays_unless_each_request_gains_by_moving() -> None:
    """9 ms are not worth it, 11 ms are."""
    regions = {US: (900.0, 1.0), EU: (900.0, 1.0)}
    now = {"world": {US: 0.5, EU: 0.5}}

    little = placed(regions, {"world": (100, {US: 20, EU: 29})}, before=now)["world"]
    enough = placed(regions, {"world": (100, {US: 20, EU: 31})}, before=now)["world"]

    assert little.shares == pytest.approx({US: 0.5, EU: 0.5})
    assert enough.shares == {US: pytest.approx(1)}


def test_whoever_can_go_elsewhere_makes_way() -> None:
    """A pool without latencies gives room to one that is bound."""
    regions = {US: (100.0, 1.0), EU: (100.0, 1.0)}
    pools: Pools = {"world": (100, shares_only(US, EU)), "europe": (80, shares_only(EU))}

    found = placed(regions, pools)

    assert found["europe"].shares == {EU: pytest.approx(1)}
    assert found["world"].shares.get(EU, 0.0) * 100 <= 20 + 1e-6


def test_what_is_settled_takes_up_room_and_stays() -> None:
    """Only the rest of its pool is placed."""
    regions = {US: (100.0, 1.0), EU: (100.0, 1.0), EC: (100.0, 1.0)}
    pools: Pools = {"world": (100, shares_only(US, EU, EC)), "kept": (100, shares_only(EU))}

    found = placed(regions, pools, fixed={"kept": {EU: 1.0}, "world": {US: 0.4}})

    assert found["world"].shares == pytest.approx({US: 0.4, EC: 0.6})


def test_a_region_without_a_share_is_a_standby() -> None:
    """It gets traffic only when the others are full, or out."""
    regions = {US: (100.0, 1.0), EU: (100.0, 0.0)}
    pools: Pools = {"world": (150, shares_only(US, EU))}

    assert placed(regions, pools)["world"].shares[EU] * 150 == pytest.approx(50)
    assert placed(regions, pools, without=(US,))["world"].shares == {EU: pytest.approx(1)}


def test_a_pool_without_users_goes_where_they_would_go_first() -> None:
    """Shares of nothing are still shares: somebody may come."""
    regions = {US: (100.0, 1.0), EU: (100.0, 1.0)}
    pools: Pools = {"far": (0, {US: 90, EU: 20}), "even": (0, shares_only(US, EU))}

    found = placed(regions, pools)

    assert found["far"].shares == {EU: 1}
    assert found["even"].shares == {US: 0.5, EU: 0.5}


def test_a_pool_without_candidates_is_left_out() -> None:
    """What then happens is not placement's to say."""
    regions = {US: (100.0, 1.0), EU: (100.0, 1.0)}
    pools: Pools = {"america": (10, shares_only(US)), "europe": (10, shares_only(EU))}

    assert placed(regions, pools, without=(US,)).keys() == {"europe"}


@given(
    st.dictionaries(
        st.sampled_from([US, EU, EC, "ap-south-1"]),
        st.tuples(st.floats(1, 1000), st.floats(0.1, 5), st.floats(1, 300)),
        min_size=1,
    ),
    st.floats(0, 3000),
    st.booleans(),
)
def test_nothing_is_lost_and_nobody_overloads_while_there_is_room(
    regions: dict[str, tuple[float, float, float]], demand: float, near: bool
) -> None:
    """Shares add up; above capacity only when the pool as a whole is."""
    distances = {name: ms if near else 0.0 for name, (_, _, ms) in regions.items()}
    sizes = {name: (capacity, share) for name, (capacity, share, _) in regions.items()}

    world = placed(sizes, {"world": (demand, distances)}, target=0.85)["world"]

    total = sum(capacity for capacity, _ in sizes.values())
    assert sum(world.shares.values()) == pytest.approx(1)
    assert world.overload == pytest.approx(max(0.0, demand - total), abs=1e-6)
    if demand <= total:
        for region, (capacity, _) in sizes.items():
            assert world.shares.get(region, 0.0) * demand <= capacity + 1e-6


@given(
    st.lists(st.floats(10, 500), min_size=3, max_size=3),
    st.dictionaries(
        st.sampled_from(["a", "b", "c"]),
        st.tuples(
            st.floats(0, 900),
            st.lists(st.sampled_from([US, EU, EC]), min_size=1, unique=True),
            st.sampled_from([0.0, 0.0, 0.3, 1.0]),
        ),
        min_size=1,
    ),
)
def test_what_is_lacking_is_known_without_placing(
    capacities: list[float], pools: dict[str, tuple[float, list[str], float]]
) -> None:
    """The overload of all pools, pinned ones among them."""
    regions = {r: (c, 1.0) for r, c in zip((US, EU, EC), capacities, strict=True)}
    problem = task(
        regions,
        {name: (rps, dict.fromkeys(places, 9.0)) for name, (rps, places, _) in pools.items()},
        target=0.85,
        fixed={name: {places[0]: part} for name, (_, places, part) in pools.items() if part},
    )

    placed = place(problem)

    assert total_overload_rps(problem) == pytest.approx(
        sum(one.overload for one in placed.values()), abs=1e-3
    )


@given(
    st.dictionaries(st.sampled_from([US, EU, EC]), st.floats(1, 300), min_size=2),
    st.dictionaries(st.sampled_from([US, EU, EC]), st.floats(0.01, 1), min_size=1),
    st.lists(st.floats(10, 500), min_size=3, max_size=3),
)
def test_what_was_placed_stays_where_it_was_placed(
    distances: dict[str, float], before: dict[str, float], capacities: list[float]
) -> None:
    """The optimum is its own optimum: no walking on from cycle to cycle."""
    regions = {r: (c, 1.0) for r, c in zip((US, EU, EC), capacities, strict=True)}
    pools: Pools = {"world": (300, distances)}
    total = sum(before.values())
    now = {"world": {r: s / total for r, s in before.items()}}

    first = placed(regions, pools, before=now)["world"].shares
    second = placed(regions, pools, before={"world": dict(first)})["world"].shares

    assert second == pytest.approx(first, abs=1e-6)
