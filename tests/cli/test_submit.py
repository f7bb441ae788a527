"""Failover and drain: preview, refusal, confirmation, submission, wait."""

from __future__ import annotations

from typing import Any

import pytest

from controller.cli import exit_codes
from tests.cli import answers
from tests.cli.conftest import Run
from tests.cli.fake_daemon import FakeDaemon, Reply, problem

EU, US = "eu-west-1", "us-east-1"
PREVIEW = "~  shop/europe  eu-west-1  50 % → 0 %\n\nPlan: 1 pool changes, 1 weight."
LEAVES = answers.pool_plan({EU: 0.5, US: 0.5}, {EU: 0.0, US: 1.0})
EMPTY = answers.pool_plan({EU: 0.0, US: 1.0}, {EU: 0.0, US: 1.0})
IN_FORCE = f"""\
{PREVIEW}

Override 3 is in force: drain eu-west-1.
It ends at 2026-06-01 14:00:00 UTC (in 2 h).
End it sooner with: gtc undrain eu-west-1
"""
ORDER = ("drain", EU, "--reason", "INC-42")


@pytest.fixture
def accepting(daemon: FakeDaemon) -> FakeDaemon:
    """A daemon that previews a drain and then accepts it."""
    daemon.answers(
        "POST /v1/overrides?dry_run=true&all=true", answers.plan(LEAVES, text=PREVIEW, changes=1)
    )
    daemon.answers("POST /v1/overrides", answers.override())
    return daemon


def held_preview(*held: dict[str, Any]) -> dict[str, Any]:
    """A preview in which eu-west-1 keeps its traffic."""
    plan = answers.pool_plan({EU: 0.5, US: 0.5}, {EU: 0.5, US: 0.5}, *held)
    return answers.plan(plan, text="No change; 1 pool held.")


def test_an_order_is_previewed_submitted_and_printed_with_its_end(
    accepting: FakeDaemon, gtc: Run
) -> None:
    """The order is the one that was previewed."""
    result = gtc(*ORDER, "--yes")
    assert (result.exit_code, result.stdout) == (exit_codes.OK, IN_FORCE)
    order = {"kind": "drain", "region": EU, "reason": "INC-42", "author": "ann"}
    assert [(request.path, request.body) for request in accepting.requests] == [
        ("/v1/overrides?dry_run=true&all=true", order),
        ("/v1/overrides", order),
    ]


def test_every_option_is_sent(accepting: FakeDaemon, gtc: Run) -> None:
    """The time to live in seconds, guards by name."""
    gtc(
        *("failover", EU, "--yes", "--reason", "INC-7", "--ttl", "2h", "--service", "shop"),
        *("--author", "bob", "--ignore-guard", "capacity", "--ignore-guard", "drift"),
    )
    assert accepting.requests[-1].body == {
        "kind": "failover",
        "region": EU,
        "service": "shop",
        "reason": "INC-7",
        "author": "bob",
        "ttl_s": 7200.0,
        "ignore_guards": ["capacity", "drift"],
    }


def test_an_order_for_one_service_prints_the_command_that_ends_it_there(
    accepting: FakeDaemon, gtc: Run
) -> None:
    """The user can copy it."""
    accepting.answers("POST /v1/overrides", answers.override(service="shop"))
    result = gtc(*ORDER, "--service", "shop", "--yes")
    assert "in force: drain eu-west-1 of shop." in result.stdout
    assert "gtc undrain eu-west-1 --service shop\n" in result.stdout


def test_a_dry_run_prints_the_preview_and_submits_nothing(accepting: FakeDaemon, gtc: Run) -> None:
    """It needs no reason."""
    result = gtc("drain", EU, "--dry-run")
    assert (result.exit_code, result.stdout) == (exit_codes.OK, f"{PREVIEW}\n")
    assert len(accepting.requests) == 1


@pytest.mark.parametrize("kind", ["failover", "drain"])
@pytest.mark.parametrize("dry_run", [True, False])
def test_an_order_held_in_every_pool_is_refused_with_the_guards_name(
    daemon: FakeDaemon, gtc: Run, kind: str, dry_run: bool
) -> None:
    """Nothing is stored."""
    guard = answers.held("capacity", "without eu-west-1 pool europe would lack 100 requests/s", EU)
    daemon.answers("POST /v1/overrides?dry_run=true&all=true", held_preview(guard))
    result = gtc(kind, EU, "--reason", "INC-42", "--dry-run" if dry_run else "--yes")
    assert result.exit_code == exit_codes.REFUSED
    assert result.stdout == "No change; 1 pool held.\n"
    assert result.stderr == (
        f"Error: the {kind} of eu-west-1 is refused: its traffic would stay\n"
        "  shop/europe: capacity, without eu-west-1 pool europe would lack 100 requests/s\n"
        "To do it all the same, name what to override: --ignore-guard capacity\n"
    )
    assert len(daemon.requests) == 1


