"""`gtc freeze` and `gtc unfreeze`."""

from __future__ import annotations

import pytest

from controller.cli import exit_codes
from tests.cli import answers
from tests.cli.conftest import Run
from tests.cli.fake_daemon import FakeDaemon


def test_a_freeze_is_submitted_and_its_end_is_printed(daemon: FakeDaemon, gtc: Run) -> None:
    """It has no region."""
    daemon.answers("POST /v1/overrides", answers.override(5, kind="freeze", region=None))
    result = gtc("freeze", "--reason", "deploy", "--ttl", "30m")
    assert result.stdout == (
        "\nOverride 5 is in force: freeze.\n"
        "It ends at 2026-06-01 14:00:00 UTC (in 2 h).\n"
        "End it sooner with: gtc unfreeze\n"
    )
    assert daemon.requests[0].body == {
        "kind": "freeze",
        "reason": "deploy",
        "author": "ann",
        "ttl_s": 1800.0,
    }


@pytest.mark.parametrize("yes", [(), ("--yes",)])
def test_a_freeze_needs_no_terminal(daemon: FakeDaemon, gtc: Run, yes: tuple[str, ...]) -> None:
    """A freeze moves no traffic, so it has no preview; `test_confirmation` has production."""
    daemon.answers("POST /v1/overrides", answers.override(5, kind="freeze", region=None))
    result = gtc("freeze", "--reason", "deploy", *yes)
    assert result.exit_code == exit_codes.OK
    assert [request.path for request in daemon.requests] == ["/v1/overrides"]


def test_unfreeze_ends_only_freezes(active_orders: FakeDaemon, gtc: Run) -> None:
    """Drains stay active."""
    assert gtc("unfreeze").stdout == "Override 5 has ended: freeze by ann: INC-42.\n"
    assert active_orders.deleted() == ["/v1/overrides/5?author=ann"]


def test_unfreeze_without_a_freeze_is_not_an_error(daemon: FakeDaemon, gtc: Run) -> None:
    """A script may repeat it."""
    daemon.answers("GET /v1/overrides", {"items": []})
    result = gtc("unfreeze", "--service", "shop")
    assert result.exit_code == exit_codes.OK
    assert result.stdout == "Nothing to end: no freeze for shop alone is in force.\n"
