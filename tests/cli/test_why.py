"""`gtc why`: the present state first, then the decision in the daemon's words."""

from __future__ import annotations

import json

from controller.cli import exit_codes
from tests.cli import answers
from tests.cli.conftest import Run
from tests.cli.fake_daemon import FakeDaemon, Reply

TEXT = "Decision 12  2026-06-01 12:00:00Z  cycle 3  mode active\nTrigger    eu-west-1 → down\n"


def test_without_an_argument_the_latest_decision_is_told(daemon: FakeDaemon, gtc: Run) -> None:
    """The text is the daemon's own, asked for as such."""
    daemon.answers("GET /v1/decisions/latest", Reply(TEXT))
    result = gtc("why")
    assert (result.exit_code, result.stdout) == (exit_codes.OK, TEXT)
    assert [request.accept for request in daemon.requests] == ["text/plain"]


def test_a_number_asks_for_that_decision(daemon: FakeDaemon, gtc: Run) -> None:
    """As `gtc status` prints it."""
    daemon.answers("GET /v1/decisions/7", Reply(TEXT))
    assert gtc("why", "7").stdout == TEXT


def test_as_json_the_record_is_printed(daemon: FakeDaemon, gtc: Run) -> None:
    """For programs, with sorted keys."""
    daemon.answers("GET /v1/decisions/latest", answers.record())
    result = gtc("why", "-o", "json")
    assert result.stdout == json.dumps(answers.record(), indent=2, sort_keys=True) + "\n"
    assert daemon.requests[0].accept == "application/json"


def test_when_nothing_was_decided_yet_the_daemons_words_are_printed(
    daemon: FakeDaemon, gtc: Run
) -> None:
    """There is nothing to explain, which is a failure to answer."""
    daemon.refuses("GET /v1/decisions/latest", 404, "no decision has been recorded yet")
    result = gtc("why")
    assert result.exit_code == exit_codes.FAILED
    assert result.stderr == "Error: no decision has been recorded yet\n"


def test_a_region_is_told_as_it_stands_and_then_its_latest_decision(
    daemon: FakeDaemon, gtc: Run
) -> None:
    """A service behind an accelerator has dials, not shares."""
    daemon.answers("GET /v1/status", answers.status())
    daemon.answers("GET /v1/decisions/latest?region=eu-west-1", Reply(TEXT))
    assert gtc("why", "eu-west-1").stdout == (
        "eu-west-1 is up and carries 50 % of shop/europe; nothing holds it.\n"
        "eu-west-1 is up and has its dial open at 100 % of api/world; nothing holds it.\n"
        f"\n{TEXT}"
    )


def test_a_region_that_did_not_move_is_explained_by_what_holds_it(
    daemon: FakeDaemon, gtc: Run
) -> None:
    """Why nothing moved is as good a question; other regions' holds are left out."""
    europe = answers.pool(
        "europe",
        answers.region("eu-west-1", verdict="unknown", why="no fresh opinion", override=3),
        holds=[
            answers.held("unknown_health", "no fresh opinion", "eu-west-1"),
            answers.held("within_hysteresis", "not this one", "eu-central-1"),
            answers.held("frozen", "by bob"),
        ],
    )
    world = answers.pool("world", answers.region("eu-west-1", None), answers.region("us-east-1"))
    daemon.answers("GET /v1/status", answers.status(answers.service("shop", europe, world)))
    daemon.refuses("GET /v1/decisions/latest", 404, "no decision that concerns eu-west-1")
    result = gtc("why", "eu-west-1")
    assert result.exit_code == exit_codes.OK
    assert result.stdout == (
        "eu-west-1 is unknown (no fresh opinion) and carries 50 % of shop/europe, "
        "an unknown part of shop/world; held by unknown_health in shop/europe (no fresh opinion); "
        "frozen in shop/europe (by bob); override 3 concerns it.\n"
        "\nNo decision on record concerns eu-west-1.\n"
    )


def test_a_region_without_a_decision_is_null_as_json(daemon: FakeDaemon, gtc: Run) -> None:
    """A program can tell it from an error."""
    daemon.answers("GET /v1/status", answers.status())
    daemon.refuses("GET /v1/decisions/latest", 404, "none")
    result = gtc("why", "eu-west-1", "-o", "json")
    assert (result.exit_code, result.stdout) == (exit_codes.OK, "null\n")


def test_another_failure_is_not_taken_for_a_region_without_decision(
    daemon: FakeDaemon, gtc: Run
) -> None:
    """Nobody must read "no decision" when the store is down."""
    daemon.answers("GET /v1/status", answers.status())
    daemon.refuses("GET /v1/decisions/latest", 503, "disk full")
    result = gtc("why", "eu-west-1")
    assert result.exit_code == exit_codes.FAILED
    assert "disk full" in result.stderr


def test_an_unknown_region_gets_the_valid_ones_named(daemon: FakeDaemon, gtc: Run) -> None:
    """The nearest first."""
    daemon.answers("GET /v1/status", answers.status())
    result = gtc("why", "eu-west-2")
    assert result.exit_code == exit_codes.USAGE
    assert result.stderr == (
        "Error: no region is named 'eu-west-2'\n"
        "Did you mean eu-west-1? Valid: eu-central-1, eu-west-1, us-east-1\n"
    )


def test_a_decisions_text_cannot_steer_the_terminal(daemon: FakeDaemon, gtc: Run) -> None:
    """Reasons in it were typed by people."""
    daemon.answers("GET /v1/decisions/latest", Reply("Decision 1\n\x1b]0;owned\x07reason\n"))
    assert gtc("why").stdout == "Decision 1\n ]0;owned reason\n"
