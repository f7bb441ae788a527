"""The orders that need no preview, and the list of those in force."""

from __future__ import annotations

import pytest

from controller.cli import exit_codes
from tests.cli import answers
from tests.cli.conftest import Run
from tests.cli.fake_daemon import FakeDaemon

EU, US = "eu-west-1", "us-east-1"


@pytest.fixture
def three_orders(daemon: FakeDaemon) -> FakeDaemon:
    """A drain, a failover of one service, and a freeze are in force."""
    items = [
        answers.override(3),
        answers.override(4, kind="failover", service="shop", author="bob", reason="INC-7"),
        answers.override(5, kind="freeze", region=None, ignore_guards=[], remaining_s=61),
        answers.override(6, region=US, ignore_guards=["capacity", "drift"]),
    ]
    daemon.answers("GET /v1/overrides", {"items": items})
    for item in items:
        daemon.answers(f"DELETE /v1/overrides/{item['id']}", item)
    daemon.answers("GET /v1/services", {"items": [{"name": "shop", "regions": {EU: {}, US: {}}}]})
    return daemon


def ended(daemon: FakeDaemon) -> list[str]:
    """What a command ended."""
    return [request.path for request in daemon.asked("DELETE")]


def test_undrain_ends_drains_and_failovers_of_that_region(
    three_orders: FakeDaemon, gtc: Run
) -> None:
    """In the name of whoever did it."""
    result = gtc("undrain", EU)
    assert result.exit_code == exit_codes.OK
    assert result.stdout == (
        "Override 3 has ended: drain eu-west-1 by ann: INC-42.\n"
        "Override 4 has ended: failover eu-west-1 by bob: INC-7.\n"
    )
    assert ended(three_orders) == ["/v1/overrides/3?author=ann", "/v1/overrides/4?author=ann"]


def test_undrain_of_one_service_leaves_the_others_drained(
    three_orders: FakeDaemon, gtc: Run
) -> None:
    """Only what was ordered for that service ends."""
    gtc("undrain", EU, "--service", "shop", "--author", "eve")
    assert ended(three_orders) == ["/v1/overrides/4?author=eve"]


def test_undrain_where_nothing_is_drained_is_not_an_error(
    three_orders: FakeDaemon, gtc: Run
) -> None:
    """A script may say it twice."""
    three_orders.answers("GET /v1/overrides", {"items": []})
    result = gtc("undrain", EU)
    assert result.exit_code == exit_codes.OK
    assert result.stdout == "Nothing to end: no drain or failover of eu-west-1 is in force.\n"


def test_undrain_of_an_unknown_region_is_an_error(three_orders: FakeDaemon, gtc: Run) -> None:
    """A slip of the finger must not look like success."""
    result = gtc("undrain", "eu-west-9")
    assert result.exit_code == exit_codes.USAGE
    assert "Did you mean eu-west-1?" in result.stderr


def test_freeze_is_ordered_and_told_with_its_end(daemon: FakeDaemon, gtc: Run) -> None:
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
def test_freeze_needs_no_terminal_with_yes_or_without(
    daemon: FakeDaemon, gtc: Run, yes: tuple[str, ...]
) -> None:
    """Nothing moves by a freeze, so it is not previewed; only production asks (see there)."""
    daemon.answers("POST /v1/overrides", answers.override(5, kind="freeze", region=None))
    result = gtc("freeze", "--reason", "deploy", *yes)
    assert result.exit_code == exit_codes.OK
    assert [request.path for request in daemon.requests] == ["/v1/overrides"]


def test_unfreeze_ends_the_freezes_alone(three_orders: FakeDaemon, gtc: Run) -> None:
    """Drains go on."""
    assert gtc("unfreeze").stdout == "Override 5 has ended: freeze by ann: INC-42.\n"
    assert ended(three_orders) == ["/v1/overrides/5?author=ann"]


def test_unfreeze_where_nothing_is_frozen_is_not_an_error(daemon: FakeDaemon, gtc: Run) -> None:
    """As with undrain."""
    daemon.answers("GET /v1/overrides", {"items": []})
    result = gtc("unfreeze", "--service", "shop")
    assert result.exit_code == exit_codes.OK
    assert result.stdout == "Nothing to end: no freeze for shop alone is in force.\n"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (("undrain", EU), [3, 4]),
        (("unfreeze",), [5]),
    ],
)
def test_what_would_follow_an_end_can_be_seen_first(
    three_orders: FakeDaemon, gtc: Run, command: tuple[str, ...], expected: list[int]
) -> None:
    """Of each order that would end; none does."""
    for number in expected:
        plan = {"text": f"~ shop/world  eu-west-1  0 % → 25 %  of {number}"}
        three_orders.answers(f"GET /v1/overrides/{number}/ending", plan)
    lines = gtc(*command, "--dry-run").stdout.splitlines()

    shown = [line for line in lines if line.startswith("If override ")]
    assert [int(line.split()[2]) for line in shown] == expected
    assert [line.rpartition(" ")[2] for line in lines if line.startswith("~")] == list(
        map(str, expected)
    )
    assert three_orders.asked("DELETE") == []