@pytest.mark.parametrize(
    ("reason", "remedy"),
    [("frozen", "`gtc unfreeze` first"), ("last_region", "nothing overrides that")],
)
def test_a_hold_that_no_order_can_override_is_refused_with_its_remedy(
    daemon: FakeDaemon, gtc: Run, reason: str, remedy: str
) -> None:
    """`--ignore-guard` would have no effect."""
    daemon.answers(
        "POST /v1/overrides?dry_run=true&all=true", held_preview(answers.held(reason, "why"))
    )
    result = gtc(*ORDER, "--yes")
    assert result.exit_code == exit_codes.REFUSED
    assert remedy in result.stderr
    assert "--ignore-guard" not in result.stderr


def test_an_unknown_region_is_refused_by_the_preview(daemon: FakeDaemon, gtc: Run) -> None:
    """The daemon knows the names."""
    daemon.refuses(
        *("POST /v1/overrides", 422, "no region is named 'eu-west-2'"),
        field="region",
        valid_values=[EU, US],
    )
    result = gtc("drain", "eu-west-2", "--reason", "x", "--yes")
    assert result.exit_code == exit_codes.USAGE
    assert "Did you mean eu-west-1? Valid: eu-west-1, us-east-1" in result.stderr


def test_without_a_terminal_an_order_needs_yes(accepting: FakeDaemon, gtc: Run) -> None:
    """A script cannot type a confirmation."""
    result = gtc(*ORDER)
    assert result.exit_code == exit_codes.USAGE
    assert "--yes orders it without asking" in result.stderr
    assert len(accepting.requests) == 1


def test_without_a_terminal_an_order_needs_a_reason(daemon: FakeDaemon, gtc: Run) -> None:
    """A script cannot be asked for it."""
    for command in (("drain", EU, "--yes"), ("freeze",)):
        result = gtc(*command)
        assert result.exit_code == exit_codes.USAGE
        assert "--reason is missing" in result.stderr
    assert daemon.requests == []


@pytest.mark.usefixtures("at_terminal")
def test_at_a_terminal_the_user_types_the_reason_and_the_regions_name(
    accepting: FakeDaemon, gtc: Run
) -> None:
    """Pressing only the return key does nothing."""
    result = gtc("drain", EU, typed=f"INC-42\n{EU}\n")
    assert (result.exit_code, result.stdout) == (exit_codes.OK, IN_FORCE)
    assert accepting.requests[-1].body["reason"] == "INC-42"


@pytest.mark.usefixtures("at_terminal")
def test_another_word_than_the_regions_name_does_nothing(accepting: FakeDaemon, gtc: Run) -> None:
    """The message says so."""
    result = gtc(*ORDER, typed="yes\n")
    assert result.exit_code == exit_codes.FAILED
    assert "nothing was done: 'yes' is not eu-west-1" in result.stderr
    assert len(accepting.requests) == 1


@pytest.mark.parametrize("option", ["--ttl", "--timeout"])
def test_an_invalid_duration_is_refused_with_what_is_allowed(
    daemon: FakeDaemon, gtc: Run, option: str
) -> None:
    """Before any request."""
    result = gtc(*ORDER, option, "soon")
    assert result.exit_code == exit_codes.USAGE
    assert f"'{option}'" in result.stderr
    assert "90s, 30m, 2h, 1d" in result.stderr
    assert daemon.requests == []


