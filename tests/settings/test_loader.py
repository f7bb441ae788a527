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
from tests.settings.minimal import MINIMAL, spoiled

CAPACITY = "capacity_rps: 300"
DEMAND = "demand_rps: 100"
VANTAGE = "vantage: {name: local}"
PROBE = "http://192.0.2.1/healthz"
REGION = "services.shop.regions.eu-west-1"
POOLS = "services.shop.pools"
ROUTE53 = "services.shop.levers.route53"


def instead(text: str, line: str) -> str:
    """MINIMAL with `text` replaced by `line`."""
    return spoiled((text, line))


def added(line: str) -> str:
    """MINIMAL with another line after `vantage`: the fourth."""
    return spoiled((VANTAGE, f"{VANTAGE}\n{line}"))


MISTAKES = {
    "missing key": (
        instead("state_path: gtc.sqlite\n", ""),
        "1:1 state_path",
        "the key state_path is missing",
        "SQLite file with overrides, decision records and audit.",
    ),
    "other version": (
        instead("schema_version: 2", "schema_version: 3"),
        "1:17 schema_version",
        "schema_version must be 2 (or 1, which is read as well), not 3",
        "",
    ),
    "unknown key": (
        added("probing: {interval: 1}"),
        "4:11 probing.interval",
        "unknown key interval",
        "did you mean interval_s?",
    ),
    "known-good reference targets by their earlier name": (
        added("canaries: [http://192.0.2.1/]"),
        "4:1 canaries",
        "unknown key canaries",
        "this file is of version 2, where it is reference_targets.known_good",
    ),
    "known-bad reference targets by their earlier name": (
        added("bad_canaries: [tcp://192.0.2.1:9]"),
        "4:1 bad_canaries",
        "unknown key bad_canaries",
        "this file is of version 2, where it is reference_targets.known_bad",
    ),
    "unknown key like no other": (
        added("api: {colour: red}"),
        "4:7 api.colour",
        "unknown key colour",
        "possible here: host, port, hosts, tokens, limits",
    ),
    "misspelt required key": (
        instead(CAPACITY, "capacity_rsp: 300"),
        f"9:9 {REGION}.capacity_rsp",
        "unknown key capacity_rsp",
        "did you mean capacity_rps?",
    ),
    "text for a number": (
        instead(CAPACITY, "capacity_rps: lots"),
        f"9:23 {REGION}.capacity_rps",
        "capacity_rps must be a number, not the text 'lots'",
        "",
    ),
    "quoted number": (
        instead(CAPACITY, 'capacity_rps: "300"'),
        f"9:23 {REGION}.capacity_rps",
        "capacity_rps must be a number, not the text '300'",
        "leave out the quotes",
    ),
    "zero capacity": (
        instead(CAPACITY, "capacity_rps: 0"),
        f"9:23 {REGION}.capacity_rps",
        "capacity_rps must be greater than 0, not 0",
        "",
    ),
    "no value": (
        instead(DEMAND, "demand_rps:"),
        f"22:20 {POOLS}.europe.demand_rps",
        "demand_rps must be a number, not empty",
        "",
    ),
    "latency missing for a region": (
        instead(
            "[us-east-1, eu-west-1]", "[us-east-1, eu-west-1]\n        latency_ms: {us-east-1: 9}"
        ),
        f"26:9 {POOLS}.world.latency_ms",
        "latency_ms lacks eu-west-1; all of the pool's regions, or none",
        "",
    ),
    "latency to a region of another pool": (
        instead("[eu-west-1]", "[eu-west-1]\n        latency_ms: {eu-west-1: 9, eu-west-2: 9}"),
        f"22:47 {POOLS}.europe.latency_ms.eu-west-2",
        "eu-west-2 is not in pool europe",
        "did you mean eu-west-1?",
    ),
    "list for a number": (
        instead(CAPACITY, "capacity_rps: [300]"),
        f"9:23 {REGION}.capacity_rps",
        "capacity_rps must be a number, not a list",
        "",
    ),
    "number for a text": (
        instead("jurisdiction: EU", "jurisdiction: 49"),
        "4:37 regions.eu-west-1.jurisdiction",
        "jurisdiction must be text, not 49",
        "quote it to make it text",
    ),
    "Norway": (
        instead("jurisdiction: EU", "jurisdiction: NO"),
        "4:37 regions.eu-west-1.jurisdiction",
        "NO is a boolean to some programs and text to others; write true or false, or quote it",
        "",
    ),
    "empty text": (
        instead("gtc.sqlite", "''"),
        "2:13 state_path",
        "state_path must be text that is not empty, not the text ''",
        "",
    ),
    "text for a mapping": (
        instead("{name: local}", "local"),
        "3:10 vantage",
        "vantage must be a mapping of keys, not the text 'local'",
        "",
    ),
    "capital in a name": (
        instead("{name: local}", "{name: Local}"),
        "3:17 vantage.name",
        "name must be a name of lower-case letters, digits and hyphens that begins with a letter, "
        "not the text 'Local'",
        "",
    ),
    "duration with a unit": (
        added("probing: {interval_s: 5m}"),
        "4:23 probing.interval_s",
        "interval_s must be a number, not the text '5m'",
        "durations are plain seconds: write 300",
    ),
    "part of a count": (
        added("health: {down_after: 2.5}"),
        "4:22 health.down_after",
        "down_after must be a whole number, not 2.5",
        "",
    ),
    "ratio above one": (
        added("guards: {panic_ratio: 1.5}"),
        "4:23 guards.panic_ratio",
        "panic_ratio must be at most 1, not 1.5",
        "",
    ),
    "number for a boolean": (
        added("aws: {require_endpoint_url: 1}"),
        "4:29 aws.require_endpoint_url",
        "require_endpoint_url must be true or false, not 1",
        "",
    ),
    "unknown mode": (
        added("mode: dryrun"),
        "4:7 mode",
        "mode must be active or dry_run, not the text 'dryrun'",
        "did you mean dry_run?",
    ),
    "unknown mode of a service": (
        MINIMAL.replace("    regions:\n", "    mode: dryrun\n    regions:\n", 1),
        "7:11 services.shop.mode",
        "mode must be active or dry_run, not the text 'dryrun'",
        "did you mean dry_run?",
    ),
    "text for a list": (
        added("reference_targets: {known_good: http://192.0.2.1/}"),
        "4:33 reference_targets.known_good",
        "known_good must be a list, not the text 'http://192.0.2.1/'",
        "",
    ),
    "port too high": (
        added("api: {port: 70000}"),
        "4:13 api.port",
        "port must be at most 65535, not 70000",
        "",
    ),
    "known-bad reference target without a port": (
        added("reference_targets: {known_bad: [tcp://192.0.2.1]}"),
        "4:33 reference_targets.known_bad[0]",
        "known_bad[0] must be an address to probe (a tcp probe is tcp://host:port, with nothing "
        "behind the port), not the text 'tcp://192.0.2.1'",
        "",
    ),
    "known-good reference target without a scheme": (
        added("reference_targets: {known_good: [http://192.0.2.1/, 192.0.2.2]}"),
        "4:53 reference_targets.known_good[1]",
        "known_good[1] must be an address to probe (a probe starts with http://, https:// or "
        "tcp://), not the text '192.0.2.2'",
        "",
    ),
    "tcp probe without a port": (
        instead(PROBE, "tcp://192.0.2.1"),
        f"11:24 {REGION}.endpoints.web.probe",
        "probe must be an address to probe (a tcp probe is tcp://host:port, with nothing behind "
        "the port), not the text 'tcp://192.0.2.1'",
        "",
    ),
    "probe with an impossible port": (
        instead(PROBE, "http://192.0.2.1:99999/"),
        f"11:24 {REGION}.endpoints.web.probe",
        "probe must be an address to probe (host and port cannot be read, as they can in "
        "http://[::1]:80/), not the text 'http://192.0.2.1:99999/'",
        "",
    ),
    "status that does not exist": (
        instead(f'"{PROBE}"', f'"{PROBE}", statuses: [200, 99]'),
        f"11:68 {REGION}.endpoints.web.statuses[1]",
        "statuses[1] must be a status from 100 to 599, a class such as 2xx or a range such as "
        "200-204, not 99",
        "",
    ),
    "status range the wrong way round": (
        instead(f'"{PROBE}"', f'"{PROBE}", statuses: [204-200]'),
        f"11:63 {REGION}.endpoints.web.statuses[0]",
        "statuses[0] must be a status from 100 to 599, a class such as 2xx or a range such as "
        "200-204, not the text '204-200'",
        "",
    ),
    "no status passes": (
        instead(f'"{PROBE}"', f'"{PROBE}", statuses: []'),
        f"11:62 {REGION}.endpoints.web.statuses",
        "statuses must be a list with at least 1 entry, not an empty list",
        "",
    ),
    "secret instead of a reference": (
        instead(f'"{PROBE}"', f'"{PROBE}", headers: {{Authorization: Bearer s3cret-canary}}'),
        f"11:77 {REGION}.endpoints.web.headers.Authorization",
        "Authorization must be where a secret is found, env:NAME or file:/path, never the secret",
        "",
    ),
    "secrets that are no mapping": (
        instead(f'"{PROBE}"', f'"{PROBE}", headers: Bearer s3cret-canary'),
        f"11:61 {REGION}.endpoints.web.headers",
        "headers must be a mapping of keys",
        "",
    ),
    "reference to a relative path": (
        instead(f'"{PROBE}"', f'"{PROBE}", headers: {{X-Key: "file:token"}}'),
        f"11:69 {REGION}.endpoints.web.headers.X-Key",
        "X-Key must be where a secret is found, env:NAME or file:/path, never the secret",
        "",
    ),
    "header that is none": (
        instead(f'"{PROBE}"', f'"{PROBE}", headers: {{"X Key": "env:KEY"}}'),
        f"11:62 {REGION}.endpoints.web.headers.X Key",
        "X Key must be an HTTP header's name such as Authorization",
        "",
    ),
    "host with a port": (
        instead(f'"{PROBE}"', f'"{PROBE}", host: app.example.com:443'),
        f"11:58 {REGION}.endpoints.web.host",
        "host must be a host's name in lower case such as app.example.com, "
        "not the text 'app.example.com:443'",
        "",
    ),
    "relative path of authorities": (
        instead(f'"{PROBE}"', '"https://192.0.2.1/", ca_file: ca.pem'),
        f"11:55 {REGION}.endpoints.web.ca_file",
        "ca_file must be an absolute path such as /etc/gtc/ca.pem, not the text 'ca.pem'",
        "",
    ),
    "password in an address": (
        instead(PROBE, "http://user:s3cret-canary@192.0.2.1/"),
        f"11:24 {REGION}.endpoints.web.probe",
        "probe must be an address without user name and password; `headers` carries them",
        "",
    ),
    "region that is none": (
        spoiled(("us-east-1:\n", "us-east:\n"), ("[us-east-1, ", "[")),
        "12:7 services.shop.regions.us-east",
        "us-east must be an AWS region such as eu-west-1",
        "",
    ),
    "region that the catalogue lacks": (
        instead("{jurisdiction: EU}, us-east-1", "{jurisdiction: EU}, us-east-2"),
        "12:7 services.shop.regions.us-east-1",
        "the catalogue of regions (regions) has no us-east-1",
        "did you mean us-east-2? it has eu-west-1, us-east-2",
    ),
    "region unlike any of the catalogue": (
        instead(", us-east-1: {jurisdiction: US}", ""),
        "12:7 services.shop.regions.us-east-1",
        "the catalogue of regions (regions) has no us-east-1",
        "it has eu-west-1",
    ),
    "no catalogue": (
        instead("regions: {eu-west-1: {jurisdiction: EU}, us-east-1: {jurisdiction: US}}\n", ""),
        "1:1 regions",
        "the key regions is missing",
        "The catalogue of regions: what is the same for every service; services refer to it.",
    ),
    "region of the catalogue without jurisdiction": (
        instead("{jurisdiction: US}", "{place: Ohio}"),
        "4:42 regions.us-east-1.jurisdiction",
        "the key jurisdiction is missing",
        "Whose law holds there, for example EU or US; pools with a `residency` compare it.",
    ),
    "lower-case country": (
        instead("country:DE", "country:de"),
        f"19:23 {POOLS}.europe.geographies[0]",
        "geographies[0] must be default, continent:XX or country:XX with the two-letter code in "
        "capitals, not the text 'country:de'",
        "",
    ),
    "empty list": (
        instead('["country:DE"]', "[]"),
        f"19:22 {POOLS}.europe.geographies",
        "geographies must be a list with at least 1 entry, not an empty list",
        "",
    ),
    "zone with its path": (
        instead("Z1", "/hostedzone/Z1"),
        f"29:25 {ROUTE53}.hosted_zone_id",
        "hosted_zone_id must be a hosted zone's id such as Z0123456789ABCDEFGHIJ, "
        "not the text '/hostedzone/Z1'",
        "",
    ),
    "name without its final dot": (
        instead("example.test.", "example.test"),
        f"30:15 {ROUTE53}.name",
        "name must be a lower-case name with its final dot, such as app.example.com., "
        "not the text 'shop.example.test'",
        "",
    ),
    "key twice": (
        added("state_path: other.sqlite"),
        "4:1 state_path",
        "the key state_path appears twice, in line 2 and in line 4; keep one",
        "",
    ),
    "unknown region of a pool": (
        instead("[eu-west-1]", "[eu-west-2]"),
        f"21:19 {POOLS}.europe.regions[0]",
        "eu-west-2 is not a region of this service",
        "did you mean eu-west-1?",
    ),
    "public API": (
        added("api: {host: 0.0.0.0}"),
        "4:13 api.host",
        "api.host is '0.0.0.0', where others reach it, and api.tokens names nobody: "
        "everybody would be admin",
        "make a token with `gtc token new`, or listen on 127.0.0.1",
    ),
}


