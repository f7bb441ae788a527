"""`gtc sandbox …` against a small control API in a thread."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from click.testing import CliRunner, Result

from controller.cli import exit_codes
from controller.cli.sandbox.commands import sandbox

STATE = {
    "regions": {
        "eu-west-1": {"mode": "dead", "since": "2024-01-01T00:00:00+00:00"},
        "reference-targets": {"mode": "well", "since": "2024-01-01T00:00:00+00:00"},
    }
}
SPLIT = {
    "service": "shop",
    "pool": "world",
    "region": "eu-west-1",
    "requests": 30,
    "errors": 2,
    "share": 0.25,
}


class Control:
    """Replies to every request with `status` and `answer`, and records the requests."""

    def __init__(self) -> None:
        self.status = 200
        self.answer: bytes = json.dumps(STATE).encode()
        self.requests: list[tuple[str, str, Any]] = []


@pytest.fixture
def control(monkeypatch: pytest.MonkeyPatch) -> Iterator[Control]:
    control = Control()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(None)

        def do_POST(self) -> None:
            self.answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def answer(self, body: Any) -> None:
            control.requests.append((self.command, self.path, body))
            self.send_response(control.status)
            self.end_headers()
            self.wfile.write(control.answer)

        def log_message(self, format: str, *args: object) -> None:
            """Print no access log."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setenv("GTC_SANDBOX_URL", f"http://127.0.0.1:{server.server_port}/")
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")  # must not be used
        yield control
        server.shutdown()
        thread.join()


def call(*arguments: str) -> Result:
    return CliRunner().invoke(sandbox, list(arguments))


def test_break_calls_the_sandbox_and_prints_the_regions(control: Control) -> None:
    """One aligned row for each region: name, mode, since when."""
    result = call("break", "eu-west-1", "--how", "dead")
    assert control.requests == [("POST", "/break", {"region": "eu-west-1", "how": "dead"})]
    assert result.output.splitlines() == [
        "eu-west-1          dead  2024-01-01T00:00:00+00:00",
        "reference-targets  well  2024-01-01T00:00:00+00:00",
    ]
    assert result.exit_code == exit_codes.OK


def test_break_is_dead_by_default(control: Control) -> None:
    """As its help says."""
    call("break", "eu-west-1")
    assert control.requests == [("POST", "/break", {"region": "eu-west-1", "how": "dead"})]
    assert "[default: dead]" in call("break", "--help").output


def test_heal_takes_a_region_or_all(control: Control) -> None:
    """The argument is sent unchanged."""
    assert call("heal", "all").exit_code == exit_codes.OK
    assert control.requests == [("POST", "/heal", {"region": "all"})]


def test_users_prints_the_measured_split(control: Control) -> None:
    """Aligned rows with a heading, over the given window."""
    control.answer = json.dumps({"window_s": 7, "split": [SPLIT]}).encode()
    result = call("users", "--window", "7")
    assert control.requests == [("GET", "/users?window_s=7", None)]
    assert result.output.splitlines() == [
        "SERVICE  POOL   REGION     SHARE  REQUESTS  ERRORS",
        "shop     world  eu-west-1  25.0%  30        2",
    ]


def test_a_refusal_names_the_valid_values_and_exits_with_2(control: Control) -> None:
    """The sandbox's message, not its JSON."""
    control.status = 400
    detail, valid = "no region is called 'eu-wst-1'", ["eu-west-1"]
    problem = {"title": "bad request", "detail": detail, "valid_values": valid}
    control.answer = json.dumps(problem).encode()
    result = call("heal", "eu-wst-1")
    assert result.output == f"Error: {detail}\nDid you mean eu-west-1? Valid: eu-west-1\n"
    assert result.exit_code == exit_codes.USAGE


@pytest.mark.parametrize(("status", "body"), [(404, b"not here"), (500, b'{"detail": 1}')])
def test_another_server_at_the_address_is_recognised(
    control: Control, status: int, body: bytes
) -> None:
    """The message quotes its reply."""
    control.status, control.answer = status, body
    result = call("users")
    assert f"answered {status}: {body.decode()}" in result.output
    assert result.exit_code == exit_codes.FAILED


def test_without_a_sandbox_it_says_how_to_start_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 5, and the address that was tried."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("GTC_SANDBOX_URL", f"http://127.0.0.1:{unused.getsockname()[1]}")
        result = call("users")
    assert "no sandbox answers at http://127.0.0.1:" in result.output
    assert "gtc sandbox run" in result.output
    assert result.exit_code == exit_codes.UNREACHABLE


def test_help_hides_the_child_processes() -> None:
    """Only the supervisor starts them."""
    output = call("--help").output
    for name in ("run", "break", "heal", "users"):
        assert f"\n  {name} " in output
    assert "child" not in output


def test_an_invalid_configuration_starts_nothing(tmp_path: Path) -> None:
    """Its mistakes are printed with their places; the exit code is 78."""
    config = tmp_path / "bad.yaml"
    config.write_text("schema_version: 2\n")
    result = call("run", "--config", str(config))
    assert f"{config}:1:" in result.output
    assert result.exit_code == exit_codes.BAD_CONFIG
