"""`gtc validate`: its text, its JSON, and `--observed`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from controller.cli import exit_codes, root
from controller.cli.local import validate as validate_module
from controller.cli.local.validate import problem_text
from controller.model.errors import Problem
from controller.planning.residency.proof import PROOF_LIMITS
from tests.cli import answers
from tests.cli.conftest import Run
from tests.cli.fake_daemon import FakeDaemon
from tests.settings.minimal import MINIMAL, with_replacements

BROKEN = with_replacements(
    ("capacity_rps: 300", "capacity_rsp: 300"),
    ("[eu-west-1]", "[us-east-1]"),
    ("shop.example.test.", "shop.example.test"),
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory of the command."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.yaml").write_text(MINIMAL)
    (tmp_path / "bad.yaml").write_text(BROKEN)
    return tmp_path


def validate(*arguments: str) -> Result:
    """Runs `gtc validate`."""
    return CliRunner().invoke(root, ["validate", *arguments])


def test_a_valid_file_is_summarised_with_its_warnings(folder: Path) -> None:
    """One line counts its contents; warnings do not change the exit code."""
    result = validate("good.yaml")
    assert result.exit_code == exit_codes.OK
    lines = result.output.splitlines()
    assert lines[0] == "good.yaml: ok (1 service, 2 regions, 2 pools)"
    assert (
        "good.yaml:3:1: warning: one vantage point: a path failure near it looks like a region's "
        "failure (vantage)"
    ) in lines


def test_problems_have_place_excerpt_caret_and_hint(folder: Path) -> None:
    """What a person needs to mend the file without looking anything up."""
    result = validate("bad.yaml")
    assert result.exit_code == exit_codes.BAD_CONFIG
    assert result.output == (
        "bad.yaml:9:9: unknown key capacity_rsp (services.shop.regions.eu-west-1.capacity_rsp)\n"
        "    9 |         capacity_rsp: 300\n"
        "      |         ^\n"
        "      did you mean capacity_rps?\n"
        "bad.yaml:21:19: us-east-1 is in jurisdiction US, but pool europe has residency EU "
        "(services.shop.pools.europe.regions[0])\n"
        "   21 |         regions: [us-east-1]\n"
        "      |                   ^\n"
        "bad.yaml:30:15: name must be a lower-case name with its final dot, such as "
        "app.example.com., not the text 'shop.example.test' (services.shop.levers.route53.name)\n"
        "   30 |         name: shop.example.test\n"
        "      |               ^\n"
        "3 problems\n"
    )


def test_a_file_is_split_into_lines_once_for_any_number_of_mistakes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """40,000 mistakes once took eight minutes to print."""
    cut = Counted(validate_module._LINE_END.split)
    monkeypatch.setattr(validate_module, "_LINE_END", cut)
    (folder / "many.yaml").write_text("a: 1\n" * 500)

    assert validate("many.yaml").output.endswith(" problems\n")
    assert cut.times == 1


class Counted:
    """A pattern that counts its splits."""

    def __init__(self, cut: Callable[[str], list[str]]) -> None:
        self._cut = cut
        self.times = 0

    def split(self, text: str) -> list[str]:
        self.times += 1
        return self._cut(text)


def test_a_missing_file_is_reported_beside_the_others(folder: Path) -> None:
    """Reports of the other files are printed, too."""
    result = validate("none.yaml", "good.yaml")
    assert result.exit_code == exit_codes.BAD_CONFIG
    lines = result.output.splitlines()
    assert lines[0] == "none.yaml: cannot be read: No such file or directory"
    assert lines[1].startswith("good.yaml: ok")
    assert lines[-1] == "1 problem"


def test_json_has_the_content_of_the_text(folder: Path) -> None:
    """Every number and word is a member."""
    result = validate("-o", "json", "good.yaml", "bad.yaml")
    assert result.exit_code == exit_codes.BAD_CONFIG
    report = json.loads(result.output)
    assert (report["version"], report["ok"]) == (1, False)
    good, bad = report["files"]
    assert (good["file"], good["ok"], good["problems"]) == ("good.yaml", True, [])
    assert (good["services"], good["regions"], good["pools"]) == (1, 2, 2)
    assert [item["path"] for item in good["warnings"]] == [
        "reference_targets.known_good",
        "probing.deadline_s",
        "vantage",
        "services.shop.pools.europe.regions",
    ]
    assert bad["problems"][0] == {
        "message": "unknown key capacity_rsp",
        "path": "services.shop.regions.eu-west-1.capacity_rsp",
        "line": 9,
        "column": 9,
        "hint": "did you mean capacity_rps?",
    }


def test_no_file_is_a_wrong_command_line(folder: Path) -> None:
    """Exit code 2."""
    assert validate().exit_code == exit_codes.USAGE


def test_the_caret_of_a_long_line_stays_near_its_mistake() -> None:
    """The excerpt is cut around the column; control characters are removed."""
    text = "a: 1\n" + "x" * 500 + "\tERROR\x1b[0m"
    lines = problem_text("f", text, Problem("wrong", line=2, column=502)).splitlines()
    assert lines[0] == "f:2:502: wrong"
    assert lines[1].endswith(" ERROR [0m")
    assert lines[1][lines[2].index("^")] == "E"


def test_variables_override_the_files_and_are_named_in_reports(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check is of what would run."""
    monkeypatch.setenv("GTC__API__PORT", "99999")
    assert validate("good.yaml").output == (
        "env:GTC__API__PORT: port must be at most 65535, not 99999 (api.port)\n1 problem\n"
    )
    (report,) = json.loads(validate("-o", "json", "good.yaml").output)["files"]
    assert report["problems"][0]["origin"] == "env:GTC__API__PORT"