def test_an_address_with_a_password_in_both_lists_is_not_shown() -> None:
    """Only the password is reported; the address is not compared with the other list."""
    address = "'tcp://u:s3cret-canary@192.0.2.1:1'"
    both = f"known_good: [{address}], known_bad: [{address}]"
    problems = inspect(added(f"reference_targets: {{{both}}}")).problems

    assert [p.path for p in problems] == [
        "reference_targets.known_good[0]",
        "reference_targets.known_bad[0]",
    ]
    assert "s3cret-canary" not in "".join(p.message + p.hint for p in problems)


@pytest.mark.parametrize("name", MISTAKES)
def test_one_mistake_gives_one_problem_with_position_message_and_hint(name: str) -> None:
    """They are exactly these; no other problem follows from the mistake."""
    text, place, message, hint = MISTAKES[name]
    found = [(f"{p.line}:{p.column} {p.path}", p.message, p.hint) for p in inspect(text).problems]
    assert found == [(place, message, hint)]


def test_a_possible_secret_is_not_in_a_message_and_its_line_is_confidential() -> None:
    """Build systems store messages in logs."""
    shown = []
    for text, *_ in MISTAKES.values():
        for problem in inspect(text).problems:
            hidden = "s3cret-canary" in text.splitlines()[max(0, problem.line - 1)]
            assert problem.confidential or not hidden
            shown.append(repr(problem))
    assert "s3cret-canary" not in "".join(shown)