def test_waiting_ends_when_the_region_is_empty_and_prints_the_timeline(
    accepting: FakeDaemon, gtc: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pool that a guard holds is not waited for."""
    monkeypatch.setattr("controller.cli.orders.follow._POLL_S", 0.01)
    guard = answers.held("min_active", "1 of 2 needed", EU)
    held = answers.pool_plan({EU: 0.5, US: 0.5}, {EU: 0.5, US: 0.5}, guard, pool="world")
    accepting.answers("GET /v1/plan", answers.plan(LEAVES, held), answers.plan(EMPTY, held))
    accepting.answers("GET /v1/decisions/latest?region=eu-west-1", answers.record())
    result = gtc(*ORDER, "--yes", "--wait")
    assert result.exit_code == exit_codes.OK
    assert result.stdout == IN_FORCE + (
        "\neu-west-1 carries nothing in shop/europe.\n"
        "eu-west-1 keeps its traffic in shop/world, held by min_active: 1 of 2 needed.\n"
        "Timeline of decision 12, from the order:\n"
        "     +0.02 s  decided\n"
        "     +0.31 s  applied       route53 Z0SANDBOX\n"
    )
    assert [request.path for request in accepting.asked("GET")].count("/v1/plan?all=true") == 2


def test_a_decision_before_the_order_has_no_timeline(accepting: FakeDaemon, gtc: Run) -> None:
    """The region was empty already."""
    accepting.answers("GET /v1/plan", answers.plan(EMPTY))
    accepting.answers("GET /v1/decisions/latest", answers.record(at="2026-06-01T11:59:59.999Z"))
    assert "Timeline" not in gtc(*ORDER, "--yes", "--wait").stdout


def test_waiting_needs_no_decision(accepting: FakeDaemon, gtc: Run) -> None:
    """There was nothing to decide."""
    accepting.answers("GET /v1/plan", answers.plan(EMPTY))
    accepting.refuses("GET /v1/decisions/latest", 404, "none")
    result = gtc(*ORDER, "--yes", "--wait")
    assert result.exit_code == exit_codes.OK
    assert result.stdout.endswith("eu-west-1 carries nothing in shop/europe.\n")


def test_a_wait_that_times_out_has_an_exit_code_of_its_own(
    accepting: FakeDaemon, gtc: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order stays active, as the message says."""
    monkeypatch.setattr("controller.cli.orders.follow._POLL_S", 0.01)
    accepting.answers("GET /v1/plan", answers.plan(LEAVES))
    result = gtc(*ORDER, "--yes", "--wait", "--timeout", "0.05s")
    assert result.exit_code == exit_codes.TIMEOUT
    assert "not yet known to be empty in shop/europe; the override stays in force" in result.stderr


def test_an_author_is_the_user_or_left_to_the_daemon(
    accepting: FakeDaemon, gtc: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container's user may have no name."""

    def no_name() -> str:
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr("controller.cli.orders.options.getpass.getuser", no_name)
    gtc(*ORDER, "--yes")
    assert "author" not in accepting.requests[-1].body


@pytest.mark.usefixtures("at_terminal")
def test_a_confirmed_preview_that_is_outdated_is_shown_and_confirmed_again(
    accepting: FakeDaemon, gtc: Run
) -> None:
    """The order carries the preview's ETag."""
    preview = answers.plan(LEAVES, text=PREVIEW, changes=1)
    accepting.answers(
        "POST /v1/overrides?dry_run=true&all=true",
        Reply(preview, headers={"ETag": '"one"'}),
        Reply({**preview, "text": "another plan"}, headers={"ETag": '"two"'}),
    )
    accepting.answers(
        "POST /v1/overrides", problem(412, "something changed"), Reply(answers.override(), 201)
    )
    result = gtc(*ORDER, typed=f"{EU}\n{EU}\n")
    assert result.exit_code == exit_codes.OK
    assert "Something has changed since. This is what would be done now:\n\nanother plan" in (
        result.stdout
    )
    etags = [
        request.headers["If-Match"]
        for request in accepting.requests
        if "dry_run" not in request.path
    ]
    assert etags == ['"one"', '"two"']


def test_an_order_with_yes_does_not_depend_on_its_preview(accepting: FakeDaemon, gtc: Run) -> None:
    """State may change meanwhile; guards apply all the same."""
    gtc(*ORDER, "--yes")
    assert accepting.requests[-1].headers["If-Match"] == "*"


def test_an_order_can_be_for_one_pool(accepting: FakeDaemon, gtc: Run) -> None:
    """The command that ends it names the pool."""
    accepting.answers("POST /v1/overrides", answers.override(service="shop", pool="europe"))
    result = gtc(*ORDER, "--service", "shop", "--pool", "europe", "--yes")
    assert "in force: drain eu-west-1 of shop/europe." in result.stdout
    assert "gtc undrain eu-west-1 --service shop --pool europe\n" in result.stdout
    assert accepting.requests[-1].body["pool"] == "europe"
