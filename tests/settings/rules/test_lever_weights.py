"""Weights that settings state, and shares that whole weights cannot express."""

from __future__ import annotations

import pytest

from controller.settings import inspect
from tests.settings.minimal import with_replacements

NAME = "name: shop.example.test.\n"
ROUTE53 = "services.shop.levers.route53.weights"
ACCELERATOR = "services.shop.levers.accelerator.weights"
ARN = "arn:aws:globalaccelerator::000000000000:accelerator/00000000-0000-4000-8000-000000000001"
ONE_POOL = (
    '      europe:\n        geographies: ["country:DE"]\n        residency: EU\n'
    "        regions: [eu-west-1]\n        demand_rps: 100\n",
    "",
)


def problems(*replacements: tuple[str, str]) -> list[tuple[str, str, str]]:
    """Path, message and hint of every mistake."""
    found = inspect(with_replacements(*replacements)).problems
    return [(one.path, one.message, one.hint) for one in found]


def record_weights(text: str) -> list[tuple[str, str, str]]:
    """The mistakes of MINIMAL with these weights of records."""
    return problems((NAME, f"{NAME}        weights: {text}\n"))


def endpoint_weights(text: str) -> list[tuple[str, str, str]]:
    """The mistakes of MINIMAL behind an accelerator, with these weights of endpoints."""
    lever = f"accelerator:\n        pool: world\n        arn: {ARN}\n        weights: {text}\n"
    route53 = f"route53:\n        hosted_zone_id: Z1\n        {NAME}"
    return problems(ONE_POOL, (route53, lever))


def test_weights_of_the_services_regions_are_accepted() -> None:
    """Both levers."""
    assert record_weights("{world: {us-east-1: {A: 2, AAAA: 1}}}") == []
    assert endpoint_weights("{us-east-1: {alb-1: 230, alb-2: 25}}") == []


@pytest.mark.parametrize(
    ("text", "place", "message", "hint"),
    [
        ("{wrold: {}}", "wrold", "wrold is not a pool of this service", "did you mean world?"),
        (
            "{europe: {us-east-1: {A: 1, AAAA: 2}}}",
            "europe.us-east-1",
            "us-east-1 is not in pool europe",
            "",
        ),
        (
            "{world: {us-east-1: {A: 1}}}",
            "world.us-east-1",
            "the ratio of us-east-1 lacks AAAA; it takes A and AAAA",
            "",
        ),
    ],
)
def test_ratios_of_records_name_pool_region_and_both_types(
    text: str, place: str, message: str, hint: str
) -> None:
    """The mistake has its place, its value and what is allowed."""
    ((path, found, said),) = record_weights(text)
    assert (path, found) == (f"{ROUTE53}.{place}", message)
    assert hint in said


def test_a_ratio_has_no_other_type_and_no_weight_beyond_255() -> None:
    """A record's weight of 0 has no ratio to anything."""
    paths = [path for path, _, _ in record_weights("{world: {us-east-1: {A: 0, AAAA: 256}}}")]
    assert paths == [f"{ROUTE53}.world.us-east-1.{type_}" for type_ in ("A", "AAAA")]
    (one,) = record_weights("{world: {us-east-1: {A: 1, AAAA: 1, MX: 1}}}")
    assert one[0].startswith(f"{ROUTE53}.world.us-east-1")


def test_weights_of_endpoints_name_a_region_of_the_pool_and_leave_one_open() -> None:
    """An endpoint may have 0, not all of them."""
    assert endpoint_weights("{us-east-1: {alb-1: 0, alb-2: 25}}") == []
    ((path, message, _),) = endpoint_weights("{us-east-1: {alb-1: 0}}")
    assert path == f"{ACCELERATOR}.us-east-1"
    assert message == "no endpoint of us-east-1 has a weight above 0; the region could never serve"
    ((path, message, _),) = endpoint_weights("{us-west-1: {alb-1: 1}}")
    assert (path, message) == (f"{ACCELERATOR}.us-west-1", "us-west-1 is not in pool world")


def share_warnings(share: str) -> list[str]:
    """The warnings about shares of MINIMAL when us-east-1 has this share and eu-west-1 has 1."""
    inspection = inspect(with_replacements(("share: 1", f"share: {share}")))
    return [one.message for one in inspection.warnings if "cannot express" in one.message]


@pytest.mark.parametrize(("share", "is_told"), [("1", False), ("255", False), ("0", False)])
def test_shares_that_fit_are_not_mentioned(share: str, is_told: bool) -> None:
    """1 to 255 is the finest that weights can say; a reserve has share 0."""
    assert bool(share_warnings(share)) is is_told


def test_shares_that_weights_cannot_express_within_half_a_point_are_said() -> None:
    """A hundred regions of a thousandth each; alone a thousandth is rounded by 0.3 points."""
    assert share_warnings("1000") == []
    small = "".join(
        f"      eu-test-{i}:\n        share: 0.1\n        capacity_rps: 1\n        endpoints:\n"
        f'          web: {{probe: "http://192.0.2.9/{i}"}}\n'
        for i in range(9)
    )
    names = [f"eu-test-{i}" for i in range(9)]
    catalogue = "".join(f"{name}: {{jurisdiction: EU}}, " for name in names)
    text = with_replacements(
        ("regions: {", f"regions: {{{catalogue}"),
        ("      us-east-1:\n        share: 1\n", f"{small}      us-east-1:\n        share: 100\n"),
        ("[us-east-1, eu-west-1]", f"[us-east-1, {', '.join(names)}]"),
    )
    (found,) = [w for w in inspect(text).warnings if "cannot express" in w.message]
    assert found.path == "services.shop.pools.world.regions"
    assert found.message == (
        "weights of 0 to 255 cannot express the shares of pool world: us-east-1 would get 96.6 % "
        "instead of 99.1 %"
    )
