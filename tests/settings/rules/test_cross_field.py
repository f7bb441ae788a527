"""Rules across sections and services: position and message of each mistake."""

from __future__ import annotations

import pytest

from controller.settings import inspect
from tests.settings.minimal import MINIMAL, with_replacements

VANTAGE = "vantage: {name: local}"
SHOP = MINIMAL.split("services:\n")[1]
ARN = "arn:aws:globalaccelerator::000000000000:accelerator/1"
PLAY = f"""\
  play:
    regions:
      eu-west-1:
        capacity_rps: 300
        endpoints:
          web: {{probe: "tcp://192.0.2.1:9000"}}
    pools:
      world: {{geographies: [default], regions: [eu-west-1], demand_rps: 1}}
    levers:
      accelerator: {{pool: world, arn: "{ARN}"}}
"""


def token(name: str, digit: str) -> str:
    """A token in flow style; its hash repeats one digit."""
    return f'{{name: {name}, role: viewer, sha256: "{digit * 64}"}}'


SECTIONS = {
    "subnet of a geography that no pool has": (
        f'{VANTAGE}\nanswers: {{subnets: {{"country:JP": 192.0.2.0/24}}}}',
        "4:21 answers.subnets.country:JP",
        "no pool names the geography country:JP",
        "",
    ),
    "subnet with an address inside": (
        f"{VANTAGE}\nanswers: {{subnets: {{default: 192.0.2.1/24}}}}",
        "4:30 answers.subnets.default",
        "default must be a subnet such as 192.0.2.0/24 (192.0.2.1/24 has host bits set), "
        "not the text '192.0.2.1/24'",
        "",
    ),
    "name server by name": (
        f"{VANTAGE}\nanswers: {{name_servers: [ns.example.com]}}",
        "4:26 answers.name_servers[0]",
        "name_servers[0] must be an address with or without a port, as in 192.0.2.1:53, "
        "not the text 'ns.example.com'",
        "",
    ),
    "reference target known to be good and to be bad": (
        f"{VANTAGE}\nreference_targets:\n  known_good: [tcp://192.0.2.8:1]\n"
        "  known_bad: [tcp://192.0.2.9:1, tcp://192.0.2.8:1]",
        "6:34 reference_targets.known_bad[1]",
        "known_bad[1] is 'tcp://192.0.2.8:1', which is in known_good, too: "
        "an address is known either to answer or not to answer",
        "leave it in one of the two lists",
    ),
    "votes of other vantage points": (
        "vantage: {name: ohio, points: [ohio, dublin, tokyo]}",
        "3:31 vantage.points",
        "points names 3 vantage points, but this version has the votes of ohio alone: "
        "without a majority nothing would ever move",
        "write [ohio], or leave points out",
    ),
    "reserve as large as the burst": (
        f"{VANTAGE}\naws: {{calls_burst: 5}}",
        "4:1 aws.calls_reserve",
        "calls_reserve (5) must be less than calls_burst (5)",
        "",
    ),
    "gap above the period": (
        f"{VANTAGE}\ncycle: {{period_s: 5, min_gap_s: 6}}",
        "4:33 cycle.min_gap_s",
        "min_gap_s (6) must not exceed period_s (5)",
        "",
    ),
    "override limits crossed": (
        f"{VANTAGE}\noverrides: {{min_ttl_s: 1000000}}",
        "4:24 overrides.min_ttl_s",
        "min_ttl_s (1000000) must not exceed max_ttl_s (604800)",
        "",
    ),
    "override default outside its limits": (
        f"{VANTAGE}\noverrides: {{default_ttl_s: 30}}",
        "4:28 overrides.default_ttl_s",
        "default_ttl_s (30) must lie between min_ttl_s (60) and max_ttl_s (604800)",
        "",
    ),
    "opinions too short-lived": (
        f"{VANTAGE}\nprobing: {{fresh_for_s: 2.5}}",
        "4:24 probing.fresh_for_s",
        "probing.fresh_for_s (2.5) must be at least interval_s + deadline_s (1 + 2); "
        "an opinion would expire before the next probe ends",
        "",
    ),
    "start before the first probe": (
        f"{VANTAGE}\nguards: {{startup_data_s: 0.5}}",
        "4:26 guards.startup_data_s",
        "startup_data_s (0.5) must be at least the longest interval_s (1); "
        "the first write would rest on endpoints nobody asked",
        "",
    ),
    "API on a name": (
        f"{VANTAGE}\napi: {{host: gtc.example.com}}",
        "4:13 api.host",
        "api.host is 'gtc.example.com', where others reach it, and api.tokens names nobody: "
        "everybody would be admin",
        "make a token with `gtc token new`, or listen on 127.0.0.1",
    ),
    "two tokens of one name": (
        f"{VANTAGE}\napi: {{tokens: [{token('ci', 'a')}, {token('ci', 'b')}]}}",
        "4:125 api.tokens[1].name",
        "two tokens are named ci",
        "",
    ),
    "one secret for two": (
        f"{VANTAGE}\napi: {{tokens: [{token('ci', 'a')}, {token('ops', 'a')}]}}",
        "4:152 api.tokens[1].sha256",
        "another token has the same secret",
        "",
    ),
    "a token named as the daemon": (
        f"{VANTAGE}\napi: {{tokens: [{token('local', 'a')}]}}",
        "4:23 api.tokens[0].name",
        "local is a name the daemon itself uses",
        "",
    ),
}


