"""Placement against small services and against a naive bound."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.model.configuration import Service
from controller.planning.placement import place


def service(
    regions: dict[str, tuple[float, float]], pools: dict[str, tuple[float, list[str]]]
) -> Service:
    """Regions as (capacity, share), pools as (demand, regions)."""
    return Service.model_validate(
        {
            "regions": {
                name: {
                    "jurisdiction": "any",
                    "capacity_rps": capacity,
                    "share": share,
                    "endpoints": {"web": {"probe": "tcp://192.0.2.1:80"}},
                }
                for name, (capacity, share) in regions.items()
            },
            "pools": {
                name: {"geographies": ["default"], "regions": names, "demand_rps": demand}
                for name, (demand, names) in pools.items()
            },
            "levers": {"route53": {"hosted_zone_id": "Z1", "name": "shop.test."}},
        }
    )


EU, EC, US = "eu-west-1", "eu-central-1", "us-east-1"


def test_with_room_everywhere_the_configured_shares_hold() -> None:
    """Two to one to one."""
    shop = service({US: (900, 2), EU: (900, 1), EC: (900, 1)}, {"world": (100, [US, EU, EC])})

    placed = place(shop, {"world": (US, EU, EC)}, 0.85)["world"]

    assert placed.shares == pytest.approx({US: 0.5, EU: 0.25, EC: 0.25})
    assert placed.full == {}
    assert placed.overload == 0


def test_what_does_not_fit_spills_to_the_regions_with_room() -> None:
    """The full one stops at its target utilisation."""
    shop = service({US: (100, 1), EU: (1000, 1)}, {"world": (400, [US, EU])})

    placed = place(shop, {"world": (US, EU)}, 0.85)["world"]

    assert placed.shares[US] * 400 == pytest.approx(85)
    assert placed.full == {US: pytest.approx(85)}


def test_the_target_utilisation_gives_way_before_anything_overloads() -> None:
    """Between target and capacity there is room for bad days."""
    shop = service({US: (100, 1), EU: (100, 1)}, {"world": (190, [US, EU])})

    placed = place(shop, {"world": (US, EU)}, 0.85)["world"]

    assert placed.shares == pytest.approx({US: 0.5, EU: 0.5})
    assert placed.overload == 0


def test_when_all_is_full_the_rest_is_spread_by_capacity_and_said() -> None:
    """An even overload hurts least."""
    shop = service({US: (300, 1), EU: (100, 1)}, {"world": (800, [US, EU])})

    placed = place(shop, {"world": (US, EU)}, 0.85)["world"]

    assert placed.overload == pytest.approx(400)
    assert placed.shares == pytest.approx({US: 0.75, EU: 0.25})


def test_the_pool_with_the_fewest_places_to_go_chooses_first() -> None:
    """The unbound pool makes way for the bound one."""
    shop = service(
        {US: (100, 1), EU: (100, 1)},
        {"world": (100, [US, EU]), "europe": (80, [EU])},
    )

    placed = place(shop, {"world": (US, EU), "europe": (EU,)}, 1.0)

    assert placed["europe"].shares == {EU: pytest.approx(1)}
    assert placed["world"].shares[EU] * 100 <= 20 + 1e-6


def test_a_pool_that_stays_as_it_is_takes_up_room() -> None:
    """Its load is counted though it is not placed."""
    shop = service(
        {US: (100, 1), EU: (100, 1)},
        {"world": (100, [US, EU]), "fixed": (100, [EU])},
    )

    placed = place(shop, {"world": (US, EU)}, 1.0, {"fixed": {EU: 1.0}})

    assert placed["world"].shares == pytest.approx({US: 1.0, EU: 0.0})


def test_a_region_without_a_share_is_a_standby() -> None:
    """It gets traffic only when the others are full."""
    shop = service({US: (100, 1), EU: (100, 0)}, {"world": (150, [US, EU])})

    assert place(shop, {"world": (US, EU)}, 1.0)["world"].shares[EU] * 150 == pytest.approx(50)
    assert place(shop, {"world": (EU,)}, 1.0)["world"].shares == {EU: pytest.approx(1)}


@given(
    st.dictionaries(
        st.sampled_from([US, EU, EC, "ap-south-1"]),
        st.tuples(st.floats(1, 1000), st.floats(0.1, 5)),
        min_size=1,
    ),
    st.floats(0, 3000),
)
@settings(max_examples=200, deadline=None)
def test_nothing_is_lost_and_nobody_overloads_while_there_is_room(
    regions: dict[str, tuple[float, float]], demand: float
) -> None:
    """Shares add up; above capacity only when the pool as a whole is."""
    shop = service(regions, {"world": (demand, list(regions))})

    placed = place(shop, {"world": tuple(regions)}, 0.85)["world"]

    total = sum(capacity for capacity, _ in regions.values())
    assert sum(placed.shares.values()) == pytest.approx(1)
    assert placed.overload == pytest.approx(max(0.0, demand - total), abs=1e-6)
    if demand <= total:
        for region, (capacity, _) in regions.items():
            assert placed.shares[region] * demand <= capacity + 1e-6
