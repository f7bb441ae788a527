"""`gtc config`: effective settings, schema, differences."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from controller.cli import exit_codes, root
from controller.settings.json_schema import schema_text
from tests.settings.minimal import MINIMAL, with_replacements


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current directory of the command."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text(MINIMAL)
    (tmp_path / "b.yaml").write_text(
        with_replacements(
            ("gtc.sqlite", "other.sqlite"), ("capacity_rps: 300", "capacity_rps: 400")
        )
    )


def config(*arguments: str) -> Result:
    """Runs `gtc config`."""
    return CliRunner().invoke(root, ["config", *arguments], standalone_mode=False)


def test_show_names_the_origin_of_each_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """File and line, variable, flag or default."""
    monkeypatch.setenv("GTC__API__PORT", "9000")
    lines = config("show", "a.yaml", "--origin", "--set", "mode=dry_run").output.splitlines()
    assert lines[:3] == [
        "schema_version: 2  # a.yaml:1",
        "mode: dry_run  # --set mode",
        "state_path: gtc.sqlite  # a.yaml:2",
    ]
    assert "  port: 9000  # env:GTC__API__PORT" in lines
    assert "  period_s: 10  # default" in lines


def test_show_as_json_has_objects_only_with_origins() -> None:
    """With origins every value is an object; without, it is the value itself."""
    plain = json.loads(config("show", "a.yaml", "-o", "json").output)
    assert plain["services"]["shop"]["regions"]["eu-west-1"]["capacity_rps"] == 300
    shown_settings = json.loads(config("show", "a.yaml", "-o", "json", "--origin").output)
    assert shown_settings["api"]["port"] == {"value": 8640, "origin": "default"}


def test_show_refuses_invalid_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mistakes are printed as by `gtc validate`."""
    monkeypatch.setenv("GTC__API__PORT", "x")
    result = config("show", "a.yaml")
    assert result.return_value == exit_codes.BAD_CONFIG
    assert "env:GTC__API__PORT: port must be a whole number" in result.stderr
    assert config("show", "none.yaml").return_value == exit_codes.BAD_CONFIG


def test_a_flag_without_a_value_is_a_wrong_command_line() -> None:
    """Exit code 2."""
    result = CliRunner().invoke(root, ["config", "show", "a.yaml", "--set", "mode"])
    assert result.exit_code == exit_codes.USAGE
    assert "KEY=VALUE" in result.output


def test_the_schema_equals_the_committed_one() -> None:
    """The output of `make schema`."""
    assert config("schema").output == schema_text()


def test_diff_lists_the_changed_keys_of_two_files() -> None:
    """With a mark at keys that need a restart."""
    result = config("diff", "a.yaml", "b.yaml", "--detailed-exitcode")
    assert result.output == (
        "~ state_path: gtc.sqlite → other.sqlite  (restart)\n"
        "~ services.shop.regions.eu-west-1.capacity_rps: 300 → 400\n"
    )
    assert result.return_value == exit_codes.PLAN_HAS_CHANGES
    changes = json.loads(config("diff", "a.yaml", "b.yaml", "-o", "json").output)
    assert changes[0] == {
        "key": "state_path",
        "old": "gtc.sqlite",
        "new": "other.sqlite",
        "needs_restart": True,
    }


def test_equal_files_do_not_differ() -> None:
    """A sentence, and exit code 0."""
    result = config("diff", "a.yaml", "a.yaml", "--detailed-exitcode")
    assert (result.output, result.return_value) == ("No difference.\n", exit_codes.OK)
