"""The sandbox's users."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from controller.planning.geography import pool_of
from controller.sandbox.emulator.geography import location_of
from controller.sandbox.errors import SandboxError
from controller.sandbox.world.population import UserDestination, apportion, population, source_of
from tests.sandbox.worlds import region, service, settings

WEB = {
    "eu-west-1": region("http://127.0.71.1:8080/healthz"),
    "us-east-1": region("http://127.0.72.1:8080/healthz"),
}
TCP = {"eu-west-1": region("tcp://127.0.71.1:9000")}
SETTINGS = settings({"shop": service(WEB), "api": service(TCP, accelerated=True)})


def test_users_are_shared_out_by_demand() -> None:
    """Demands 30, 10 and 10 of 50 get 120, 40 and 40 of 200 users."""
    people = population(SETTINGS, 200, Random(1))
    counts = Counter((person.service, person.pool) for person in people)
    assert counts == {("shop", "europe"): 120, ("shop", "world"): 40, ("api", "world"): 40}


def test_users_live_where_their_pool_is() -> None:
    """Route 53's rule for a user's country gives the user's pool."""
    for person in population(SETTINGS, 200, Random(1)):
        location = location_of(source_of(person.country))
        assert location is not None
        chosen = pool_of(SETTINGS.services[person.service], person.country, location.continent)
        assert chosen == person.pool


def test_a_few_users_live_on_every_continent() -> None:
    """The default pool has all other countries, not only the near ones."""
    people = population(SETTINGS, 50, Random(1))
    countries = {person.country for person in people if person.service == "api"}
    locations = [location_of(source_of(country)) for country in countries]
    assert {place.continent for place in locations if place} >= {"EU", "NA", "SA", "AS", "OC", "AF"}


def test_users_go_where_the_service_is() -> None:
    """By the lever's name, or by the accelerator's alias; ports are the endpoints'."""
    destinations = {person.destination for person in population(SETTINGS, 50, Random(1))}
    assert destinations == {
        UserDestination("shop.example.test.", "http", 8080),
        UserDestination("api.example.test.", "tcp", 9000),
    }


def test_the_seed_decides_and_phases_are_in_order() -> None:
    """The same seed makes the same users; they are ordered by phase."""
    people = population(SETTINGS, 50, Random(3))
    assert people == population(SETTINGS, 50, Random(3))
    assert people != population(SETTINGS, 50, Random(4))
    phases = [person.phase_s for person in people]
    assert phases == sorted(phases)
    assert 0 <= phases[0] < phases[-1] < 1


@pytest.mark.parametrize(
    ("total", "parts", "counts"),
    [
        (200, [100, 100, 80], [72, 71, 57]),
        (3, [1, 1], [2, 1]),
        (0, [1, 2], [0, 0]),
        (5, [0, 0], [0, 0]),
        (7, [], []),
    ],
)
def test_apportion_gives_everything_away(total: int, parts: list[float], counts: list[int]) -> None:
    """Whole numbers in proportion; their sum is the total."""
    assert apportion(total, parts) == counts


def test_a_pool_without_a_country_of_the_sandbox_is_refused() -> None:
    """The message names the country, and the countries that exist."""
    raw = service(WEB)
    raw["pools"]["europe"]["geographies"] = ["country:LI"]
    with pytest.raises(SandboxError, match=r"pool europe: .* country:LI") as caught:
        population(settings({"shop": raw}), 10, Random(1))
    assert "DE" in caught.value.valid


def test_http_behind_an_accelerator_is_refused() -> None:
    """Users of an accelerator differ by source address, which HTTP visits do not set."""
    with pytest.raises(SandboxError, match="TCP only; use tcp://"):
        population(settings({"api": service(WEB, accelerated=True)}), 10, Random(1))
