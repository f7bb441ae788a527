"""Precedence of addresses and tokens; a token is sent only where it belongs."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.cli import exit_codes
from controller.cli.daemon import contexts
from controller.cli.daemon.contexts import Context, Contexts
from tests.cli.conftest import Run
from tests.cli.fake_daemon import FakeDaemon


@pytest.fixture
def two_contexts(daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch) -> FakeDaemon:
    """Context `here` is the fake daemon, with a token; `away` is unreachable and current."""
    daemon.answers("GET /v1/overrides", {"items": []})
    monkeypatch.setenv("HERE_TOKEN", "s3cret-of-here")
    here = Context("here", (daemon.url,), "env:HERE_TOKEN")
    away = Context("away", ("http://127.0.0.1:1",))
    contexts.save(Contexts("away", {"here": here, "away": away}))
    return daemon


def sent_token(daemon: FakeDaemon) -> str | None:
    """The token in the last request's header."""
    return daemon.requests[-1].headers.get("Authorization")


def test_a_context_on_the_command_line_precedes_the_environments_address(
    two_contexts: FakeDaemon, gtc: Run
) -> None:
    """Its token is sent, too."""
    result = gtc("overrides", "--context", "here", GTC_URL="http://127.0.0.1:1")
    assert result.exit_code == exit_codes.OK, result.output
    assert sent_token(two_contexts) == "Bearer s3cret-of-here"


def test_the_environments_address_precedes_the_current_context(
    two_contexts: FakeDaemon, gtc: Run
) -> None:
    """No context's token is sent."""
    assert gtc("overrides", GTC_CONTEXT="here").exit_code == exit_codes.OK
    assert sent_token(two_contexts) is None


def test_the_environments_context_precedes_the_current_one(
    two_contexts: FakeDaemon, gtc: Run
) -> None:
    """An empty address in the environment does not count."""
    assert gtc("overrides", GTC_CONTEXT="here", GTC_URL="").exit_code == exit_codes.OK
    assert sent_token(two_contexts) == "Bearer s3cret-of-here"


def test_the_current_context_is_the_default(two_contexts: FakeDaemon, gtc: Run) -> None:
    """Its daemon is unreachable."""
    result = gtc("overrides", GTC_URL="")
    assert result.exit_code == exit_codes.UNREACHABLE
    assert "http://127.0.0.1:1" in result.stderr


def test_an_address_on_the_command_line_gets_no_contexts_token(
    two_contexts: FakeDaemon, gtc: Run
) -> None:
    """A typing error must not send a secret to another server."""
    contexts.save(Contexts("here", contexts.load().by_name))
    assert gtc("overrides", "--endpoint", two_contexts.url).exit_code == exit_codes.OK
    assert sent_token(two_contexts) is None


def test_an_address_given_with_a_context_gets_its_token(two_contexts: FakeDaemon, gtc: Run) -> None:
    """The user named both."""
    gtc("overrides", "--context", "here", "--endpoint", two_contexts.url)
    assert sent_token(two_contexts) == "Bearer s3cret-of-here"


def test_the_environments_token_precedes_a_contexts(two_contexts: FakeDaemon, gtc: Run) -> None:
    """First GTC_TOKEN, then GTC_TOKEN_FILE."""
    gtc("overrides", "--context", "here", GTC_TOKEN="mine", GTC_TOKEN_FILE="/nowhere")
    assert sent_token(two_contexts) == "Bearer mine"


def test_a_token_files_line_end_is_removed(
    two_contexts: FakeDaemon, gtc: Run, tmp_path: Path
) -> None:
    """Service managers write files with a line end."""
    file = tmp_path / "token"
    file.write_text("from-file\n")
    gtc("overrides", GTC_TOKEN_FILE=str(file))
    assert sent_token(two_contexts) == "Bearer from-file"


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"GTC_TOKEN_FILE": "/nowhere/token"}, "/nowhere/token cannot be read: No such file"),
        ({"GTC_TOKEN": "two words"}, "what GTC_TOKEN holds is no token"),
        ({"GTC_TOKEN": "töken"}, "what GTC_TOKEN holds is no token"),
        ({"GTC_TOKEN": "a\r\nX-Header: b"}, "what GTC_TOKEN holds is no token"),
        (
            {"GTC_URL": "", "GTC_CONTEXT": "here", "HERE_TOKEN": ""},
            "context here takes its token from HERE_TOKEN, which is not set",
        ),
    ],
)
def test_an_invalid_token_is_an_error_that_does_not_show_it(
    two_contexts: FakeDaemon, gtc: Run, environment: dict[str, str], says: str
) -> None:
    """Exit code 6; nothing is sent."""
    result = gtc("overrides", **environment)
    assert result.exit_code == exit_codes.AUTH
    assert says in result.stderr
    assert environment.get("GTC_TOKEN", "?") not in result.stderr
    assert two_contexts.requests == []


def test_an_unknown_context_names_the_nearest(two_contexts: FakeDaemon, gtc: Run) -> None:
    """As for every name."""
    result = gtc("overrides", "--context", "hree")
    assert result.exit_code == exit_codes.USAGE
    assert "no context is named 'hree'\nDid you mean here? Valid: away, here" in result.stderr
