"""`gtc wait`: what up, down, drained and serving mean, and the timeout."""

from __future__ import annotations

from typing import Any

import pytest

from controller.cli import exit_codes
from tests.cli import answers
from tests.cli.conftest import Run
from tests.cli.fake_daemon import FakeDaemon, Reply, problem

EU, US = "eu-west-1", "us-east-1"


@pytest.fixture(autouse=True)
def short_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Polls follow each other quickly."""
    monkeypatch.setattr("controller.cli.commands.wait._POLL_S", 0.01)


def status_of(**region: Any) -> dict[str, Any]:
    """A status with that eu-west-1 in shop/europe, and an ordinary one in api/world."""
    europe = answers.pool("europe", answers.region(EU, **region), answers.region(US))
    world = answers.pool("world", answers.region(EU, 1.0))
    api = answers.service("api", world, lever="accelerator")
    return answers.status(answers.service("shop", europe), api)


SO = {
    "up": status_of(),
    "down": status_of(verdict="down", why="refused"),
    "drained": status_of(share=0.0, measured=0.01),
    "still arriving": status_of(share=0.0, measured=0.02),
    "unmeasured": status_of(share=0.0, measured=None),
    "unread": status_of(share=None),
    "not yet serving": status_of(share=0.0, desired=0.5),
    "not needed": status_of(share=0.0, desired=0.0, measured=None),
}


@pytest.mark.parametrize(
    ("stands", "states"),
    [
        ("up", {"up", "serving"}),
        ("down", {"down"}),
        ("drained", {"up", "drained", "serving"}),
        ("still arriving", {"up", "serving"}),
        ("unmeasured", {"up", "drained", "serving"}),
        ("unread", {"up"}),
        ("not yet serving", {"up", "drained"}),
        ("not needed", {"up", "serving", "drained"}),
    ],
)
@pytest.mark.parametrize("state", ["up", "down", "drained", "serving"])
def test_states_are_distinguished(
    daemon: FakeDaemon, gtc: Run, stands: str, states: set[str], state: str
) -> None:
    """Drained depends on users, not on a weight; serving depends on the plan."""
    daemon.answers("GET /v1/status", SO[stands])
    result = gtc(
        *("wait", "--region", EU, "--state", state, "--service", "shop", "--timeout", "0.03s")
    )
    expected = exit_codes.OK if state in states else exit_codes.TIMEOUT
    assert result.exit_code == expected, result.output


def test_it_returns_when_the_state_is_reached(daemon: FakeDaemon, gtc: Run) -> None:
    """In every service, unless one is given."""
    daemon.answers("GET /v1/status", SO["down"], SO["down"], SO["up"])
    result = gtc("wait", "--region", EU, "--state", "up")
    assert (result.exit_code, result.stdout) == (exit_codes.OK, "eu-west-1 is up.\n")
    assert len(daemon.requests) == 3


def test_at_the_timeout_it_prints_what_is_missing(daemon: FakeDaemon, gtc: Run) -> None:
    """Pool by pool, with exit code 7."""
    daemon.answers("GET /v1/status", SO["up"])
    result = gtc("wait", "--region", EU, "--state", "drained", "--timeout", "0.05s")
    assert result.exit_code == exit_codes.TIMEOUT
    assert result.stderr == (
        "Error: after 0 s eu-west-1 is not drained: "
        "shop/europe: carries 50 %; api/world: carries 100 %\n"
    )


def test_it_waits_for_a_daemon_that_restarts(daemon: FakeDaemon, gtc: Run) -> None:
    """A restart during a deployment is usual."""
    gone = Reply("", breaks_off=True)
    passing = (problem(503, "starting"), problem(429, "ask again in 1 s"))
    daemon.answers("GET /v1/status", SO["down"], gone, *passing, SO["up"])
    assert gtc("wait", "--region", EU, "--state", "up").exit_code == exit_codes.OK


def test_a_daemon_that_never_replied_is_unreachable(daemon: FakeDaemon, gtc: Run) -> None:
    """A wrong address is an error."""
    daemon.answers("GET /v1/status", Reply("", breaks_off=True))
    result = gtc("wait", "--region", EU, "--state", "up")
    assert result.exit_code == exit_codes.UNREACHABLE


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--region", "eu-wset-1", "--state", "up"), "Did you mean eu-west-1?"),
        (("--region", EU, "--state", "up", "--service", "shpo"), "Did you mean shop?"),
        (("--region", US, "--state", "up", "--service", "api"), "no region is named"),
        (("--region", EU, "--state", "gone"), "'drained'"),
        (("--state", "up"), "--region"),
        (("--region", EU), "--state"),
    ],
)
def test_an_unknown_name_is_an_error_at_once(
    daemon: FakeDaemon, gtc: Run, arguments: tuple[str, ...], says: str
) -> None:
    """The message names the valid ones."""
    daemon.answers("GET /v1/status", SO["up"])
    result = gtc("wait", *arguments)
    assert result.exit_code == exit_codes.USAGE
    assert says in result.stderr
