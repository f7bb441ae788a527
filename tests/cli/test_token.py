"""`gtc token new`: prints a token once, and settings that accept it."""

from __future__ import annotations

import hashlib

import pytest
from click.testing import CliRunner

from controller.cli.local.token import token
from controller.settings import inspect
from tests.settings.minimal import MINIMAL


def made(*options: str) -> tuple[str, str]:
    """The token, and the text on standard error."""
    result = CliRunner().invoke(token, ["new", *options])
    assert result.exit_code == 0, result.output
    return result.stdout.strip(), result.stderr


def test_the_printed_settings_accept_exactly_this_token() -> None:
    """They are valid, have its hash and not the token."""
    secret, messages = made("--name", "ci", "--role", "operator", "--expires", "2999-01-31")
    lines = messages.partition("settings:\n")[2].partition("\nCallers")[0]
    settings = inspect(MINIMAL + lines).settings

    assert settings is not None
    (accepted,) = settings.api.tokens
    assert (accepted.name, accepted.role.value, str(accepted.expires_at)) == (
        "ci",
        "operator",
        "2999-01-31",
    )
    assert accepted.sha256 == hashlib.sha256(secret.encode()).hexdigest()
    assert secret not in messages


def test_every_token_is_random() -> None:
    """256 random bits after a prefix by which a leaked token is recognised."""
    first, second = (made("--name", "a", "--role", "viewer")[0] for _ in range(2))

    assert first != second
    assert first.startswith("gtc_")
    assert len(first) == len("gtc_") + 43


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--name", "CI", "--role", "viewer"), "'CI' must be lower-case letters"),
        (("--name", "ci", "--role", "root"), "'root' is not one of"),
        (("--name", "ci", "--role", "admin", "--expires", "2020-01-01"), "is not after today"),
        (("--role", "admin"), "Missing option '--name'"),
    ],
)
def test_mistakes_are_named_before_a_token_is_made(options: tuple[str, ...], says: str) -> None:
    """Exit code 2, and nothing on standard output."""
    result = CliRunner().invoke(token, ["new", *options])

    assert result.exit_code == 2
    assert says in result.stderr
    assert result.stdout == ""
