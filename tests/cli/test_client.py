"""The HTTP client: every failure is a message with an exit code."""

from __future__ import annotations

import json
import socket

import pytest
from click.testing import CliRunner

from controller.cli import exit_codes, root
from controller.cli.daemon.client import Client
from controller.cli.daemon.request_errors import ApiError, UnreachableError, unknown_name
from tests.cli import answers
from tests.cli.conftest import Run
from tests.cli.fake_daemon import FakeDaemon, Reply


def free_port() -> int:
    """A port on which no server listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.mark.parametrize(
    "command", [["status"], ["why"], ["plan"], ["overrides"], ["undrain", "eu-west-1"]]
)
def test_an_unreachable_daemon_is_one_message_that_says_how_to_start_it(command: list[str]) -> None:
    """No traceback, exit code 5, the address that was tried."""
    url = f"http://127.0.0.1:{free_port()}"
    result = CliRunner().invoke(root, [*command, "--endpoint", url])
    assert result.exit_code == exit_codes.UNREACHABLE
    assert result.stderr == (
        f"Error: no daemon answers at {url}: Connection refused\n"
        "Start one with `gtc run FILE` or try the sandbox with `make demo`, "
        "or say where it is with --endpoint or GTC_URL.\n"
    )


@pytest.mark.parametrize("url", ["127.0.0.1:8640", "ftp://host", "http://", "http://host:port"])
def test_an_invalid_address_is_a_wrong_command_line(url: str) -> None:
    """The message names the value."""
    result = CliRunner().invoke(root, ["status", "--endpoint", url])
    assert result.exit_code == exit_codes.USAGE
    assert "--endpoint" in result.stderr
    assert "http://host:port" in result.stderr or "port" in result.stderr.lower()


def test_a_hostname_that_does_not_resolve_is_unreachable() -> None:
    """`.invalid` never resolves (RFC 6761)."""
    result = CliRunner().invoke(root, ["status", "--endpoint", "http://gtc.invalid:1"])
    assert result.exit_code == exit_codes.UNREACHABLE


def test_a_daemon_that_hangs_is_unreachable_after_the_deadline() -> None:
    """A server that never replies must not block the user."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = Client(f"http://127.0.0.1:{silent.getsockname()[1]}", deadline_s=0.05)
        with pytest.raises(UnreachableError, match=r"did not answer within 0\.05 s$"):
            client.get("/v1/status")


def test_a_write_without_a_reply_has_an_unknown_outcome(daemon: FakeDaemon) -> None:
    """It may have been carried out: the user must look before repeating it."""
    daemon.answers("POST /v1/overrides", Reply("", breaks_off=True))
    with pytest.raises(UnreachableError) as raised:
        Client(daemon.url).post("/v1/overrides", {})
    assert "may have been done: look with `gtc overrides`" in str(raised.value)


def test_a_read_without_a_reply_has_no_hint_of_an_unknown_outcome(daemon: FakeDaemon) -> None:
    """A read changes nothing."""
    daemon.answers("GET /v1/status", Reply("", breaks_off=True))
    with pytest.raises(UnreachableError) as raised:
        Client(daemon.url).get("/v1/status")
    assert "may have been done" not in str(raised.value)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, exit_codes.USAGE),
        (403, exit_codes.AUTH),
        (404, exit_codes.FAILED),
        (409, exit_codes.REFUSED),
        (412, exit_codes.REFUSED),
        (428, exit_codes.REFUSED),
        (422, exit_codes.USAGE),
        (500, exit_codes.FAILED),
        (503, exit_codes.FAILED),
    ],
)
def test_a_problem_becomes_its_detail_and_an_exit_code(
    daemon: FakeDaemon, gtc: Run, status: int, code: int
) -> None:
    """The user reads the daemon's message."""
    daemon.refuses("GET /v1/status", status, "this is why")
    result = gtc("status")
    assert (result.exit_code, result.stderr) == (code, "Error: this is why\n")


