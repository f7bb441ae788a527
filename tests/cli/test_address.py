"""Which daemon, and as whom: the nearest word counts, and a token goes nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.cli import exit_codes
from controller.cli.daemon import contexts
from controller.cli.daemon.contexts import Context, Contexts
from tests.cli.conftest import Run
from tests.cli.fake_daemon import FakeDaemon


@pytest.fixture
def known(daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch) -> FakeDaemon:
    """`here` is that daemon, with a token; `away` is nowhere and in use."""
    daemon.answers("GET /v1/overrides", {"items": []})
    monkeypatch.setenv("HERE_TOKEN", "s3cret-of-here")
    here = Context("here", (daemon.url,), "env:HERE_TOKEN")
    away = Context("away", ("http://127.0.0.1:1",))
    contexts.save(Contexts("away", {"here": here, "away": away}))
    return daemon


def sent_token(daemon: FakeDaemon) -> str | None:
    """What the last request carried."""
    return daemon.requests[-1].headers.get("Authorization")


def test_a_context_named_on_the_command_line_outranks_the_environments_address(
    known: FakeDaemon, gtc: Run
) -> None:
    """And brings its token."""
    result = gtc("overrides", "--context", "here", GTC_URL="http://127.0.0.1:1")
    assert result.exit_code == exit_codes.OK, result.output
    assert sent_token(known) == "Bearer s3cret-of-here"


def test_the_environments_address_outranks_the_context_in_use(known: FakeDaemon, gtc: Run) -> None:
    """Without any context's token."""
    assert gtc("overrides", GTC_CONTEXT="here").exit_code == exit_codes.OK
    assert sent_token(known) is None


def test_the_environments_context_outranks_the_one_in_use(known: FakeDaemon, gtc: Run) -> None:
    """An empty address is none."""
    assert gtc("overrides", GTC_CONTEXT="here", GTC_URL="").exit_code == exit_codes.OK
    assert sent_token(known) == "Bearer s3cret-of-here"


def test_without_a_word_the_context_in_use_is_asked(known: FakeDaemon, gtc: Run) -> None:
    """It is away."""
    result = gtc("overrides", GTC_URL="")
    assert result.exit_code == exit_codes.UNREACHABLE
    assert "http://127.0.0.1:1" in result.stderr


def test_an_address_on_the_command_line_gets_no_contexts_token(known: FakeDaemon, gtc: Run) -> None:
    """A typing error must not send a secret to a stranger."""
    contexts.save(Contexts("here", contexts.load().by_name))
    assert gtc("overrides", "--endpoint", known.url).exit_code == exit_codes.OK
    assert sent_token(known) is None


def test_an_address_beside_a_context_takes_its_token(known: FakeDaemon, gtc: Run) -> None:
    """A person said that they belong together."""
    gtc("overrides", "--context", "here", "--endpoint", known.url)
    assert sent_token(known) == "Bearer s3cret-of-here"


def test_a_token_of_the_environment_outranks_all(known: FakeDaemon, gtc: Run) -> None:
    """First the token itself, then its file."""
    gtc("overrides", "--context", "here", GTC_TOKEN="mine", GTC_TOKEN_FILE="/nowhere")
    assert sent_token(known) == "Bearer mine"


def test_a_tokens_file_is_read_without_its_line_end(
    known: FakeDaemon, gtc: Run, tmp_path: Path
) -> None:
    """As a service manager provides it."""
    file = tmp_path / "token"
    file.write_text("from-file\n")
    gtc("overrides", GTC_TOKEN_FILE=str(file))
    assert sent_token(known) == "Bearer from-file"


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
def test_a_token_that_is_none_is_said_without_showing_it(
    known: FakeDaemon, gtc: Run, environment: dict[str, str], says: str
) -> None:
    """Exit code 6, and nothing was sent."""
    result = gtc("overrides", **environment)
    assert result.exit_code == exit_codes.AUTH
    assert says in result.stderr
    assert environment.get("GTC_TOKEN", "?") not in result.stderr
    assert known.requests == []


def test_an_unknown_context_names_the_nearest(known: FakeDaemon, gtc: Run) -> None:
    """As for every name."""
    result = gtc("overrides", "--context", "hree")
    assert result.exit_code == exit_codes.USAGE
    assert "no context is named 'hree'\nDid you mean here? Valid: away, here" in result.stderr
