"""A fake daemon, and a fixture that runs commands against it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from controller.cli import root
from tests.cli import answers
from tests.cli.fake_daemon import FakeDaemon, running

Run = Callable[..., Result]


@pytest.fixture
def daemon() -> Iterator[FakeDaemon]:
    """A fake daemon; the test sets its replies."""
    with running() as daemon:
        yield daemon


@pytest.fixture
def active_orders(daemon: FakeDaemon) -> FakeDaemon:
    """A daemon with two drains, a failover of one service, and a freeze."""
    eu, us = "eu-west-1", "us-east-1"
    overrides = [
        answers.override(3),
        answers.override(4, kind="failover", service="shop", author="bob", reason="INC-7"),
        answers.override(5, kind="freeze", region=None, ignore_guards=[], remaining_s=61),
        answers.override(6, region=us, ignore_guards=["capacity", "drift"]),
    ]
    daemon.answers("GET /v1/overrides", {"items": overrides})
    for override in overrides:
        daemon.answers(f"DELETE /v1/overrides/{override['id']}", override)
    daemon.answers("GET /v1/services", {"items": [{"name": "shop", "regions": {eu: {}, us: {}}}]})
    return daemon


@pytest.fixture
def gtc(daemon: FakeDaemon) -> Run:
    """Runs `gtc` against that daemon, as user ann, its output going into a pipe."""

    def run(*arguments: str, typed: str | None = None, **environment: str) -> Result:
        env = {"GTC_URL": daemon.url, "LOGNAME": "ann", **environment}
        return CliRunner().invoke(root, arguments, input=typed, env=env)

    return run


@pytest.fixture
def at_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard input counts as a terminal."""
    monkeypatch.setattr("controller.cli.screen.terminal.can_prompt", lambda: True)


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test sees the contexts, tokens or terminal of its user. Returns the contexts' file."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("GTC_URL", "GTC_CONTEXT", "GTC_TOKEN", "GTC_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "config" / "gtc" / "contexts.json"
