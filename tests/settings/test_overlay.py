"""Overlay of variables and flags: keys, precedence and mistakes."""

from __future__ import annotations

import pytest

from controller.settings import inspect
from controller.settings.overlay import from_environment, from_flags
from tests.settings.minimal import MINIMAL, with_replacements

REGION = "GTC__SERVICES__SHOP__REGIONS__EU_WEST_1"


def problems(environment: dict[str, str], text: str = MINIMAL) -> list[tuple[str, str, str, str]]:
    """Origin, path, message and hint of each mistake."""
    found = inspect(text, from_environment(environment)).problems
    return [(one.origin, one.path, one.message, one.hint) for one in found]


def test_variables_set_keys_of_every_kind() -> None:
    """Numbers, booleans, texts and lists; set in the file or not; in upper or lower case."""
    inspection = inspect(
        MINIMAL,
        from_environment(
            {
                "GTC__API__PORT": "9000",
                "GTC__AWS__REQUIRE_ENDPOINT_URL": "true",
                "gtc_url": "no setting",
                "GTC_TOKEN": "none either",
                "GTC__reference_targets__known_good": "[http://192.0.2.8/, 'http://192.0.2.9/']",
                "GTC__STATE_PATH": "/var/lib/gtc #1: x.sqlite",
                "GTC__REGIONS__EU_WEST_1__JURISDICTION": '"49"',
                "GTC__SERVICES__SHOP__POOLS__WORLD__REGIONS": "[us-east-1]",
                "GTC__SERVICES__SHOP__POOLS__EUROPE__RESIDENCY": "null",
            }
        ),
    )
    settings = inspection.settings
    assert settings is not None, inspection.problems
    assert settings.api.port == 9000
    assert settings.aws.require_endpoint_url is True
    assert settings.reference_targets.known_good == ("http://192.0.2.8/", "http://192.0.2.9/")
    assert settings.state_path == "/var/lib/gtc #1: x.sqlite"
    assert settings.regions["eu-west-1"].jurisdiction == "49"
    assert settings.services["shop"].pools["world"].regions == ("us-east-1",)
    assert settings.services["shop"].pools["europe"].residency is None


def test_a_flag_overrides_a_variable_which_overrides_the_file() -> None:
    """Precedence: flag, environment, file, default."""
    variables = {"GTC__STATE_PATH": "b", "GTC__API__PORT": "2"}
    inspection = inspect(MINIMAL, (*from_environment(variables), *from_flags(["api.port=3"])))
    settings = inspection.settings
    assert settings is not None
    assert (settings.state_path, settings.api.port, settings.api.host) == ("b", 3, "127.0.0.1")
    assert inspection.origins[("state_path",)] == "env:GTC__STATE_PATH"
    assert inspection.origins[("api", "port")] == "--set api.port"
    assert inspection.origins[("vantage", "name")] == "line 3"
    assert ("api", "host") not in inspection.origins


@pytest.mark.parametrize(
    ("variable", "value", "path", "message", "hint"),
    [
        ("GTC__API__PROT", "1", "", "no setting has this name", "did you mean GTC__API__PORT?"),
        (
            f"{REGION}__CAPACITY",
            "1",
            "",
            "no setting has this name",
            f"did you mean {REGION}__CAPACITY_RPS?",
        ),
        (
            "GTC__SERVICES__SHOP__REGIONS__EU_WEST_9__SHARE",
            "1",
            "",
            "no setting has this name",
            "did you mean GTC__SERVICES__SHOP__REGIONS__EU_WEST_1__SHARE?",
        ),
        (
            "GTC__CANARIES",
            "[]",
            "",
            "files of version 1 have this key, and this file is of version 2",
            "set GTC__REFERENCE_TARGETS__KNOWN_GOOD",
        ),
        ("GTC__QQQ", "1", "", "no setting has this name", ""),
        ("GTC__API__PORT__X", "1", "", "no setting has this name", "did you mean GTC__API__PORT?"),
        (
            "GTC__VANTAGE",
            "x",
            "vantage",
            "this is a group of keys; set one of them",
            "possible: GTC__VANTAGE__NAME, GTC__VANTAGE__POINTS",
        ),
        (
            "GTC__SERVICES",
            "{}",
            "services",
            "this is a group of keys; set one of them",
            "possible: GTC__SERVICES__SHOP",
        ),
        (
            "GTC__MODE",
            " ",
            "mode",
            "it is set to nothing; unset it, or write null for no value",
            "",
        ),
        (
            "GTC__MODE",
            "no",
            "mode",
            "no is a boolean to some programs and text to others; write true or false, or quote it",
            "",
        ),
        (
            "GTC__API__PORT",
            "99999",
            "api.port",
            "port must be at most 65535, not 99999",
            "",
        ),
        (
            "GTC__PROBING__INTERVAL_S",
            "5m",
            "probing.interval_s",
            "interval_s must be a number, not the text '5m'",
            "durations are plain seconds: write 300",
        ),
        (
            "GTC__REFERENCE_TARGETS__KNOWN_GOOD",
            "[http://192.0.2.9/, ftp://x]",
            "reference_targets.known_good[1]",
            "known_good[1] must be an address to probe (a probe starts with http://, https:// or "
            "tcp://), not the text 'ftp://x'",
            "",
        ),
        (
            "GTC__REFERENCE_TARGETS__KNOWN_GOOD",
            "[1",
            "reference_targets.known_good",
            "not valid YAML: expected ',' or ']', but got the end of the file",
            "",
        ),
        (
            "GTC__REFERENCE_TARGETS__KNOWN_GOOD",
            "[a]\nmode: x",
            "reference_targets.known_good",
            "not valid YAML: it has more than one line",
            "",
        ),
        (
            "GTC__CYCLE__MIN_GAP_S",
            "60",
            "cycle.min_gap_s",
            "min_gap_s (60) must not exceed period_s (10)",
            "",
        ),
    ],
)
def test_a_mistake_in_a_variable_names_the_variable(
    variable: str, value: str, path: str, message: str, hint: str
) -> None:
    """The messages are those for the file; an unknown name gets the most similar key as hint."""
    assert problems({variable: value}) == [(f"env:{variable}", path, message, hint)]


def test_one_key_in_two_variables_is_refused() -> None:
    """Their precedence would be chance."""
    found = problems({"GTC__API__PORT": "1", "GTC__api__port": "2"})
    assert found == [
        ("env:GTC__api__port", "", "env:GTC__API__PORT sets the same key; keep one", "")
    ]


def test_mistakes_of_file_and_environment_are_reported_together() -> None:
    """A mistake in one must not hide a mistake in the other."""
    text = with_replacements(
        ("capacity_rps: 300", "capacity_rps: lots"), ("{name: local}", "local")
    )
    environment = {"GTC__API__PORT": "x", "GTC__VANTAGE__NAME": "ohio"}
    assert [
        (one.origin, one.line) for one in inspect(text, from_environment(environment)).problems
    ] == [
        ("env:GTC__API__PORT", 0),
        ("", 3),
        ("", 9),
    ]


def test_a_flag_without_a_value_is_refused() -> None:
    """`--set` takes KEY=VALUE."""
    with pytest.raises(ValueError, match=r"'api.port' is not of the form KEY=VALUE"):
        from_flags(["api.port"])


def test_a_hint_for_a_flag_has_the_form_of_flags() -> None:
    """The hint can be copied to the command line."""
    (problem,) = inspect(MINIMAL, from_flags(["api.prot=1"])).problems
    assert (problem.origin, problem.hint) == ("--set api.prot", "did you mean api.port?")
