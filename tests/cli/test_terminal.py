"""When output is redrawn in place, and when it is coloured."""

from __future__ import annotations

import pytest

from controller.cli.screen import terminal
from tests.cli.conftest import Run
from tests.cli.fake_daemon import FakeDaemon
from tests.cli.test_status import TROUBLED, on_terminal, troubled

RED = "\x1b[31m"


@pytest.mark.parametrize(
    ("environment", "colour"),
    [
        ({}, None),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "0"}, None),
        ({"FORCE_COLOR": ""}, None),
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": ""}, None),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, True),
    ],
)
def test_variables_decide_about_colours(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], colour: bool | None
) -> None:
    """None: on a terminal, not in a pipe."""
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert terminal.wants_colour() is colour


def test_forced_colours_in_a_pipe_colour_rows_and_change_nothing_else(
    daemon: FakeDaemon, gtc: Run
) -> None:
    """For CI logs, which show colours but are no terminals."""
    daemon.answers("GET /v1/status", troubled())
    plain = gtc("status").stdout
    coloured = gtc("status", FORCE_COLOR="1").stdout
    assert plain == TROUBLED
    [row] = [line for line in coloured.splitlines() if RED in line]
    assert "shop     europe  eu-west-1     down" in row
    assert coloured.replace(RED, "").replace("\x1b[1m", "").replace("\x1b[0m", "") == plain


def test_a_dumb_terminal_gets_plain_rows(daemon: FakeDaemon) -> None:
    """It cannot be redrawn."""
    daemon.answers("GET /v1/status", troubled())
    assert on_terminal(daemon, "status", TERM="dumb").replace("\r\n", "\n") == TROUBLED
