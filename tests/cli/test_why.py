"""`gtc why`: a decision, a region or a time, in the daemon's text."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from controller.cli import exit_codes
from tests.cli import answers
from tests.cli.conftest import Run
from tests.cli.fake_daemon import FakeDaemon, Reply

TEXT = "Decision 12  2026-06-01 12:00:00Z  cycle 3  mode active\nTrigger    eu-west-1 → down\n"


def test_without_an_argument_the_latest_decision_is_explained(daemon: FakeDaemon, gtc: Run) -> None:
    """The text is the daemon's, requested as text/plain."""
    daemon.answers("GET /v1/decisions/latest", Reply(TEXT))
    result = gtc("why")
    assert (result.exit_code, result.stdout) == (exit_codes.OK, TEXT)
    assert [request.accept for request in daemon.requests] == ["text/plain"]


def test_a_number_is_a_decisions_id(daemon: FakeDaemon, gtc: Run) -> None:
    """As `gtc status` prints it."""
    daemon.answers("GET /v1/decisions/7", Reply(TEXT))
    assert gtc("why", "7").stdout == TEXT


def test_as_json_the_record_is_printed(daemon: FakeDaemon, gtc: Run) -> None:
    """With sorted keys."""
    daemon.answers("GET /v1/decisions/latest", answers.record())
    result = gtc("why", "-o", "json")
    assert result.stdout == json.dumps(answers.record(), indent=2, sort_keys=True) + "\n"
    assert daemon.requests[0].accept == "application/json"


def test_before_the_first_decision_the_daemons_message_is_an_error(
    daemon: FakeDaemon, gtc: Run
) -> None:
    """There is nothing to explain."""
    daemon.refuses("GET /v1/decisions/latest", 404, "no decision has been recorded yet")
    result = gtc("why")
    assert result.exit_code == exit_codes.FAILED
    assert result.stderr == "Error: no decision has been recorded yet\n"


def test_a_regions_state_is_followed_by_its_latest_decision(daemon: FakeDaemon, gtc: Run) -> None:
    """In the daemon's text."""
    daemon.answers("GET /v1/why?region=eu-west-1", Reply(f"shop/eu-west-1 is up\n\n{TEXT}"))
    result = gtc("why", "eu-west-1")
    assert (result.exit_code, result.stdout) == (exit_codes.OK, f"shop/eu-west-1 is up\n\n{TEXT}")
    assert [request.accept for request in daemon.requests] == ["text/plain"]


def test_a_region_as_json_has_its_state_and_the_record(daemon: FakeDaemon, gtc: Run) -> None:
    """A region without a decision has null there."""
    view: dict[str, object] = {
        "accounts": [],
        "at": answers.CREATED_AT,
        "decision": None,
        "in_force": None,
        "text": "",
    }
    daemon.answers("GET /v1/why?region=eu-west-1", view)
    result = gtc("why", "eu-west-1", "-o", "json")
    assert (result.exit_code, json.loads(result.stdout)) == (exit_codes.OK, view)


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("2026-06-01T12:00:00Z", "2026-06-01T12%3A00%3A00Z"),
        ("2026-06-01T14:00:00+02:00", "2026-06-01T12%3A00%3A00Z"),
        ("2026-06-01T12:00:00.5+00:00", "2026-06-01T12%3A00%3A00.500000Z"),
    ],
)
def test_an_earlier_time_is_sent_in_utc(
    daemon: FakeDaemon, gtc: Run, typed: str, sent: str
) -> None:
    """For a region, or for everything."""
    daemon.answers("GET /v1/why", Reply(TEXT))
    assert gtc("why", "--at", typed).stdout == TEXT
    assert gtc("why", "eu-west-1", "--at", typed).stdout == TEXT
    assert [request.path for request in daemon.requests] == [
        f"/v1/why?at={sent}",
        f"/v1/why?region=eu-west-1&at={sent}",
    ]


def test_a_time_may_be_how_long_ago(daemon: FakeDaemon, gtc: Run) -> None:
    """By this machine's clock."""
    daemon.answers("GET /v1/why", Reply(TEXT))
    before = datetime.now(UTC)
    assert gtc("why", "--at", "-10m").exit_code == exit_codes.OK
    after = datetime.now(UTC)
    [at] = parse_qs(urlsplit(daemon.requests[0].path).query)["at"]
    assert before <= datetime.fromisoformat(at) + timedelta(minutes=10) <= after


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("noon", "'noon' is no time; allowed are a time with its offset (2026-06-01T12:00:00Z"),
        ("2026-06-01T12:00:00", "is no time; allowed are a time with its offset"),
        ("-10x", "'10x' is not a duration"),
        ("2126-06-01T12:00:00Z", "lies in the future"),
    ],
)
def test_an_invalid_time_is_refused(gtc: Run, typed: str, message: str) -> None:
    """Before any request, with what is allowed."""
    result = gtc("why", "--at", typed)
    assert result.exit_code == exit_codes.USAGE
    assert message in " ".join(result.stderr.split())


def test_a_decisions_id_allows_no_time(gtc: Run) -> None:
    """Both at once would be ambiguous."""
    result = gtc("why", "7", "--at", "-10m")
    assert result.exit_code == exit_codes.USAGE
    assert "decision 7 has its own time: leave out --at" in result.stderr


def test_another_failure_is_not_a_region_without_a_decision(daemon: FakeDaemon, gtc: Run) -> None:
    """An unavailable store must not print "no decision"."""
    daemon.refuses("GET /v1/why", 503, "disk full")
    result = gtc("why", "eu-west-1")
    assert result.exit_code == exit_codes.FAILED
    assert "disk full" in result.stderr


def test_an_unknown_region_gets_the_valid_ones_named(daemon: FakeDaemon, gtc: Run) -> None:
    """With the daemon's message."""
    names = ["eu-central-1", "eu-west-1", "us-east-1"]
    detail = "no region is named 'eu-west-2'"
    daemon.refuses("GET /v1/why", 404, detail, field="region", valid_values=names)
    result = gtc("why", "eu-west-2")
    assert result.exit_code == exit_codes.USAGE
    assert result.stderr == (
        "Error: no region is named 'eu-west-2'\n"
        "Did you mean eu-west-1? Valid: eu-central-1, eu-west-1, us-east-1\n"
    )


def test_control_characters_of_a_decisions_text_are_removed(daemon: FakeDaemon, gtc: Run) -> None:
    """Its reasons are typed by users."""
    daemon.answers("GET /v1/decisions/latest", Reply("Decision 1\n\x1b]0;owned\x07reason\n"))
    assert gtc("why").stdout == "Decision 1\n ]0;owned reason\n"


@pytest.mark.parametrize(
    "at",
    [
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "1999-12-31T23:59:59Z",
        "2026-06-01T12:00:00",
        "x",
    ],
)
def test_a_time_outside_of_the_calendar_is_refused(gtc: Run, at: str) -> None:
    """With one line, and no traceback."""
    result = gtc("why", "--at", at)
    assert result.exit_code == exit_codes.USAGE
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert at in result.stderr


def test_how_long_ago_has_no_longest(daemon: FakeDaemon, gtc: Run) -> None:
    """What is older than everything is asked for as of the earliest time."""
    daemon.answers("GET /v1/why", Reply(TEXT))
    assert gtc("why", "--at", "-999999999d").exit_code == exit_codes.OK
    assert "2000-01-01" in daemon.requests[-1].path
