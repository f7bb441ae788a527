"""Which pool a country belongs to."""

from __future__ import annotations

import pytest

from controller.model.configuration import Service
from controller.planning.geography import pool_of


def make_service(*pools: tuple[str, list[str]]) -> Service:
    return Service.model_validate(
        {
            "regions": {
                "eu-west-1": {
                    "capacity_rps": 1,
                    "endpoints": {"web": {"probe": "tcp://192.0.2.1:80"}},
                }
            },
            "pools": {
                name: {"geographies": geographies, "regions": ["eu-west-1"], "demand_rps": 1}
                for name, geographies in pools
            },
            "levers": {},
        }
    )


SERVICE = make_service(
    ("bound", ["country:DE", "country:JP"]),
    ("europe", ["continent:EU"]),
    ("asia", ["country:SG", "continent:AS"]),
    ("world", ["default"]),
)


@pytest.mark.parametrize(
    ("country", "continent", "pool"),
    [
        ("DE", "EU", "bound"),
        ("JP", "AS", "bound"),
        ("FR", "EU", "europe"),
        ("TR", "EU", "europe"),
        ("SG", "AS", "asia"),
        ("IN", "AS", "asia"),
        ("BR", "SA", "world"),
        ("AQ", "AN", "world"),
    ],
)
def test_country_beats_continent_beats_default(country: str, continent: str, pool: str) -> None:
    """The smallest geography that matches decides, whatever the order of the pools."""
    assert pool_of(SERVICE, country, continent) == pool


def test_without_a_default_some_countries_have_no_pool() -> None:
    """No user is put into a pool that does not name the user's geography."""
    service = make_service(("germany", ["country:DE"]))
    assert pool_of(service, "FR", "EU") is None
    assert pool_of(service, "DE", "EU") == "germany"
