"""Loading a configuration: settings, or every mistake at once with its position."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, seed
from hypothesis import settings as profile
from hypothesis import strategies as st

from controller.model.configuration import Mode
from controller.model.errors import InvalidSettingsError, Problem
from controller.settings import inspect, load, parse
from controller.settings.loader import MAX_BYTES
from tests.settings.endpoint_mistakes import ENDPOINT_MISTAKES
from tests.settings.minimal import MINIMAL, replaced, with_line, with_replacements
from tests.settings.mistakes import MISTAKES

CAPACITY = "capacity_rps: 300"
PROBE = "http://192.0.2.1/healthz"
ALL_MISTAKES = {**MISTAKES, **ENDPOINT_MISTAKES}


def test_an_address_with_a_password_in_both_lists_is_not_shown() -> None:
    """Only the password is reported; the address is not compared with the other list."""
    address = "'tcp://u:s3cret-canary@192.0.2.1:1'"
    both = f"known_good: [{address}], known_bad: [{address}]"
    problems = inspect(with_line(f"reference_targets: {{{both}}}")).problems

    assert [p.path for p in problems] == [
        "reference_targets.known_good[0]",
        "reference_targets.known_bad[0]",
    ]
    assert "s3cret-canary" not in "".join(p.message + p.hint for p in problems)


@pytest.mark.parametrize("name", ALL_MISTAKES)
def test_one_mistake_gives_one_problem_with_position_message_and_hint(name: str) -> None:
    """They are exactly these; no other problem follows from the mistake."""
    text, place, message, hint = ALL_MISTAKES[name]
    found = [(f"{p.line}:{p.column} {p.path}", p.message, p.hint) for p in inspect(text).problems]
    assert found == [(place, message, hint)]


def test_a_possible_secret_is_not_in_a_message_and_its_line_is_confidential() -> None:
    """Build systems store messages in logs."""
    shown = []
    for text, *_ in ALL_MISTAKES.values():
        for problem in inspect(text).problems:
            hidden = "s3cret-canary" in text.splitlines()[max(0, problem.line - 1)]
            assert problem.confidential or not hidden
            shown.append(repr(problem))
    assert "s3cret-canary" not in "".join(shown)


def test_all_mistakes_in_the_line_of_a_secret_are_confidential() -> None:
    """The excerpt of the line would show the secret."""
    text = replaced(f'"{PROBE}"', f'"{PROBE}", headers: {{X-Key: s3cret}}, required: 1')
    assert [problem.confidential for problem in inspect(text).problems] == [True, True]


def test_the_configuration_without_the_mistakes_is_valid() -> None:
    """Otherwise the table above would prove nothing."""
    settings = parse(MINIMAL, "minimal.yaml")
    assert settings.mode is Mode.ACTIVE
    assert settings.services["shop"].pools["world"].regions == ("us-east-1", "eu-west-1")


def test_mistakes_of_three_kinds_are_reported_together_in_the_order_of_lines() -> None:
    """Of the YAML, of a configuration model and of a rule: an operator can fix all of them at
    once."""
    text = with_replacements(
        ("state_path: gtc.sqlite", "state_path: a\nstate_path: b"),
        ("{name: local}", "{name: local, colour: red}"),
        ("[eu-west-1]", "[us-east-1]"),
    )
    with pytest.raises(InvalidSettingsError) as refusal:
        parse(text, "x.yaml")
    assert refusal.value.source == "x.yaml"
    assert [(p.line, p.message) for p in refusal.value.problems] == [
        (3, "the key state_path appears twice, in line 2 and in line 3; keep one"),
        (4, "unknown key colour"),
        (22, "us-east-1 is in jurisdiction US, but pool europe has residency EU"),
    ]


def test_a_mistake_in_one_service_does_not_hide_mistakes_of_another() -> None:
    """Rules run on every part that is valid by itself."""
    other = MINIMAL.split("services:\n")[1].replace("shop", "books").replace("Z1", "z2")
    text = with_replacements(("[eu-west-1]", "[us-east-1]")) + other
    assert [p.path for p in inspect(text).problems] == [
        "services.shop.pools.europe.regions[0]",
        "services.books.levers.route53.hosted_zone_id",
    ]


def test_a_mistake_in_a_region_does_not_hide_mistakes_of_its_pools() -> None:
    """Most files have one service, so its parts are checked one by one."""
    text = with_replacements(
        (CAPACITY, "capacity_rsp: 300"),
        ("capacity_rps: 600", "capacity_rps: 600\n        colour: red"),
        ("[eu-west-1]", "[eu-west-1, us-east-1, us-west-9]"),
        ("[default]", '[default, "country:DE"]'),
    )
    assert [(p.line, p.message) for p in inspect(text).problems] == [
        (9, "unknown key capacity_rsp"),
        (15, "unknown key colour"),
        (22, "us-east-1 is in jurisdiction US, but pool europe has residency EU"),
        (22, "us-west-9 is not a region of this service"),
        (25, "country:DE is already in pool europe; a geography is in one pool, once"),
    ]


def test_a_long_value_is_shortened_in_its_message() -> None:
    """A pasted certificate must not hide the other messages."""
    (problem,) = inspect(replaced(CAPACITY, f"capacity_rps: {'x' * 500}")).problems
    assert problem.message == f"capacity_rps must be a number, not the text '{'x' * 57}...'"


def test_an_unprintable_key_is_shown_escaped() -> None:
    """A path is one line without control characters."""
    (problem,) = inspect(with_line('"a\\nb\\e": 1')).problems
    assert problem.path == "'a\\nb\\x1b'"


def test_a_file_is_loaded_from_its_path(tmp_path: Path) -> None:
    """As `gtc run` loads it."""
    path = tmp_path / "gtc.yaml"
    path.write_text(MINIMAL)
    assert load(path) == parse(MINIMAL, "x")


def test_a_missing_file_is_a_problem_like_any_other(tmp_path: Path) -> None:
    """Callers handle one type of error."""
    with pytest.raises(InvalidSettingsError) as refusal:
        load(tmp_path / "none.yaml")
    assert refusal.value.problems[0].message == "cannot be read: No such file or directory"


def test_a_file_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    """The message names the first invalid byte."""
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"a: \xe9")
    with pytest.raises(InvalidSettingsError) as refusal:
        load(path)
    assert refusal.value.problems[0].message == "not UTF-8 text (byte 4); save it as UTF-8"


def test_a_file_that_is_too_large_is_refused_unread(tmp_path: Path) -> None:
    """A large log given by mistake is refused at once, not after an hour."""
    path = tmp_path / "year.log"
    path.write_bytes(b"a: 1\n" * (MAX_BYTES // 5 + 1))
    with pytest.raises(InvalidSettingsError) as refusal:
        load(path)
    message = "larger than 4 MiB, which no settings are; is it the right file?"
    assert refusal.value.problems == (Problem(message),)


LINES = MINIMAL.splitlines()
FRAGMENTS = st.sampled_from(
    [*LINES, *(line.strip() for line in LINES), "- x", "a: [", "}", "&a", "*a", "!!int", "<<: 1",
     "yes", "1:30", "9" * 400, ".inf", "? x", "%YAML 1.1", "---", "...", "'", '"\\ud800"', "\t",
     "services: 3", "route53: null", "regions: {}", "[key]: 1", "name: &x {a: *x}"]
)  # fmt: skip


def _settings_or_problems(text: str) -> None:
    inspection = inspect(text)
    assert (inspection.settings is None) == bool(inspection.problems)
    for problem in (*inspection.problems, *inspection.warnings):
        assert problem.line >= 1
        assert problem.column >= 1
        assert "\n" not in problem.message + problem.path


@seed(20261123)
@profile(max_examples=300, deadline=None, database=None)
@given(st.text())
def test_any_text_gives_settings_or_problems(text: str) -> None:
    """No other error is raised for any text."""
    _settings_or_problems(text)


@seed(20261123)
@profile(max_examples=300, deadline=None, database=None)
@given(st.lists(FRAGMENTS, max_size=12).map("\n".join))
def test_any_mixture_of_configuration_and_nonsense_gives_settings_or_problems(text: str) -> None:
    """For texts that the scanner accepts more often."""
    _settings_or_problems(text)


@seed(20261123)
@profile(max_examples=300, deadline=None, database=None)
@given(st.integers(0, len(LINES) - 1), st.one_of(FRAGMENTS, st.text(max_size=20)))
def test_any_replaced_line_gives_settings_or_problems(number: int, line: str) -> None:
    """For texts with one wrong line, which reach the configuration models and rules."""
    indent = LINES[number][: len(LINES[number]) - len(LINES[number].lstrip())]
    _settings_or_problems("\n".join([*LINES[:number], indent + line, *LINES[number + 1 :]]))
