"""Several addresses: the first one that replies is used."""

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
def other_daemon() -> Iterator[FakeDaemon]:
    """A second daemon."""
    with running() as daemon:
        yield daemon


@pytest.fixture
def closed_address() -> str:
    """An address at which no server listens."""
    return f"http://127.0.0.1:{free_port()}"


def test_the_next_address_is_used_when_the_first_is_closed(
    daemon: FakeDaemon, closed_address: str
) -> None:
    """This is printed on standard error."""
    daemon.answers("GET /v1/overrides", {"items": []})
    result = CliRunner().invoke(
        root, ["overrides", "--endpoint", closed_address, "--endpoint", daemon.url]
    )
    assert result.exit_code == exit_codes.OK
    assert result.stdout == "No override is in force.\n"
    assert result.stderr == f"{closed_address}: Connection refused\n{daemon.url} answers.\n"


def test_the_environment_may_have_several_addresses(
    daemon: FakeDaemon, closed_address: str
) -> None:
    """Separated by spaces."""
    daemon.answers("GET /v1/overrides", {"items": []})
    env = {"GTC_URL": f"{closed_address} {daemon.url}"}
    assert CliRunner().invoke(root, ["overrides"], env=env).exit_code == exit_codes.OK


def test_the_first_address_that_replies_gets_the_only_request(
    daemon: FakeDaemon, other_daemon: FakeDaemon
) -> None:
    """Nothing is printed about it."""
    daemon.answers("GET /v1/overrides", {"items": []})
    result = CliRunner().invoke(
        root, ["overrides", "--endpoint", daemon.url, "--endpoint", other_daemon.url]
    )
    assert result.stderr == ""
    assert other_daemon.requests == []


def test_an_address_that_replied_is_used_first_from_then_on(
    daemon: FakeDaemon, closed_address: str
) -> None:
    """A command of several requests uses one daemon, and prints so once."""
    client = Client(closed_address, daemon.url)
    daemon.answers("GET /v1/status", {"ok": True})
    client.get("/v1/status")
    assert client.get("/v1/status") == {"ok": True}
    assert client._transport._addresses[0].url == daemon.url


def test_when_no_address_replies_each_is_named_with_its_error(closed_address: str) -> None:
    """Exit code 5."""
    second = f"http://127.0.0.1:{free_port()}"
    result = CliRunner().invoke(
        root, ["status", "--endpoint", closed_address, "--endpoint", second]
    )
    assert result.exit_code == exit_codes.UNREACHABLE
    assert result.stderr.startswith(
        "Error: no daemon answers:\n"
        f"  {closed_address}: Connection refused\n"
        f"  {second}: Connection refused\n"
        "Start one with"
    )


def test_a_get_without_a_reply_goes_to_the_next_address(daemon: FakeDaemon) -> None:
    """A GET may be repeated."""
    daemon.answers("GET /v1/status", {"ok": True})
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        client = Client(url, daemon.url, deadline_s=0.2)
        assert client.get("/v1/status") == {"ok": True}


def test_an_order_without_a_reply_goes_to_no_other_address(
    daemon: FakeDaemon, other_daemon: FakeDaemon
) -> None:
    """The first daemon may have received it; the user must look."""
    daemon.answers("POST /v1/overrides", Reply("", breaks_off=True))
    with pytest.raises(UnreachableError, match="may have been done"):
        Client(daemon.url, other_daemon.url).post("/v1/overrides", {})
    assert other_daemon.requests == []


def test_an_order_goes_to_the_next_address_without_a_connection(
    daemon: FakeDaemon, closed_address: str
) -> None:
    """No daemon can have received it."""
    daemon.answers("POST /v1/overrides", answers.override())
    assert Client(closed_address, daemon.url).post("/v1/overrides", {})["id"] == 3
