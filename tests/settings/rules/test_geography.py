"""Rules about geographies that no geolocation record can match."""

from __future__ import annotations

import pytest

from controller.settings import inspect
from tests.settings.minimal import with_replacements


def problems(geography: str) -> list[tuple[str, str, str]]:
    """Problems of the minimal configuration whose bound pool names this geography."""
    found = inspect(with_replacements(("country:DE", geography))).problems
    return [(one.path, one.message, one.hint) for one in found]


@pytest.mark.parametrize(
    ("geography", "message", "hint"),
    [
        ("country:UK", "there is no country UK", "the United Kingdom is GB"),
        ("country:EU", "there is no country EU", "name the countries one by one"),
        (
            "country:EH",
            "Route 53 matches nobody with country:EH: they get the default's answer",
            "leave it out; the application must check them",
        ),
    ],
)
def test_a_country_that_route_53_cannot_match_is_refused(
    geography: str, message: str, hint: str
) -> None:
    """Its users would get the default pool's answer, whatever the settings say."""
    path = "services.shop.pools.europe.geographies[0]"
    assert (path, message, hint) in problems(geography)


def test_a_continent_that_does_not_exist_is_refused() -> None:
    """Route 53 has seven, with its own codes."""
    (problem,) = [p for p in problems("continent:XX") if "knows no continent" in p[1]]
    assert problem[1] == ("Route 53 knows no continent XX; there are AF, AN, AS, EU, NA, OC, SA")


@pytest.mark.parametrize(
    ("geography", "message"),
    [
        ("continent:EU", "pool europe has residency EU and must name countries, not continent:EU"),
        ("default", "default is already in pool"),
    ],
)
def test_a_bound_pool_names_countries_that_no_other_pool_names(
    geography: str, message: str
) -> None:
    """Continents are wider than jurisdictions, and a geography is in one pool, once."""
    assert any(message in problem[1] for problem in problems(geography))
