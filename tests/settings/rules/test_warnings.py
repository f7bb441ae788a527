"""Warnings about configurations that are allowed."""

from __future__ import annotations

from controller.settings import inspect
from tests.settings.minimal import with_replacements

VANTAGE = "vantage: {name: local}"
KNOWN_GOOD = "reference_targets: {known_good: [http://192.0.2.8/]}"
QUIET = (
    VANTAGE,
    f"{VANTAGE}\n{KNOWN_GOOD}\nprobing: {{interval_s: 2}}",
)
ROOMY = ("regions: [eu-west-1]\n", "regions: [eu-west-1, eu-west-3]\n")
CATALOGUED = ("regions: {", "regions: {eu-west-3: {jurisdiction: EU}, ")
SPARE = "regions: {eu-north-1: {jurisdiction: EU}, "
EU_WEST_3 = (
    "      us-east-1:\n",
    "      eu-west-3:\n        capacity_rps: 300\n        endpoints:\n"
    '          web: {probe: "http://192.0.2.3/"}\n      us-east-1:\n',
)


ALONE = ("vantage", "one vantage point: a path failure near it looks like a region's failure")
"""The warning that every configuration has until replicas share their votes."""


def warnings(*replacements: tuple[str, str]) -> list[tuple[str, str]]:
    """Path and message of warnings about MINIMAL with replacements, without the one that all
    have."""
    inspection = inspect(with_replacements(*replacements))
    assert inspection.problems == ()
    found = [(one.path, one.message) for one in inspection.warnings]
    assert ALONE in found
    return [warning for warning in found if warning != ALONE]


def test_a_complete_configuration_has_no_warning() -> None:
    """Otherwise users would learn to ignore warnings."""
    assert warnings(QUIET, CATALOGUED, ROOMY, EU_WEST_3) == []


def test_no_reference_targets_a_long_deadline_and_a_lone_region_are_named() -> None:
    """The minimal configuration has all of these, in the order of its lines."""
    assert warnings() == [
        (
            "reference_targets.known_good",
            "no known-good reference targets: a broken network near this replica looks like "
            "failing regions",
        ),
        (
            "probing.deadline_s",
            "deadline_s (2) exceeds interval_s (1): "
            "an endpoint that hangs is asked less often than interval_s says",
        ),
        (
            "services.shop.pools.europe.regions",
            "pool europe has one region, eu-west-1: nothing to fail over to",
        ),
    ]


def test_a_pool_whose_other_regions_cannot_carry_it_is_named_with_both_numbers() -> None:
    """The loss of the largest region is the worst."""
    more = ("regions: [us-east-1, eu-west-1]\n        demand_rps: 100",
            "regions: [us-east-1, eu-west-1]\n        demand_rps: 301")  # fmt: skip
    assert warnings(QUIET, CATALOGUED, ROOMY, EU_WEST_3, more) == [
        (
            "services.shop.pools.world.regions",
            "without us-east-1 the regions of pool world carry 300 requests/s, "
            "but its users ask for 301",
        )
    ]


def test_pools_that_fit_alone_but_not_together_are_named_with_both_numbers() -> None:
    """Pools share their regions' capacity."""
    europe = ("eu-west-3]\n        demand_rps: 100", "eu-west-3]\n        demand_rps: 300")
    world = ("[us-east-1, eu-west-1]\n        demand_rps: 100",
             "[us-east-1, eu-west-1, eu-west-3]\n        demand_rps: 301")  # fmt: skip
    assert warnings(QUIET, CATALOGUED, ROOMY, EU_WEST_3, europe, world) == [
        (
            "services.shop.pools",
            "without us-east-1 this service's regions carry 600 requests/s, "
            "but the users of all pools ask for 601",
        )
    ]


def test_a_long_ttl_is_named() -> None:
    """Users keep a failed region's address for its TTL."""
    ttl = ("name: shop.example.test.", "name: shop.example.test.\n        ttl_s: 300")
    assert warnings(QUIET, CATALOGUED, ROOMY, EU_WEST_3, ttl) == [
        (
            "services.shop.levers.route53.ttl_s",
            "ttl_s is 300: users keep a failed region's address that long",
        )
    ]


def test_an_unencrypted_secret_gives_a_warning() -> None:
    """It is allowed, for probes within a private network."""
    endpoint = '192.0.2.1/healthz"'
    found = warnings(
        QUIET, CATALOGUED, ROOMY, EU_WEST_3, (endpoint, f'{endpoint}, headers: {{X: "env:Y"}}')
    )
    path = "services.shop.regions.eu-west-1.endpoints.web.headers"
    assert found == [(path, "this probe sends its headers' secrets unencrypted")]


def test_a_european_region_outside_the_eu_with_jurisdiction_eu_gives_a_warning() -> None:
    """London and Zurich are often taken for it; the proof of residency relies on this key."""
    london = [(old, new.replace("-3", "-2")) for old, new in (CATALOGUED, ROOMY, EU_WEST_3)]
    assert warnings(QUIET, *london) == [
        (
            "regions.eu-west-2.jurisdiction",
            "eu-west-2 is said to be in jurisdiction EU, but lies in the United Kingdom",
        )
    ]


def test_a_region_that_no_service_uses_is_named() -> None:
    """Its name is misspelt, or it is left over."""
    assert warnings(QUIET, CATALOGUED, ROOMY, EU_WEST_3, ("regions: {", SPARE)) == [
        ("regions.eu-north-1", "no service uses region eu-north-1 of the catalogue")
    ]
