"""A daemon for commands to talk to, and a way to run them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

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

    def run(*arguments: str, typed: str | None = None) -> Result:
        env = {"GTC_URL": daemon.url, "LOGNAME": "ann"}
        return CliRunner().invoke(root, arguments, input=typed, env=env)

    return run


@pytest.fixture
def at_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if somebody sat at a terminal and could be asked."""
    for module in ("leaving", "act"):
        monkeypatch.setattr(f"controller.cli.{module}.at_terminal", lambda: True)
