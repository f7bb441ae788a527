"""A probe is about its own region: every other subject is refused or warned of, naming both."""

from __future__ import annotations

import pytest

from controller.settings import inspect
from tests.settings.minimal import with_line, with_replacements

EU, US = 'probe: "http://192.0.2.1/healthz"', 'probe: "http://192.0.2.2/healthz"'


def problems(*replacements: tuple[str, str]) -> list[str]:
    """The mistakes of MINIMAL with replacements."""
    return [problem.message for problem in inspect(with_replacements(*replacements)).problems]


def warnings(*replacements: tuple[str, str]) -> list[str]:
    """The warnings about probes of MINIMAL with replacements."""
    inspection = inspect(with_replacements(*replacements))
    assert inspection.problems == ()
    return [one.message for one in inspection.warnings if one.path.endswith(".probe")]


@pytest.mark.parametrize(
    "name",
    ["shop.example.test", "shop.example.test.", "Shop.Example.Test", "world.shop.example.test"],
)
def test_a_steered_name_cannot_be_probed(name: str) -> None:
    """The service's own name, or a pool's, however it is spelt."""
    [message] = problems((EU, f'probe: "https://{name}/healthz"'))
    assert message.startswith("shop/eu-west-1/web probes ")
    assert "the name that service shop steers" in message


@pytest.mark.parametrize(
    "probe",
    ["http://192.0.2.1/healthz", "http://192.0.2.1:80/healthz", "http://192.0.2.1/healthz#x"],
)
def test_two_regions_cannot_be_told_apart_by_one_probe(probe: str) -> None:
    """The port of the scheme and a fragment make no difference."""
    assert problems((US, f'probe: "{probe}"')) == [
        "shop/us-east-1/web probes what shop/eu-west-1/web probes: the one cannot be told from the "
        "other"
    ]


@pytest.mark.parametrize(
    "endpoint",
    ['probe: "http://192.0.2.1/us"', 'probe: "http://192.0.2.1/healthz", host: us.example.test'],
)
def test_one_address_for_two_regions_is_warned_of(endpoint: str) -> None:
    """A gateway may tell them apart by path or name; but it fails for both."""
    assert warnings((US, endpoint)) == [
        "shop/us-east-1/web and shop/eu-west-1/web are probed at one address, 192.0.2.1"
    ]


@pytest.mark.parametrize(
    ("host", "named"),
    [
        ("alb-1.us-east-1.elb.amazonaws.com", "us-east-1"),
        ("shop-us-east-1.example.test", "us-east-1"),
        ("us-east-1.example.test", "us-east-1"),
    ],
)
def test_an_address_named_after_another_region_is_warned_of(host: str, named: str) -> None:
    """A slip of copying that nothing else would find until that region fails."""
    assert warnings((EU, f'probe: "https://{host}/"')) == [
        f"shop/eu-west-1/web probes {host}, which is named after {named}"
    ]


@pytest.mark.parametrize(
    "host",
    [
        "alb-1.eu-west-1.elb.amazonaws.com",
        "eu-west-1.from.us-east-1.example.test",
        "us-east-12.example.test",
        "focus-east-1.example.test",
    ],
)
def test_other_names_are_not_warned_of(host: str) -> None:
    """Its own region's, both, or another word."""
    assert warnings((EU, f'probe: "https://{host}/"')) == []


def test_an_accelerator_is_warned_of() -> None:
    """It leads to whichever region its dials say."""
    [message] = warnings((EU, 'probe: "https://a1.awsglobalaccelerator.com/"'))
    assert "an accelerator, which may lead to any region" in message


@pytest.mark.parametrize("kind", ["known_good", "known_bad"])
@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("http://192.0.2.1/other", "is an address of endpoint shop/eu-west-1/web, too"),
        ("tcp://192.0.2.2:80", "is an address of endpoint shop/us-east-1/web, too"),
        ("https://shop.example.test/", "is a name that service shop steers"),
    ],
)
def test_a_reference_target_stands_apart(kind: str, target: str, words: str) -> None:
    """It would fail together with what it should tell apart."""
    line = f"reference_targets: {{{kind}: [{target}]}}"
    [problem] = inspect(with_line(line)).problems
    assert words in problem.message
    assert problem.path == f"reference_targets.{kind}[0]"