def test_a_line_that_may_hold_a_secret_is_not_shown(folder: Path) -> None:
    """Users paste reports into tickets."""
    probe = '192.0.2.1/healthz"'
    text = with_replacements((probe, f"{probe}, headers: {{Authorization: s3cret-canary}}"))
    (folder / "leaky.yaml").write_text(text)
    for form in ("text", "json"):
        output = validate("-o", form, "leaky.yaml").output
        assert "Authorization must be where a secret is found" in output
        assert "s3cret-canary" not in output


def bound(leaks: list[dict[str, object]] | None) -> dict[str, object]:
    """The status of a daemon with one bound pool."""
    europe = answers.pool("europe", answers.region("eu-west-1"), residency="EU", leaks=leaks)
    world = answers.pool("world", answers.region("us-east-1"))
    return answers.status(answers.service("shop", europe, world))


def test_limits_of_the_proof_are_printed_for_bound_pools(folder: Path) -> None:
    """Where users and addresses are; nothing is printed without a bound pool."""
    lines = validate("good.yaml").output.splitlines()
    assert [line for line in lines if line.startswith("note")] == [
        f"note: {item}" for item in PROOF_LIMITS
    ]
    assert PROOF_LIMITS[0].startswith("DNS cannot prove where a user is")
    assert "answer 451 or redirect" in PROOF_LIMITS[0]
    (folder / "free.yaml").write_text(with_replacements(("        residency: EU\n", "")))
    assert "note" not in validate("free.yaml").output


def test_a_proven_pool_is_printed(daemon: FakeDaemon, gtc: Run, folder: Path) -> None:
    """With a file or without one."""
    daemon.answers("GET /v1/status", bound([]))
    expected = "observed: shop/europe: ok (no failure or drain leads EU users outside eu-west-1)"
    result = gtc("validate", "--observed")
    lines = result.stdout.splitlines()
    assert (result.exit_code, lines[0], lines[1]) == (0, expected, f"note: {PROOF_LIMITS[0]}")
    assert expected in gtc("validate", "good.yaml", "--observed").stdout.splitlines()


def test_an_observed_leak_is_printed_and_exits_with_4(daemon: FakeDaemon, gtc: Run) -> None:
    """Scripts use the exit code, users the path."""
    daemon.answers("GET /v1/status", bound([{"text": "users of country:DE can reach us-east-1"}]))
    result = gtc("validate", "--observed")
    assert result.exit_code == exit_codes.REFUSED
    assert result.stdout.splitlines()[0] == (
        "observed: shop/europe: leak: users of country:DE can reach us-east-1"
    )
    report = json.loads(gtc("validate", "--observed", "-o", "json").stdout)
    assert (report["ok"], report["files"], report["limits"]) == (False, [], list(PROOF_LIMITS))
    assert report["observed"] == [
        {
            "service": "shop",
            "pool": "europe",
            "residency": "EU",
            "regions": ["eu-west-1"],
            "leaks": ["users of country:DE can reach us-east-1"],
            "proven": False,
        }
    ]


