"""`gtc pin` and `gtc unpin`: requests and output. `test_submit` has what all orders share."""

from __future__ import annotations

from typing import Any

import pytest

from controller.cli import exit_codes
from tests.cli import answers
from tests.cli.conftest import Run
from tests.cli.fake_daemon import FakeDaemon

EU, US = "eu-west-1", "us-east-1"
PREVIEW = "~  shop/europe  eu-west-1  50 % → 30 %\n\nPlan: 1 pool changes, 2 weights."
ORDER = ("pin", EU, "30%", "--reason", "canary")
IN_FORCE = f"""\
{PREVIEW}

Override 3 is in force: pin eu-west-1 at 30 %.
It ends at 2026-06-01 14:00:00 UTC (in 2 h).
End it sooner with: gtc unpin eu-west-1
"""


def europe(before: float, *held: dict[str, Any], desired: float = 0.3) -> dict[str, Any]:
    """A plan in which the desired share of eu-west-1 differs from its present one."""
    shares = {EU: before, US: 1 - before}
    desired_shares = {EU: desired, US: 1 - desired}
    return answers.pool_plan(shares, shares, *held, desired=desired_shares)


@pytest.fixture
def accepting(daemon: FakeDaemon) -> FakeDaemon:
    """A daemon that previews a pin and then accepts it."""
    preview = answers.plan(europe(0.5), text=PREVIEW, changes=1)
    daemon.answers("POST /v1/overrides?dry_run=true&all=true", preview)
    daemon.answers("POST /v1/overrides", answers.override(kind="pin", share=0.3, reason="canary"))
    return daemon


def test_a_pin_is_previewed_submitted_and_printed_with_its_share_and_end(
    accepting: FakeDaemon, gtc: Run
) -> None:
    """The share is sent as a fraction."""
    result = gtc(*ORDER, "--yes")
    assert (result.exit_code, result.stdout) == (exit_codes.OK, IN_FORCE)
    order = {"kind": "pin", "region": EU, "share": 0.3, "reason": "canary", "author": "ann"}
    assert [(request.path, request.body) for request in accepting.requests] == [
        ("/v1/overrides?dry_run=true&all=true", order),
        ("/v1/overrides", order),
    ]


def test_a_pin_has_the_options_of_a_drain(accepting: FakeDaemon, gtc: Run) -> None:
    """Scope, duration, author, guards."""
    scope: dict[str, Any] = {"service": "shop", "pool": "europe"}
    accepting.answers("POST /v1/overrides", answers.override(kind="pin", share=0.3, **scope))
    result = gtc(
        *("pin", EU, "30 %", "--yes", "--reason", "canary", "--ttl", "2h", "--author", "bob"),
        *("--service", "shop", "--pool", "europe", "--ignore-guard", "capacity"),
    )
    assert "in force: pin eu-west-1 at 30 % of shop/europe." in result.stdout
    assert "gtc unpin eu-west-1 --service shop --pool europe\n" in result.stdout
    assert accepting.requests[-1].body == {
        **{"kind": "pin", "region": EU, "share": 0.3, "reason": "canary", "author": "bob"},
        **{"ttl_s": 7200.0, "ignore_guards": ["capacity"], **scope},
    }


@pytest.mark.parametrize(
    ("share", "message"),
    [
        ("30", "Invalid value for 'SHARE': '30' is not a share: write 30%."),
        ("0.3", "write 30% or 0.3%."),
        ("0%", "`gtc drain` it instead."),
        ("130%", "allowed is a number above 0 up to 100 with % behind it"),
    ],
)
def test_an_ambiguous_share_is_refused_before_any_request(
    daemon: FakeDaemon, gtc: Run, share: str, message: str
) -> None:
    """Also where the shell splits `30 %` in two."""
    for written in ((share,), (share, "%")):
        result = gtc("pin", EU, *written, "--reason", "x", "--yes")
        assert result.exit_code == exit_codes.USAGE
        assert message in result.stderr
    assert daemon.requests == []


def test_a_pin_held_in_every_pool_is_refused_with_the_guards_names(
    daemon: FakeDaemon, gtc: Run
) -> None:
    """Nothing is stored."""
    guards = (
        answers.held("min_active", "pinning eu-west-1 would leave 1 of 3 regions serving", EU),
        answers.held("capacity", "eu-west-1 would carry 700 requests/s", EU),
    )
    plans = [{**europe(0.5, held, desired=0.5), "pool": held["reason"]} for held in guards]
    preview = answers.plan(*plans, text="No change; 2 pools held.")
    daemon.answers("POST /v1/overrides?dry_run=true&all=true", preview)
    result = gtc(*ORDER, "--yes")
    assert result.exit_code == exit_codes.REFUSED
    assert result.stderr == (
        "Error: the pin of eu-west-1 is refused: no pool would take it\n"
        "  shop/min_active: min_active, pinning eu-west-1 would leave 1 of 3 regions serving\n"
        "  shop/capacity: capacity, eu-west-1 would carry 700 requests/s\n"
        "To do it all the same, name what to override: --ignore-guard capacity "
        "--ignore-guard min_active\n"
    )
    assert len(daemon.requests) == 1


