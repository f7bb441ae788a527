"""A daemon for commands to talk to, and a way to run them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from controller.cli import root
from tests.cli.fake_daemon import FakeDaemon, running

Run = Callable[..., Result]


@pytest.fixture
def daemon() -> Iterator[FakeDaemon]:
    """A daemon that answers what the test tells it to."""
    with running() as daemon:
        yield daemon


@pytest.fixture
def gtc(daemon: FakeDaemon) -> Run:
    """Runs `gtc` against that daemon, as user ann, its output going into a pipe."""

    def run(*arguments: str, typed: str | None = None, **environment: str) -> Result:
        env = {"GTC_URL": daemon.url, "LOGNAME": "ann", **environment}
        return CliRunner().invoke(root, arguments, input=typed, env=env)

    return run


@pytest.fixture
def at_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if somebody sat at a terminal and could be asked."""
    monkeypatch.setattr("controller.cli.screen.terminal.at_terminal", lambda: True)


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test sees the contexts, tokens or terminal of its user. Returns the contexts' file."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("GTC_URL", "GTC_CONTEXT", "GTC_TOKEN", "GTC_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "config" / "gtc" / "contexts.json"
