"""Differences between two configurations."""

from __future__ import annotations

from controller.settings import parse
from controller.settings.difference import differences
from tests.settings.minimal import MINIMAL, with_replacements

OLD = parse(MINIMAL, "old")


def shown(*replacements: tuple[str, str]) -> list[str]:
    """Differences from MINIMAL to MINIMAL with replacements; a star means: needs a restart."""
    found = differences(OLD, parse(with_replacements(*replacements), "new"))
    return [f"{one}{' *' if one.needs_restart else ''}" for one in found]


def test_equal_settings_do_not_differ() -> None:
    """A default that is left out equals one that is written."""
    assert shown(("vantage:", "mode: active\nvantage:")) == []


def test_changed_values_lists_and_added_keys_are_listed_key_by_key() -> None:
    """In the order of the configuration models, with values as YAML."""
    assert shown(
        ("capacity_rps: 300", "capacity_rps: 400\n        share: 0.5"),
        ("[us-east-1, eu-west-1]", "[us-east-1]"),
        ("        residency: EU\n", ""),
        (
            '          web: {probe: "http://192.0.2.2/healthz"}',
            '          api: {probe: "tcp://192.0.2.2:9"}',
        ),
    ) == [
        "~ services.shop.regions.eu-west-1.capacity_rps: 300 → 400",
        "~ services.shop.regions.eu-west-1.share: 1 → 0.5",
        '- services.shop.regions.us-east-1.endpoints.web: {probe: "http://192.0.2.2/healthz"}',
        '+ services.shop.regions.us-east-1.endpoints.api: {probe: "tcp://192.0.2.2:9"}',
        "~ services.shop.pools.europe.residency: EU → null",
        "~ services.shop.pools.world.regions: [us-east-1, eu-west-1] → [us-east-1]",
    ]


def test_keys_that_need_a_restart_are_marked() -> None:
    """The state file, the vantage point, how AWS is called and where the API listens."""
    assert shown(
        ("gtc.sqlite", "other.sqlite"),
        (
            "{name: local}",
            "{name: ohio}\naws: {calls_per_s: 4}\n"
            "api: {port: 9000, hosts: [a.b], limits: {connections: 99}}",
        ),
    ) == [
        "~ state_path: gtc.sqlite → other.sqlite *",
        "~ aws.calls_per_s: 5 → 4 *",
        "~ api.port: 8640 → 9000 *",
        "~ api.hosts: [] → [a.b]",
        "~ api.limits.connections: 1000 → 99 *",
        "~ vantage.name: local → ohio *",
    ]


def test_a_fact_of_a_region_is_one_difference_in_the_catalogue() -> None:
    """However many services use the region; a new region is one difference."""
    assert shown(
        ("{jurisdiction: EU}", "{jurisdiction: EU, egress_usd_per_gb: 0.1, place: Dublin}"),
        ("{jurisdiction: US}}", "{jurisdiction: UK}, us-west-2: {jurisdiction: US}}"),
    ) == [
        "~ regions.eu-west-1.egress_usd_per_gb: 0.09 → 0.1",
        "~ regions.eu-west-1.place: null → Dublin",
        "~ regions.us-east-1.jurisdiction: US → UK",
        "+ regions.us-west-2: {jurisdiction: US}",
    ]
