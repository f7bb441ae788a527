"""`gtc plan`: hypothetical plans and their exit codes."""

from __future__ import annotations

import json

import pytest

from controller.cli import exit_codes
from tests.cli import answers
from tests.cli.conftest import Run
from tests.cli.fake_daemon import FakeDaemon

TEXT = "~  shop/europe  eu-west-1  50 % → 0 %\n\nPlan: 1 pool changes, 1 weight."


def test_the_current_plan_is_printed_as_the_daemons_text(daemon: FakeDaemon, gtc: Run) -> None:
    """The request is a GET."""
    daemon.answers("GET /v1/plan", answers.plan(text=TEXT, changes=1))
    result = gtc("plan")
    assert (result.exit_code, result.stdout) == (exit_codes.OK, f"{TEXT}\n")


def test_the_plan_as_json_is_the_daemons_reply(daemon: FakeDaemon, gtc: Run) -> None:
    """With sorted keys."""
    plan = answers.plan(answers.pool_plan({"eu-west-1": 1.0}, {"eu-west-1": 1.0}))
    daemon.answers("GET /v1/plan", plan)
    assert gtc("plan", "-o", "json").stdout == json.dumps(plan, indent=2, sort_keys=True) + "\n"


def test_several_regions_can_be_drained_in_one_hypothesis(daemon: FakeDaemon, gtc: Run) -> None:
    """In one service."""
    daemon.answers("POST /v1/plan", answers.plan(text=TEXT, changes=1))
    result = gtc(
        *("plan", "--drain", "eu-west-1", "--failover", "us-east-1"),
        *("--drain", "eu-central-1", "--service", "shop"),
    )
    assert result.stdout == f"{TEXT}\n"
    assert daemon.requests[0].body == {
        "overrides": [
            {"kind": "drain", "region": "eu-west-1", "service": "shop"},
            {"kind": "drain", "region": "eu-central-1", "service": "shop"},
            {"kind": "failover", "region": "us-east-1", "service": "shop"},
        ]
    }


def test_without_a_service_no_service_is_sent(daemon: FakeDaemon, gtc: Run) -> None:
    """The daemon takes every service."""
    daemon.answers("POST /v1/plan", answers.plan())
    gtc("plan", "--drain", "eu-west-1")
    assert daemon.requests[0].body == {"overrides": [{"kind": "drain", "region": "eu-west-1"}]}


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ((), "GET /v1/plan?all=true"),
        (("--drain", "eu-west-1"), "POST /v1/plan?all=true"),
        (("--if", "eu-west-1 down"), "POST /v1/plan?all=true"),
    ],
    ids=["now", "drain", "if"],
)
def test_all_requests_the_unchanged_pools(
    daemon: FakeDaemon, gtc: Run, options: tuple[str, ...], path: str
) -> None:
    """Of the current plan and of every hypothesis."""
    daemon.answers(path, answers.plan(text="= shop/europe  stays", changes=0))
    assert gtc("plan", "--all", *options).stdout == "= shop/europe  stays\n"


@pytest.mark.parametrize(
    ("changes", "code"), [(0, exit_codes.OK), (2, exit_codes.PLAN_HAS_CHANGES)]
)
def test_detailed_exitcode_is_3_for_a_plan_with_changes(
    daemon: FakeDaemon, gtc: Run, changes: int, code: int
) -> None:
    """2 is a wrong command line."""
    daemon.answers("GET /v1/plan", answers.plan(changes=changes))
    assert gtc("plan", "--detailed-exitcode").exit_code == code
    assert gtc("plan").exit_code == exit_codes.OK


def test_a_service_without_a_drain_is_a_wrong_command_line(gtc: Run) -> None:
    """The message says what is missing."""
    result = gtc("plan", "--service", "shop")
    assert result.exit_code == exit_codes.USAGE
    assert "name a region with --drain or --failover" in result.stderr


def test_hypotheses_are_sent_unchanged(daemon: FakeDaemon, gtc: Run) -> None:
    """The daemon parses them; drains may be given beside them."""
    daemon.answers("POST /v1/plan", answers.plan(text="Supposed", changes=1))
    result = gtc("plan", "--if", "eu-west-1 down", "--if", "demand eu ×1.5", "--drain", "us-east-1")
    assert result.stdout == "Supposed\n"
    assert daemon.requests[0].body == {
        "overrides": [{"kind": "drain", "region": "us-east-1"}],
        "hypotheses": ["eu-west-1 down", "demand eu ×1.5"],
    }


def test_an_invalid_hypothesis_is_a_wrong_command_line(daemon: FakeDaemon, gtc: Run) -> None:
    """With the daemon's message."""
    detail = "'rain' is no hypothesis; allowed are, for example"
    valid = ["eu-west-1 down", "demand ×1.5"]
    daemon.refuses("POST /v1/plan", 422, detail, field="hypotheses", valid_values=valid)
    result = gtc("plan", "--if", "rain")
    assert result.exit_code == exit_codes.USAGE
    assert "'rain' is no hypothesis" in result.stderr
    assert "demand ×1.5" in result.stderr


@pytest.mark.parametrize("form", ["table", "json"])
def test_all_single_failures_are_a_table_or_a_document(
    daemon: FakeDaemon, gtc: Run, form: str
) -> None:
    """The daemon's reply in either form."""
    reply = {"at": answers.CREATED_AT, "items": [], "text": "LOST  TAKES OVER"}
    daemon.answers("GET /v1/plan/failures", reply)
    result = gtc("plan", "--all-single-failures", "-o", form)
    assert result.exit_code == exit_codes.OK
    assert (result.stdout == "LOST  TAKES OVER\n") == (form == "table")


@pytest.mark.parametrize(
    "options",
    [("--if", "eu-west-1 down"), ("--drain", "eu-west-1"), ("--service", "shop"), ("--all",)],
)
def test_all_single_failures_allow_no_other_hypothesis(gtc: Run, options: tuple[str, ...]) -> None:
    """The table would be ambiguous."""
    result = gtc("plan", "--all-single-failures", *options)
    assert result.exit_code == exit_codes.USAGE
    assert "supposes nothing else" in result.stderr
