"""Rules within one service: position and message of each mistake."""

from __future__ import annotations

import pytest

from controller.settings import inspect
from tests.settings.minimal import with_replacements

POOLS = "services.shop.pools"
ACCELERATOR = (
    "accelerator: {pool: world, arn: arn:aws:globalaccelerator::000000000000:accelerator/1}"
)
ROUTE53_LINES = (
    "      route53:\n        hosted_zone_id: Z1\n        name: shop.example.test.\n"
)  # fmt: skip
EUROPE_LINES = (
    '      europe:\n        geographies: ["country:DE"]\n        residency: EU\n'
    "        regions: [eu-west-1]\n        demand_rps: 100\n"
)

MISTAKES = {
    "two levers": (
        [(ROUTE53_LINES, f"{ROUTE53_LINES}      {ACCELERATOR}\n"), (EUROPE_LINES, "")],
        "22:5 services.shop.levers",
        "a service has exactly one lever, route53 or accelerator; here is both",
        "",
    ),
    "no lever": (
        [("    levers:\n" + ROUTE53_LINES, "    levers: {}\n")],
        "27:5 services.shop.levers",
        "a service has exactly one lever, route53 or accelerator; here is neither",
        "",
    ),
    "nothing required": (
        [('192.0.2.1/healthz"', '192.0.2.1/healthz", required: false')],
        "10:9 services.shop.regions.eu-west-1.endpoints",
        "region eu-west-1 has no endpoint with required: true; nothing could show it down",
        "",
    ),
    "HTTP keys of a tcp probe": (
        [
            (
                '"http://192.0.2.1/healthz"',
                '"tcp://192.0.2.1:9", statuses: [204]',
            )
        ],
        "11:45 services.shop.regions.eu-west-1.endpoints.web.statuses",
        "statuses does nothing for a probe that begins with tcp://",
        "leave it out",
    ),
    "a tcp probe that keeps its connection": (
        [('"http://192.0.2.1/healthz"', '"tcp://192.0.2.1:9", keep_alive: true')],
        "11:45 services.shop.regions.eu-west-1.endpoints.web.keep_alive",
        "keep_alive does nothing for a probe that begins with tcp://",
        "leave it out",
    ),
    "authorities without TLS": (
        [('192.0.2.1/healthz"', '192.0.2.1/healthz", ca_file: /etc/ca.pem')],
        "11:52 services.shop.regions.eu-west-1.endpoints.web.ca_file",
        "ca_file does nothing for a probe that begins with http://",
        "leave it out",
    ),
    "host as a header": (
        [('192.0.2.1/healthz"', '192.0.2.1/healthz", headers: {host: "env:HOST"}')],
        "11:62 services.shop.regions.eu-west-1.endpoints.web.headers.host",
        "the Host header is not set here",
        "the endpoint's key host sets it, for TLS too",
    ),
    "region of another service": (
        [("[us-east-1, eu-west-1]", "[us-east-2, eu-west-1]")],
        f"25:19 {POOLS}.world.regions[0]",
        "us-east-2 is not a region of this service",
        "did you mean us-east-1?",
    ),
    "region twice": (
        [("[eu-west-1]", "[eu-west-1, eu-west-1]")],
        f"21:30 {POOLS}.europe.regions[1]",
        "eu-west-1 stands twice in pool europe",
        "",
    ),
    "residency broken": (
        [("[eu-west-1]", "[eu-west-1, us-east-1]")],
        f"21:30 {POOLS}.europe.regions[1]",
        "us-east-1 is in jurisdiction US, but pool europe has residency EU",
        "",
    ),
    "no region serves": (
        [("capacity_rps: 300", "capacity_rps: 300\n        share: 0")],
        f"22:9 {POOLS}.europe.regions",
        "all regions of pool europe have share 0; at least one must have more",
        "",
    ),
    "geography in two pools": (
        [("[default]", '[default, "country:DE"]')],
        f"24:32 {POOLS}.world.geographies[1]",
        "country:DE is already in pool europe; a geography is in one pool, once",
        "",
    ),
    "two defaults": (
        [("        residency: EU\n", ""), ('["country:DE"]', "[default]")],
        f"23:23 {POOLS}.world.geographies[0]",
        "default is already in pool europe; a geography is in one pool, once",
        "",
    ),
    "no default": (
        [("[default]", '["continent:AS"]')],
        "17:5 services.shop.pools",
        "no pool has the geography default; Route 53 would give no answer to users it cannot place",
        "",
    ),
    "bound continent": (
        [('"country:DE"', '"country:DE", "continent:EU"')],
        f"19:37 {POOLS}.europe.geographies[1]",
        "pool europe has residency EU and must name countries, not continent:EU",
        "to Route 53 continent EU also holds RU, TR and GB",
    ),
    "bound default": (
        [("[default]", '["continent:AS"]'), ('"country:DE"', "default")],
        f"19:23 {POOLS}.europe.geographies[0]",
        "pool europe has residency EU and must name countries, not default",
        "default is everybody whom no other pool names",
    ),
    "pool named like a region": (
        [("      europe:\n", "      eu-west-1:\n")],
        f"18:7 {POOLS}.eu-west-1",
        "pool eu-west-1 is named like a region; both would own the same DNS name",
        "",
    ),
    "accelerator for an unknown pool": (
        [
            (EUROPE_LINES, ""),
            (ROUTE53_LINES, f"      {ACCELERATOR.replace('world', 'word')}\n"),
        ],
        "23:27 services.shop.levers.accelerator.pool",
        "word is not a pool of this service",
        "did you mean world?",
    ),
    "accelerator for two pools": (
        [(ROUTE53_LINES, f"      {ACCELERATOR}\n")],
        "17:5 services.shop.pools",
        "an accelerator serves exactly one pool; here are 2: europe, world",
        "",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_each_rule_within_a_service_reports_one_problem(name: str) -> None:
    """Position, path, message and hint are exactly these."""
    replacements, place, message, hint = MISTAKES[name]
    problems = inspect(with_replacements(*replacements)).problems
    found = [(f"{p.line}:{p.column} {p.path}", p.message, p.hint) for p in problems]
    assert found == [(place, message, hint)]


def test_a_bound_pool_behind_an_accelerator_may_have_the_default() -> None:
    """An accelerator ignores countries; only its regions decide about the jurisdiction."""
    text = with_replacements(
        (EUROPE_LINES, ""),
        (ROUTE53_LINES, f"      {ACCELERATOR}\n"),
        ("regions: [us-east-1, eu-west-1]", "residency: EU\n        regions: [eu-west-1]"),
    )
    assert inspect(text).problems == ()


def test_a_region_with_share_zero_is_allowed_beside_others() -> None:
    """It is a reserve, not a mistake."""
    text = with_replacements(("share: 1", "share: 0"))
    assert inspect(text).problems == ()