def test_all_mistakes_in_the_line_of_a_secret_are_confidential() -> None:
    """The excerpt of the line would show the secret."""
    text = instead(f'"{PROBE}"', f'"{PROBE}", headers: {{X-Key: s3cret}}, required: 1')
    assert [problem.confidential for problem in inspect(text).problems] == [True, True]


def test_the_configuration_without_the_mistakes_is_valid() -> None:
    """Otherwise the table above would prove nothing."""
    settings = parse(MINIMAL, "minimal.yaml")
    assert settings.mode is Mode.ACTIVE
    assert settings.services["shop"].pools["world"].regions == ("us-east-1", "eu-west-1")


def test_mistakes_of_three_kinds_are_reported_together_in_the_order_of_lines() -> None:
    """Of the YAML, of a configuration model and of a rule: an operator can fix all of them at
    once."""
    text = spoiled(
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
    text = spoiled(("[eu-west-1]", "[us-east-1]")) + other
    assert [p.path for p in inspect(text).problems] == [
        "services.shop.pools.europe.regions[0]",
        "services.books.levers.route53.hosted_zone_id",
    ]


def test_a_mistake_in_a_region_does_not_hide_mistakes_of_its_pools() -> None:
    """Most files have one service, so its parts are checked one by one."""
    text = spoiled(
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
    (problem,) = inspect(instead(CAPACITY, f"capacity_rps: {'x' * 500}")).problems
    assert problem.message == f"capacity_rps must be a number, not the text '{'x' * 57}...'"


def test_an_unprintable_key_is_shown_escaped() -> None:
    """A path is one line without control characters."""
    (problem,) = inspect(added('"a\\nb\\e": 1')).problems
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
def test_any_line_spoiled_gives_settings_or_problems(number: int, line: str) -> None:
    """For texts with one wrong line, which reach the configuration models and rules."""
    indent = LINES[number][: len(LINES[number]) - len(LINES[number].lstrip())]
    _settings_or_problems("\n".join([*LINES[:number], indent + line, *LINES[number + 1 :]]))
