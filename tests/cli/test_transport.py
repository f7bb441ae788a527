"""Several addresses: the first that answers is asked, and it is said which one that is."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from click.testing import CliRunner

from controller.cli import exit_codes, root
from controller.cli.daemon.client import Client
from controller.cli.daemon.request_errors import UnreachableError
from tests.cli import answers
from tests.cli.fake_daemon import FakeDaemon, Reply, running
from tests.cli.test_client import free_port


@pytest.fixture
def other() -> Iterator[FakeDaemon]:
    """A second daemon."""
    with running() as daemon:
        yield daemon


@pytest.fixture
def nobody() -> str:
    """An address where nobody listens."""
    return f"http://127.0.0.1:{free_port()}"


def test_the_next_address_is_asked_when_nobody_answers_and_that_is_said(
    daemon: FakeDaemon, nobody: str
) -> None:
    """On standard error, so that a program's input stays clean."""
    daemon.answers("GET /v1/overrides", {"items": []})
    result = CliRunner().invoke(root, ["overrides", "--endpoint", nobody, "--endpoint", daemon.url])
    assert result.exit_code == exit_codes.OK
    assert result.stdout == "No override is in force.\n"
    assert result.stderr == f"{nobody}: Connection refused\n{daemon.url} answers.\n"


def test_several_addresses_may_stand_in_the_environment(daemon: FakeDaemon, nobody: str) -> None:
    """With spaces between them."""
    daemon.answers("GET /v1/overrides", {"items": []})
    env = {"GTC_URL": f"{nobody} {daemon.url}"}
    assert CliRunner().invoke(root, ["overrides"], env=env).exit_code == exit_codes.OK


def test_the_first_address_that_answers_is_the_only_one_asked(
    daemon: FakeDaemon, other: FakeDaemon
) -> None:
    """And nothing is said about it."""
    daemon.answers("GET /v1/overrides", {"items": []})
    result = CliRunner().invoke(
        root, ["overrides", "--endpoint", daemon.url, "--endpoint", other.url]
    )
    assert result.stderr == ""
    assert other.requests == []


def test_one_that_answered_is_asked_first_from_then_on(daemon: FakeDaemon, nobody: str) -> None:
    """A command of several steps speaks to one daemon, and says so once."""
    client = Client(nobody, daemon.url)
    daemon.answers("GET /v1/status", {"ok": True})
    client.get("/v1/status")
    assert client.get("/v1/status") == {"ok": True}
    assert client._transport._addresses[0].url == daemon.url


def test_when_nobody_answers_every_address_is_named_with_its_reason(nobody: str) -> None:
    """Exit code 5."""
    second = f"http://127.0.0.1:{free_port()}"
    result = CliRunner().invoke(root, ["status", "--endpoint", nobody, "--endpoint", second])
    assert result.exit_code == exit_codes.UNREACHABLE
    assert result.stderr.startswith(
        "Error: no daemon answers:\n"
        f"  {nobody}: Connection refused\n"
        f"  {second}: Connection refused\n"
        "Start one with"
    )


def test_a_question_that_is_not_answered_goes_on_to_the_next(daemon: FakeDaemon) -> None:
    """Asking twice harms nobody."""
    daemon.answers("GET /v1/status", {"ok": True})
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        client = Client(url, daemon.url, deadline_s=0.2)
        assert client.get("/v1/status") == {"ok": True}


def test_an_order_is_given_to_one_daemon_only(daemon: FakeDaemon, other: FakeDaemon) -> None:
    """Once it may have been received, nobody else gets it; whoever ordered must look."""
    daemon.answers("POST /v1/overrides", Reply("", breaks_off=True))
    with pytest.raises(UnreachableError, match="may have been done"):
        Client(daemon.url, other.url).post("/v1/overrides", {})
    assert other.requests == []


def test_an_order_goes_on_while_no_connection_stood(daemon: FakeDaemon, nobody: str) -> None:
    """Then nobody can have received it."""
    daemon.answers("POST /v1/overrides", answers.override())
    assert Client(nobody, daemon.url).post("/v1/overrides", {})["id"] == 3
