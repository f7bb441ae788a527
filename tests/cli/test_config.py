"""`gtc config`: settings in effect, schema, differences."""

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
    """Run the command."""
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


def test_show_as_json_is_for_programs() -> None:
    """With origins every value is an object; without, it is itself."""
    plain = json.loads(config("show", "a.yaml", "-o", "json").output)
    assert plain["services"]["shop"]["regions"]["eu-west-1"]["capacity_rps"] == 300
    told = json.loads(config("show", "a.yaml", "-o", "json", "--origin").output)
    assert told["api"]["port"] == {"value": 8640, "origin": "default"}


def test_show_refuses_what_would_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mistakes are told as `gtc validate` tells them."""
    monkeypatch.setenv("GTC__API__PORT", "x")
    result = config("show", "a.yaml")
    assert result.return_value == exit_codes.BAD_CONFIG
    assert "env:GTC__API__PORT: port must be a whole number" in result.stderr
    assert config("show", "none.yaml").return_value == exit_codes.BAD_CONFIG


def test_a_flag_without_a_value_is_a_wrong_command_line() -> None:
    """The same code as for every other wrong command line."""
    result = CliRunner().invoke(root, ["config", "show", "a.yaml", "--set", "mode"])
    assert result.exit_code == exit_codes.USAGE
    assert "KEY=VALUE" in result.output


def test_the_schema_is_printed_as_it_is_committed() -> None:
    """What `make schema` writes."""
    assert config("schema").output == schema_text()


def test_diff_tells_two_files_apart_key_by_key() -> None:
    """And what of it a running daemon cannot take over."""
    result = config("diff", "a.yaml", "b.yaml", "--detailed-exitcode")
    assert result.output == (
        "~ state_path: gtc.sqlite → other.sqlite  (restart)\n"
        "~ services.shop.regions.eu-west-1.capacity_rps: 300 → 400\n"
    )
    assert result.return_value == exit_codes.PLAN_HAS_CHANGES
    found = json.loads(config("diff", "a.yaml", "b.yaml", "-o", "json").output)
    assert found[0] == {
        "key": "state_path",
        "old": "gtc.sqlite",
        "new": "other.sqlite",
        "needs_restart": True,
    }


def test_equal_files_do_not_differ() -> None:
    """Said in words, with 0."""
    result = config("diff", "a.yaml", "a.yaml", "--detailed-exitcode")
    assert (result.output, result.return_value) == ("No difference.\n", exit_codes.OK)
