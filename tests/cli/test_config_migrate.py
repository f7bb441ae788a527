"""`gtc config migrate`: prints or writes a file of version 1 as version 2."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from controller.cli import exit_codes, root
from controller.cli.local import config_migrate
from controller.settings import load
from controller.settings.migration.migrate import NotMigratedError, migrated_text
from tests.settings.minimal import MINIMAL
from tests.settings.version_1 import MINIMAL_1

NEW = migrated_text(MINIMAL_1, "x")


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of version 1 in the current directory."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "gtc.yaml"
    path.write_text(MINIMAL_1)
    return path


def run(*arguments: str) -> Result:
    """Runs `gtc config`."""
    return CliRunner().invoke(root, ["config", *arguments])


def test_it_prints_version_2_and_does_not_change_the_file(file: Path) -> None:
    """Variables of the environment do not matter."""
    variables = {"GTC__SERVICES__SHOP__REGIONS__EU_WEST_1__JURISDICTION": "US"}
    result = CliRunner(env=variables).invoke(root, ["config", "migrate", "gtc.yaml"])
    assert (result.exit_code, result.stdout, result.stderr) == (exit_codes.OK, NEW, "")
    assert file.read_text() == MINIMAL_1


def test_write_replaces_the_file_and_keeps_the_old_one(file: Path) -> None:
    """The mode stays; `gtc validate` no longer warns of the version."""
    file.chmod(0o640)
    result = run("migrate", "gtc.yaml", "--write")
    backup = file.with_name("gtc.yaml.v1")
    assert result.stdout == f"gtc.yaml is of version 2 now; the old file is {backup}\n"
    assert (file.read_text(), backup.read_text()) == (NEW, MINIMAL_1)
    assert (file.stat().st_mode & 0o777, backup.stat().st_mode & 0o777) == (0o640, 0o640)
    assert load(file) == load(backup)
    assert sorted(os.listdir()) == ["gtc.yaml", "gtc.yaml.v1"]
    assert "config migrate" not in CliRunner().invoke(root, ["validate", "gtc.yaml"]).output


def test_an_existing_backup_is_never_overwritten(file: Path) -> None:
    """It may be the only file of version 1 that is left; nothing is written."""
    backup = file.with_name("gtc.yaml.v1")
    backup.write_text("mine")
    result = run("migrate", "gtc.yaml", "--write")
    assert (result.exit_code, result.stdout) == (exit_codes.FAILED, "")
    assert result.stderr == (
        f"Error: nothing is written: {backup} exists already; move it away first\n"
    )
    assert (file.read_text(), backup.read_text()) == (MINIMAL_1, "mine")


def test_a_write_that_fails_leaves_no_backup_that_bars_the_next_try(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a full disk; the file is as it was."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(config_migrate, "_write_atomically", full)
        result = run("migrate", "gtc.yaml", "--write")
    assert result.exit_code == exit_codes.FAILED
    assert "No space left on device" in result.stderr
    assert (file.read_text(), list(file.parent.iterdir())) == (MINIMAL_1, [file])
    assert run("migrate", "gtc.yaml", "--write").exit_code == exit_codes.OK


def test_symbolic_links_and_line_ends_are_preserved(file: Path) -> None:
    """The link's target is replaced."""
    file.write_bytes(MINIMAL_1.replace("\n", "\r\n").encode())
    link = file.with_name("link.yaml")
    link.symlink_to(file)
    assert run("migrate", "link.yaml", "--write").exit_code == exit_codes.OK
    assert link.is_symlink()
    assert file.read_bytes() == NEW.replace("\n", "\r\n").encode()


def test_a_file_of_version_2_is_printed_unchanged(file: Path) -> None:
    """A script may redirect it; --write does nothing."""
    file.write_text(MINIMAL)
    for options, printed in (((), MINIMAL), (("--write",), "")):
        result = run("migrate", "gtc.yaml", *options)
        assert (result.exit_code, result.stdout) == (exit_codes.OK, printed)
        assert result.stderr == "gtc.yaml is of version 2 already\n"
    assert os.listdir() == ["gtc.yaml"]


def test_mistakes_are_printed_and_nothing_is_written(file: Path) -> None:
    """With their places in the file."""
    file.write_text(MINIMAL_1.replace("jurisdiction: EU", "jurisdiction: 49"))
    result = run("migrate", "gtc.yaml", "--write")
    assert (result.exit_code, result.stdout) == (exit_codes.BAD_CONFIG, "")
    assert result.stderr.startswith("gtc.yaml:8:23: jurisdiction must be text, not 49")
    assert os.listdir() == ["gtc.yaml"]


def test_a_migration_that_changes_the_meaning_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is a defect of the program; the user must change the file by hand."""

    def fails(text: str, source: str) -> str:
        raise NotMigratedError("the new form would mean something else")

    monkeypatch.setattr(config_migrate, "migrated_text", fails)
    result = run("migrate", "gtc.yaml", "--write")
    assert (result.exit_code, result.stdout) == (exit_codes.FAILED, "")
    assert result.stderr == (
        "Error: gtc.yaml must be migrated by hand: the new form would mean something else\n"
    )
    assert os.listdir() == ["gtc.yaml"]


def test_show_and_diff_warn_of_version_1_and_use_the_keys_of_version_2(file: Path) -> None:
    """The warning goes to standard error, so that standard output can be saved."""
    file.with_name("new.yaml").write_text(NEW.replace("jurisdiction: US", "jurisdiction: U"))
    result = run("diff", "gtc.yaml", "new.yaml")
    assert result.stdout == "~ regions.us-east-1.jurisdiction: US → U\n"
    assert result.stderr.startswith("gtc.yaml:1:17: warning: the file is of version 1")
    result = run("show", "gtc.yaml", "--origin")
    assert "  eu-west-1:\n    jurisdiction: EU  # gtc.yaml:8\n" in result.stdout
    assert result.stderr.startswith("gtc.yaml:1:17: warning: the file is of version 1")
