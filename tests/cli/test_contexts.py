"""`gtc context` and its file: private to the user, without secrets, replaced atomically."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from controller.cli import exit_codes
from tests.cli.conftest import Run

ADD = ("context", "add", "prod", "--endpoint", "https://a:1", "--endpoint", "https://b:2")


def test_the_first_context_is_current_and_the_file_is_private(gtc: Run, own_home: Path) -> None:
    """Mode 0600 in a folder of mode 0700; the token is a reference."""
    result = gtc(*ADD, "--token", "file:/run/secrets/gtc", "--production")
    assert (result.exit_code, result.stdout) == (0, "Context prod is kept; it is in use.\n")
    assert stat.S_IMODE(own_home.stat().st_mode) == 0o600
    assert stat.S_IMODE(own_home.parent.stat().st_mode) == 0o700
    assert list(own_home.parent.iterdir()) == [own_home]
    assert json.loads(own_home.read_text()) == {
        "current": "prod",
        "contexts": {
            "prod": {
                "name": "prod",
                "endpoints": ["https://a:1", "https://b:2"],
                "token": "file:/run/secrets/gtc",
                "production": True,
            }
        },
    }


def test_contexts_are_listed_used_and_removed(gtc: Run) -> None:
    """A star marks the current one."""
    gtc(*ADD, "--production")
    lab = ("lab", "--endpoint", "http://127.0.0.1:8640", "--token", "env:LAB")
    assert "to use it: gtc context use lab" in gtc("context", "add", *lab).stdout
    assert gtc("context", "use", "lab").stdout == "Context lab is in use.\n"
    assert gtc("context", "list").stdout == (
        "   NAME  ENDPOINTS                TOKEN    PRODUCTION\n"
        "*  lab   http://127.0.0.1:8640    env:LAB  -\n"
        "   prod  https://a:1,https://b:2  -        yes\n"
    )
    assert gtc("context", "remove", "lab").stdout == "Context lab is forgotten.\n"
    items = json.loads(gtc("context", "list", "-o", "json").stdout)["items"]
    assert [(context["name"], context["current"]) for context in items] == [("prod", False)]


def test_without_contexts_the_list_says_how_to_add_one(gtc: Run) -> None:
    """As a document, an empty list."""
    assert "gtc context add NAME" in gtc("context", "list").stdout
    assert json.loads(gtc("context", "list", "-o", "json").stdout) == {"items": []}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("add", "x", "--endpoint", "a:1"), "'a:1' is no address"),
        (("add", "x", "--endpoint", "http://a", "--token", "s3cret"), "is no reference"),
        (("add", "x y", "--endpoint", "http://a"), "must be one word"),
        (("add", "x"), "--endpoint"),
        (("use", "prdo"), "Did you mean prod?"),
        (("remove", "prdo"), "Did you mean prod?"),
    ],
)
def test_a_mistake_is_reported_and_changes_nothing(
    gtc: Run, own_home: Path, arguments: tuple[str, ...], says: str
) -> None:
    """The message says what is allowed."""
    gtc(*ADD)
    before = own_home.read_text()
    result = gtc("context", *arguments)
    assert result.exit_code == exit_codes.USAGE
    assert says in result.stderr
    assert own_home.read_text() == before


def test_a_file_writable_by_other_users_is_refused(gtc: Run, own_home: Path) -> None:
    """They could redirect a failover."""
    gtc(*ADD)
    own_home.chmod(0o666)
    result = gtc("status", GTC_URL="")
    assert result.exit_code == exit_codes.BAD_CONFIG
    assert f"chmod 600 {own_home}" in result.stderr


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"current": 1, "contexts": {"x": {}}}'])
def test_an_invalid_file_is_an_error_without_a_traceback(
    gtc: Run, own_home: Path, text: str
) -> None:
    """The message names the file."""
    own_home.parent.mkdir(parents=True)
    own_home.write_text(text)
    own_home.chmod(0o600)
    result = gtc("context", "list")
    assert result.exit_code == exit_codes.BAD_CONFIG
    assert f"{own_home} is not what `gtc context` wrote" in result.stderr


def test_a_folder_that_cannot_be_created_is_an_error_without_a_traceback(
    gtc: Run, own_home: Path
) -> None:
    """For instance because a file has its name."""
    own_home.parent.parent.mkdir(parents=True)
    own_home.parent.write_text("in the way")
    result = gtc(*ADD)
    assert result.exit_code == exit_codes.BAD_CONFIG
    assert "contexts.json cannot be" in result.stderr