def found(text: str) -> list[tuple[str, str, str]]:
    """Position, path, message and hint of each problem."""
    return [(f"{p.line}:{p.column} {p.path}", p.message, p.hint) for p in inspect(text).problems]


@pytest.mark.parametrize("name", SECTIONS)
def test_each_rule_across_sections_reports_one_problem(name: str) -> None:
    """Position, path, message and hint are exactly these."""
    lines, place, message, hint = SECTIONS[name]
    assert found(with_replacements((VANTAGE, lines))) == [(place, message, hint)]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", '"::1"', "localhost"])
def test_the_api_may_listen_on_any_loopback_address(host: str) -> None:
    """Only this machine can reach these."""
    assert found(with_replacements((VANTAGE, f"{VANTAGE}\napi: {{host: {host}}}"))) == []


def test_with_tokens_the_api_may_listen_anywhere() -> None:
    """Callers are known then; that tokens are sent unencrypted is a warning."""
    api = f"api: {{host: 0.0.0.0, tokens: [{token('ci', 'a')}]}}"
    inspection = inspect(with_replacements((VANTAGE, f"{VANTAGE}\n{api}")))
    assert inspection.problems == ()
    assert [w.message for w in inspection.warnings if w.path == "api.host"] == [
        "api.host is '0.0.0.0': tokens cross the network unencrypted"
    ]


@pytest.mark.parametrize("day", ["2027-02-31", "31.1.2027", "soon", '"20270131"'])
def test_a_date_has_one_format(day: str) -> None:
    """Other formats are ambiguous."""
    written = token("ci", "a").replace("}", f", expires_at: {day}}}")
    text = with_replacements((VANTAGE, f"{VANTAGE}\napi: {{tokens: [{written}]}}"))
    shown = day.strip('"')
    assert [message for _, message, _ in found(text)] == [
        f"expires_at must be a date such as 2027-01-31, not the text '{shown}'"
    ]


def test_an_endpoint_probed_too_rarely_is_named() -> None:
    """Its own interval applies, not the default."""
    text = with_replacements(('192.0.2.1/healthz"', '192.0.2.1/healthz", interval_s: 20'))
    assert found(text) == [
        (
            "11:16 services.shop.regions.eu-west-1.endpoints.web",
            "probing.fresh_for_s (10) must be at least interval_s + deadline_s (20 + 2); "
            "an opinion would expire before the next probe ends",
            "",
        )
    ]


def test_two_services_must_not_steer_one_name() -> None:
    """They would undo each other's changes, at the name and at every weighted record."""
    text = MINIMAL + SHOP.replace("shop:", "books:")
    assert found(text) == [
        (
            "55:15 services.books.levers.route53.name",
            "shop.example.test. is steered by service shop already",
            "",
        )
    ]


def test_a_service_must_not_own_the_name_of_another_ones_records() -> None:
    """`europe.shop.example.test.` is where pool europe of shop has its records."""
    text = MINIMAL + SHOP.replace("shop:", "books:").replace("name: shop", "name: europe.shop")
    assert [message for _, message, _ in found(text)] == [
        "europe.shop.example.test. is steered by service shop already"
    ]


def test_the_same_name_in_another_zone_is_another_name() -> None:
    """A private and a public zone may hold the same names."""
    assert found(MINIMAL + SHOP.replace("shop:", "books:").replace("Z1", "Z2")) == []


def test_two_services_must_not_steer_one_accelerator() -> None:
    """They would undo each other's changes."""
    assert found(MINIMAL + PLAY + PLAY.replace("play:", "chat:")) == [
        (
            "50:39 services.chat.levers.accelerator.arn",
            "this accelerator is steered by service play already",
            "",
        )
    ]