def test_a_401_without_a_token_says_where_to_give_one(daemon: FakeDaemon, gtc: Run) -> None:
    """With a token, the daemon's message says what is wrong with it."""
    daemon.refuses("GET /v1/status", 401, "a token is needed")
    result = gtc("status")
    assert result.exit_code == exit_codes.AUTH
    assert result.stderr == (
        "Error: a token is needed\nGive your token in GTC_TOKEN, GTC_TOKEN_FILE or a context.\n"
    )
    assert gtc("status", GTC_TOKEN="old").stderr == "Error: a token is needed\n"


def test_a_problem_names_the_nearest_valid_value(daemon: FakeDaemon, gtc: Run) -> None:
    """A typing error costs one more try."""
    valid = ["eu-central-1", "eu-west-1", "us-east-1"]
    detail = "no region is named 'eu-wset-1'"
    daemon.refuses("POST /v1/plan", 422, detail, field="region", valid_values=valid)
    result = gtc("plan", "--drain", "eu-wset-1")
    assert result.exit_code == exit_codes.USAGE
    assert result.stderr == (
        "Error: no region is named 'eu-wset-1'\n"
        "Did you mean eu-west-1? Valid: eu-central-1, eu-west-1, us-east-1\n"
    )


@pytest.mark.parametrize(
    ("detail", "more"),
    [
        ("no region is named 'eu-w'; did you mean eu-west-1?", "\nValid: eu-west-1, us-east-1"),
        ("no region is named 'x'; possible here: eu-west-1, us-east-1", ""),
    ],
)
def test_a_hint_of_the_daemon_is_not_repeated(daemon: FakeDaemon, detail: str, more: str) -> None:
    """The API gives some hints itself."""
    daemon.refuses("GET /v1/status", 404, detail, valid_values=["eu-west-1", "us-east-1"])
    with pytest.raises(ApiError) as raised:
        Client(daemon.url).get("/v1/status")
    assert str(raised.value) == detail + more


def test_a_path_unknown_to_the_daemon_is_not_a_wrong_command_line(
    daemon: FakeDaemon, gtc: Run
) -> None:
    """The daemon is older or newer than the command."""
    daemon.refuses("GET /v1/plan", 404, "no path /v1/plan", field="path", valid_values=["/livez"])
    assert gtc("plan").exit_code == exit_codes.FAILED


@pytest.mark.parametrize("body", ["<html>hello</html>", "[]", "", '{"a": 1'])
@pytest.mark.parametrize("status", [200, 404])
def test_another_server_at_the_address_is_recognised(
    daemon: FakeDaemon, gtc: Run, body: str, status: int
) -> None:
    """The message quotes the beginning of its reply."""
    daemon.answers("GET /v1/status", Reply(body, status))
    result = gtc("status")
    assert result.exit_code == exit_codes.FAILED
    assert f"does not answer as a daemon does ({status}): {body!r}" in result.stderr


def test_a_missing_member_is_an_error_without_a_traceback(daemon: FakeDaemon, gtc: Run) -> None:
    """The daemon may be of another version."""
    reply = answers.status()
    del reply["services"]
    daemon.answers("GET /v1/status", reply)
    result = gtc("status")
    assert result.exit_code == exit_codes.FAILED
    assert "the daemon's answer has no 'services'" in result.stderr


def test_a_path_in_the_address_is_kept(daemon: FakeDaemon) -> None:
    """The API may be behind a proxy's path prefix."""
    daemon.answers("GET /gtc/v1/status", {"ok": True})
    assert Client(f"{daemon.url}/gtc/").get("/v1/status") == {"ok": True}


def test_bodies_and_queries_arrive_unchanged(daemon: FakeDaemon) -> None:
    """Names with spaces and special characters included."""
    daemon.answers("POST /v1/overrides", {"text": "ü"})
    reply = Client(daemon.url).post("/v1/overrides", {"reason": "ü & é"}, author="a b&c")
    assert reply == {"text": "ü"}
    [request] = daemon.requests
    assert request.path == "/v1/overrides?author=a+b%26c"
    assert request.body == {"reason": "ü & é"}
    assert json.dumps(reply)


def test_unknown_names_are_a_wrong_command_line() -> None:
    """The message is like the daemon's."""
    error = unknown_name("service", "shpo", ["shop", "api"])
    assert error.exit_code == exit_codes.USAGE
    assert error.message == "no service is named 'shpo'\nDid you mean shop? Valid: shop, api"