@pytest.mark.usefixtures("at_terminal")
def test_the_regions_name_confirms_a_pin(accepting: FakeDaemon, gtc: Run) -> None:
    """As for a drain."""
    result = gtc(*ORDER, typed=f"{EU}\n")
    assert (result.exit_code, result.stdout) == (exit_codes.OK, IN_FORCE)
    assert "Type eu-west-1 to confirm the pin at 30 %" in result.stderr


def test_waiting_lasts_until_the_ramp_has_ended(
    accepting: FakeDaemon, gtc: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS has the share then."""
    monkeypatch.setattr("controller.cli.orders.follow._POLL_S", 0.01)
    step = answers.held("ramp_step", "eu-west-1: next step in 12.0 s")
    plans = [answers.plan(europe(before, step)) for before in (0.05, 0.2)]
    accepting.answers("GET /v1/plan", *plans, answers.plan(europe(0.3)))
    accepting.refuses("GET /v1/decisions/latest", 404, "none")
    result = gtc(*ORDER, "--yes", "--wait")
    assert result.exit_code == exit_codes.OK
    assert result.stdout == f"{IN_FORCE}\neu-west-1 is at 30 % in shop/europe.\n"
    assert [request.path for request in accepting.asked("GET")].count("/v1/plan?all=true") == 3


def test_a_wait_that_times_out_names_the_share_that_is_not_reached(
    accepting: FakeDaemon, gtc: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pin stays active."""
    monkeypatch.setattr("controller.cli.orders.follow._POLL_S", 0.01)
    accepting.answers("GET /v1/plan", answers.plan(europe(0.05)))
    result = gtc(*ORDER, "--yes", "--wait", "--timeout", "0.05s")
    assert result.exit_code == exit_codes.TIMEOUT
    assert "eu-west-1 is not yet known to be at 30 % in shop/europe; the override stays" in (
        result.stderr
    )


def test_the_help_says_that_waiting_may_take_minutes(gtc: Run) -> None:
    """Ramp steps take minutes."""
    text = " ".join(gtc("pin", "--help").stdout.split())
    assert "by the steps of the ramp, which may take minutes." in text
    assert "[default: 10m]" in text


@pytest.fixture
def pinned(daemon: FakeDaemon) -> FakeDaemon:
    """Pins of two regions and a drain are active."""
    items = [
        answers.override(3),
        answers.override(4, kind="pin", share=0.3, service="shop", reason="canary"),
        answers.override(5, kind="pin", share=0.5, region=US),
        answers.override(6, kind="pin", share=1 / 3),
    ]
    daemon.answers("GET /v1/overrides", {"items": items})
    for item in items:
        daemon.answers(f"DELETE /v1/overrides/{item['id']}", item)
    daemon.answers("GET /v1/services", {"items": [{"name": "shop", "regions": {EU: {}, US: {}}}]})
    return daemon


def test_unpin_ends_only_the_pins_of_that_region(pinned: FakeDaemon, gtc: Run) -> None:
    """Drains and other regions' pins stay active."""
    result = gtc("unpin", EU)
    assert result.exit_code == exit_codes.OK
    assert result.stdout == (
        "Override 4 has ended: pin eu-west-1 at 30 % by ann: canary.\n"
        "Override 6 has ended: pin eu-west-1 at 33.3 % by ann: INC-42.\n"
    )
    paths = [request.path for request in pinned.asked("DELETE")]
    assert paths == ["/v1/overrides/4?author=ann", "/v1/overrides/6?author=ann"]


def test_unpin_without_a_pin_is_not_an_error(pinned: FakeDaemon, gtc: Run) -> None:
    """A script may repeat it. An unknown region is an error."""
    result = gtc("unpin", US, "--service", "shop", "--pool", "world")
    assert result.exit_code == exit_codes.OK
    assert result.stdout == (
        "Nothing to end: no pin of us-east-1 for shop/world alone is in force.\n"
    )
    assert gtc("unpin", "eu-west-9").exit_code == exit_codes.USAGE