def test_a_pool_not_yet_read_is_not_proven(daemon: FakeDaemon, gtc: Run) -> None:
    """Silence is no proof."""
    daemon.answers("GET /v1/status", bound(None))
    result = gtc("validate", "--observed")
    assert result.exit_code == exit_codes.REFUSED
    assert "AWS has not been read yet, so nothing is proven" in result.stdout


def test_a_daemon_without_bound_pools_has_nothing_to_prove(daemon: FakeDaemon, gtc: Run) -> None:
    """A sentence says so."""
    world = answers.pool("world", answers.region("us-east-1"))
    daemon.answers("GET /v1/status", answers.status(answers.service("shop", world)))
    result = gtc("validate", "--observed")
    assert (result.exit_code, result.stdout) == (
        exit_codes.OK,
        "observed: no pool is bound by a residency\n",
    )


def test_an_invalid_file_precedes_an_unproven_pool(
    daemon: FakeDaemon, gtc: Run, folder: Path
) -> None:
    """Service managers know exit code 78."""
    daemon.answers("GET /v1/status", bound([{"text": "a way out"}]))
    assert gtc("validate", "bad.yaml", "--observed").exit_code == exit_codes.BAD_CONFIG


def test_without_observed_there_is_no_request(daemon: FakeDaemon, gtc: Run, folder: Path) -> None:
    """Checking a file needs no network."""
    assert gtc("validate", "good.yaml").exit_code == exit_codes.OK
    assert daemon.requests == []


def misconfigured(**members: object) -> dict[str, object]:
    """The status of a daemon that reads no weighted records where they should be."""
    fault = "at world.shop.example.test. stand weighted CNAME records (eu-west-1)"
    world = answers.pool("world", answers.region("us-east-1"), faults=[fault], **members)
    notices = ["HTTPS records of world.shop.example.test. are not steered"]
    return answers.status(answers.service("shop", world, faults=[fault], notices=notices))


def test_a_wrong_set_up_at_aws_is_printed_and_exits_with_78(daemon: FakeDaemon, gtc: Run) -> None:
    """As a wrong file does: only a person mends it. Notices change no exit code."""
    daemon.answers("GET /v1/status", misconfigured())
    result = gtc("validate", "--observed")
    assert result.exit_code == exit_codes.BAD_CONFIG
    assert result.stdout.splitlines()[:2] == [
        "observed: shop/world: misconfigured: at world.shop.example.test. stand weighted CNAME "
        "records (eu-west-1)",
        "observed: shop: notice: HTTPS records of world.shop.example.test. are not steered",
    ]
    report = json.loads(gtc("validate", "--observed", "-o", "json").stdout)
    assert report["ok"] is False
    assert [one["pool"] for one in report["misconfigured"]] == ["world"]
    assert [one["service"] for one in report["notices"]] == ["shop"]


def test_a_wrong_set_up_precedes_an_unproven_pool(daemon: FakeDaemon, gtc: Run) -> None:
    """The exit code of what must be mended first."""
    daemon.answers("GET /v1/status", misconfigured(residency="EU", leaks=None))
    assert gtc("validate", "--observed").exit_code == exit_codes.BAD_CONFIG


def test_a_service_that_was_not_read_yet_is_not_well_configured(
    daemon: FakeDaemon, gtc: Run
) -> None:
    """Silence is no proof of that either."""
    world = answers.pool("world", answers.region("us-east-1"), faults=None)
    daemon.answers("GET /v1/status", answers.status(answers.service("shop", world)))
    result = gtc("validate", "--observed")
    assert result.exit_code == exit_codes.REFUSED
    expected = "observed: shop: AWS has not been read yet"
    assert result.stdout.splitlines()[0] == expected
    assert json.loads(gtc("validate", "--observed", "-o", "json").stdout)["unread"] == ["shop"]
