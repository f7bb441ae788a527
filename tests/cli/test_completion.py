"""Shell completion: commands and options at once, names from the daemon within 300 ms."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys

import pytest

from controller.cli.daemon import contexts
from controller.cli.daemon.contexts import Context, Contexts
from tests.cli.conftest import Run
from tests.cli.fake_daemon import FakeDaemon
from tests.cli.test_client import free_port
from tests.stopwatch import Stopwatch


def completed(words: str, **environment: str) -> list[str]:
    """The completions that bash gets for the last word."""
    parts = words.split(" ")
    env = {
        **{key: os.environ[key] for key in ("PATH", "XDG_CONFIG_HOME")},
        "_GTC_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(parts) - 1),
        **environment,
    }
    result = subprocess.run(
        [sys.executable, "-m", "controller"],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.stderr == ""
    return [line.partition(",")[2] for line in result.stdout.split()]


@pytest.fixture
def two_services(daemon: FakeDaemon) -> FakeDaemon:
    """A daemon with two services."""
    items = [
        {"name": "shop", "regions": {"eu-west-1": {}, "us-east-1": {}}, "pools": {"europe": {}}},
        {"name": "api", "regions": {"eu-west-1": {}}, "pools": {"world": {}}},
    ]
    daemon.answers("GET /v1/services", {"items": items})
    return daemon


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("gtc drain eu", ["eu-west-1"]),
        ("gtc failover ", ["eu-west-1", "us-east-1"]),
        ("gtc pin eu", ["eu-west-1"]),
        ("gtc unpin us", ["us-east-1"]),
        ("gtc pin eu-west-1 30% --ignore-guard ca", ["capacity"]),
        ("gtc unp", ["unpin"]),
        ("gtc why us", ["us-east-1"]),
        ("gtc plan --drain e", ["eu-west-1"]),
        ("gtc wait --region u", ["us-east-1"]),
        ("gtc history --region u", ["us-east-1"]),
        ("gtc status --service s", ["shop"]),
        ("gtc figures --service s", ["shop"]),
        ("gtc drain eu-west-1 --pool w", ["world"]),
        ("gtc drain eu-west-1 --ignore-guard ca", ["capacity"]),
        ("gtc wait --state d", ["down", "drained"]),
        ("gtc overr", ["overrides"]),
        ("gtc overrides -o y", ["yaml"]),
    ],
)
def test_names_are_completed(two_services: FakeDaemon, words: str, offered: list[str]) -> None:
    """Regions, services and pools come from the daemon."""
    assert completed(words, GTC_URL=two_services.url) == offered


def test_names_come_from_the_endpoint_on_the_command_line(two_services: FakeDaemon) -> None:
    """The option precedes the word."""
    assert completed(f"gtc drain --endpoint {two_services.url} us") == ["us-east-1"]


def test_contexts_are_completed() -> None:
    """Without a daemon."""
    contexts.save(Contexts(None, {name: Context(name, ("http://a",)) for name in ("lab", "prod")}))
    assert completed("gtc context use p") == ["prod"]


def test_without_a_daemon_there_are_no_completions_and_no_errors() -> None:
    """Pressing the tab key must not print an error."""
    assert completed("gtc drain eu", GTC_URL=f"http://127.0.0.1:{free_port()}") == []


def test_a_daemon_that_hangs_delays_completion_by_300_ms() -> None:
    """The rest is the start of the program."""
    starting = Stopwatch().start()
    assert completed("gtc overr") == ["overrides"]
    start_s = starting.stop()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        waiting = Stopwatch().start()
        assert completed("gtc drain eu", GTC_URL=url) == []
        assert waiting.stop() < 3 * start_s + 1.0


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_names_the_command_and_its_shell_accepts_it(gtc: Run, shell: str) -> None:
    """Where that shell is installed."""
    script = gtc("completion", shell).stdout
    assert "_GTC_COMPLETE" in script
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    subprocess.run([program, "-n"], input=script, text=True, check=True, timeout=30)


def test_another_shell_is_a_wrong_command_line(gtc: Run) -> None:
    """The message names the valid shells."""
    assert "'bash', 'zsh', 'fish'" in gtc("completion", "tcsh").stderr
