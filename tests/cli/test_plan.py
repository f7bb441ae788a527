"""`gtc plan`: previews and their exit codes."""

from __future__ import annotations

import json

import pytest

from controller.cli import exit_codes
from tests.cli import answers
from tests.cli.conftest import Run
from tests.cli.fake_daemon import FakeDaemon

TEXT = "~  shop/europe  eu-west-1  50 % → 0 %\n\nPlan: 1 pool changes, 1 weight."


def test_the_plan_of_now_is_printed_in_the_daemons_words(daemon: FakeDaemon, gtc: Run) -> None:
    """Looking changes nothing: it is a GET."""
    daemon.answers("GET /v1/plan", answers.plan(text=TEXT, changes=1))
    result = gtc("plan")
    assert (result.exit_code, result.stdout) == (exit_codes.OK, f"{TEXT}\n")


def test_the_plan_as_json_is_the_daemons_answer(daemon: FakeDaemon, gtc: Run) -> None:
    """With sorted keys."""
    plan = answers.plan(answers.pool_plan({"eu-west-1": 1.0}, {"eu-west-1": 1.0}))
    daemon.answers("GET /v1/plan", plan)
    assert gtc("plan", "-o", "json").stdout == json.dumps(plan, indent=2, sort_keys=True) + "\n"


def test_several_regions_can_be_supposed_away_at_once(daemon: FakeDaemon, gtc: Run) -> None:
    """What if both of these, in this service?"""
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


def test_without_a_service_all_of_them_are_meant(daemon: FakeDaemon, gtc: Run) -> None:
    """Nothing is sent that was not said."""
    daemon.answers("POST /v1/plan", answers.plan())
    gtc("plan", "--drain", "eu-west-1")
    assert daemon.requests[0].body == {"overrides": [{"kind": "drain", "region": "eu-west-1"}]}


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ((), "GET /v1/plan?all=true"),
        (("--drain", "eu-west-1"), "POST /v1/plan?all=true"),
        (("--if", "eu-west-1 down"), "POST /v1/plan?all=true"),
    ],
    ids=["now", "drain", "if"],
)
def test_the_pools_that_stay_are_told_to_who_asks_for_all(
    daemon: FakeDaemon, gtc: Run, more: tuple[str, ...], path: str
) -> None:
    """Of the plan as it is and of every preview."""
    daemon.answers(path, answers.plan(text="= shop/europe  stays", changes=0))
    assert gtc("plan", "--all", *more).stdout == "= shop/europe  stays\n"


@pytest.mark.parametrize(
    ("changes", "code"), [(0, exit_codes.OK), (2, exit_codes.PLAN_HAS_CHANGES)]
)
def test_a_script_can_ask_for_an_exit_code_that_tells_changes(
    daemon: FakeDaemon, gtc: Run, changes: int, code: int
) -> None:
    """Three, because two is a wrong command line."""
    daemon.answers("GET /v1/plan", answers.plan(changes=changes))
    assert gtc("plan", "--detailed-exitcode").exit_code == code
    assert gtc("plan").exit_code == exit_codes.OK


def test_a_service_alone_supposes_nothing(gtc: Run) -> None:
    """The message says what is missing."""
    result = gtc("plan", "--service", "shop")
    assert result.exit_code == exit_codes.USAGE
    assert "name a region with --drain or --failover" in result.stderr


def test_hypotheses_are_sent_as_they_were_typed(daemon: FakeDaemon, gtc: Run) -> None:
    """The daemon understands them; orders may be supposed beside them."""
    daemon.answers("POST /v1/plan", answers.plan(text="Supposed", changes=1))
    result = gtc("plan", "--if", "eu-west-1 down", "--if", "demand eu ×1.5", "--drain", "us-east-1")
    assert result.stdout == "Supposed\n"
    assert daemon.requests[0].body == {
        "overrides": [{"kind": "drain", "region": "us-east-1"}],
        "hypotheses": ["eu-west-1 down", "demand eu ×1.5"],
    }


def test_a_hypothesis_that_is_not_understood_is_told_with_what_is(
    daemon: FakeDaemon, gtc: Run
) -> None:
    """As a wrong command line, in the daemon's words."""
    detail = "'rain' is no hypothesis; allowed are, for example"
    valid = ["eu-west-1 down", "demand ×1.5"]
    daemon.refuses("POST /v1/plan", 422, detail, field="hypotheses", valid_values=valid)
    result = gtc("plan", "--if", "rain")
    assert result.exit_code == exit_codes.USAGE
    assert "'rain' is no hypothesis" in result.stderr
    assert "demand ×1.5" in result.stderr


@pytest.mark.parametrize("form", ["table", "json"])
def test_the_loss_of_every_region_is_a_table_or_a_document(
    daemon: FakeDaemon, gtc: Run, form: str
) -> None:
    """The daemon's answer in either form."""
    answer = {"at": answers.CREATED_AT, "items": [], "text": "LOST  TAKES OVER"}
    daemon.answers("GET /v1/plan/failures", answer)
    result = gtc("plan", "--all-single-failures", "-o", form)
    assert result.exit_code == exit_codes.OK
    assert (result.stdout == "LOST  TAKES OVER\n") == (form == "table")


@pytest.mark.parametrize(
    "more",
    [("--if", "eu-west-1 down"), ("--drain", "eu-west-1"), ("--service", "shop"), ("--all",)],
)
def test_every_single_failure_supposes_nothing_else(gtc: Run, more: tuple[str, ...]) -> None:
    """It would not be clear what it is the table of."""
    result = gtc("plan", "--all-single-failures", *more)
    assert result.exit_code == exit_codes.USAGE
    assert "supposes nothing else" in result.stderr
