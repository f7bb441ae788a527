"""`gtc events`: rows, documents, and a stream that reconnects."""

from __future__ import annotations

import json
from typing import Any

import pytest

from controller.cli import exit_codes
from controller.cli.daemon.event_stream import parse_blocks
from tests.cli import answers
from tests.cli.conftest import Run
from tests.cli.fake_daemon import FakeDaemon, Reply, problem

DOWN = {"service": "shop", "region": "eu-west-1", "verdict": "down", "suspect": True}
SUSPECT = {**DOWN, "verdict": "up"}
ROWS = """\
2026-06-01 12:00:00 UTC  decision               12: shop/eu-west-1 up → down: connection refused; \
shop/europe eu-west-1 50 % → 0 %; applied
2026-06-01 12:00:00 UTC  decision_updated       12: 95 % of the users have left
2026-06-01 12:00:00 UTC  decision_updated       12: more is known of it
2026-06-01 12:00:00 UTC  override_set           3, drain eu-west-1 by ann: INC-42
2026-06-01 12:00:00 UTC  override_ended         \
3, drain eu-west-1 by ann: INC-42 (expired by gtc)
2026-06-01 12:00:00 UTC  cycle                  all regions are up, nothing is held
2026-06-01 12:00:00 UTC  cycle                  \
shop/eu-west-1 down; shop/eu-west-1 suspect; OVERLOAD shop/europe; frozen; panic in shop; \
held: frozen
2026-06-01 12:00:00 UTC  cycle                  \
all regions are up, nothing is held; left out: 230 pools, 12 holds
2026-06-01 12:00:00 UTC  resync                 \
events are missing here: see `gtc status` and `gtc history`
"""


def event_of_each_type() -> list[dict[str, Any]]:
    """One event of each type."""
    return [
        answers.decision_event(1),
        answers.event(
            2, "decision_updated", decision_id=12, measured_effect="a\n95 % of the users have left"
        ),
        answers.event(3, "decision_updated", decision_id=12, measured_effect=""),
        answers.override_event(4),
        answers.override_event(5, "override_ended", actor="gtc", why="expired"),
        answers.cycle_event(6),
        answers.cycle_event(
            7,
            regions=[DOWN, SUSPECT],
            frozen=True,
            panic=["shop"],
            overloaded=["shop/europe"],
            holds=[{"reason": "frozen"}] * 2,
        ),
        answers.cycle_event(7, left_out={"pools": 230, "holds": 12}),
        answers.event(8, "resync"),
    ]


def recent(*events: dict[str, Any], last_id: int = 8) -> dict[str, Any]:
    """The reply of `/v1/events/recent`."""
    return {"items": list(events), "last_id": last_id}


def streamed(*events: dict[str, Any], cut: str = "") -> Reply:
    """A stream that ends after these lines, possibly within an event."""
    text = "retry: 1000\nid: 8\n\n: still here\n\n"
    for event in events:
        text += f"id: {event['id']}\nevent: {event['type']}\ndata: {json.dumps(event)}\n\n"
    return Reply(text + cut, headers={"Content-Type": "text/event-stream"})


def interrupted_after(pauses: int, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Raises KeyboardInterrupt in the pause of that number; returns the length of each pause."""
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == pauses:
            raise KeyboardInterrupt

    monkeypatch.setattr("controller.cli.daemon.event_stream.time.sleep", sleep)
    return slept


def test_each_recent_event_is_a_row(daemon: FakeDaemon, gtc: Run) -> None:
    """The newest last, as in a log."""
    daemon.answers("GET /v1/events/recent?limit=20", recent(*event_of_each_type()))
    result = gtc("events")
    assert result.exit_code == exit_codes.OK
    assert result.stdout == ROWS


def test_a_row_shows_the_first_trigger_and_a_document_all(daemon: FakeDaemon, gtc: Run) -> None:
    """A row shows all moves."""
    triggers = [f"shop/region-{number} up → unknown" for number in range(13)]
    daemon.answers("GET /v1/events/recent", recent(answers.decision_event(1, trigger=triggers)))
    assert gtc("events").stdout.endswith(
        "12: shop/region-0 up → unknown; and 12 more: gtc why 12; "
        "shop/europe eu-west-1 50 % → 0 %; applied\n"
    )
    assert json.loads(gtc("events", "-o", "json").stdout)["data"]["trigger"] == triggers


def test_a_move_that_is_not_sent_yet_is_marked(daemon: FakeDaemon, gtc: Run) -> None:
    """Its zone has not replied to an earlier write."""
    events = [
        answers.decision_event(1, outcomes=[]),
        answers.decision_event(2, outcomes=[], moves=[]),
    ]
    daemon.answers("GET /v1/events/recent", {"items": events, "last_id": 2})
    waiting, held = gtc("events").stdout.splitlines()
    assert waiting.endswith("shop/europe eu-west-1 50 % → 0 %; not sent yet")
    assert "not sent" not in held


def test_a_pins_event_shows_its_share(daemon: FakeDaemon, gtc: Run) -> None:
    """When it is set and when it ends."""
    pin = answers.override(kind="pin", share=0.3, service="shop", pool="europe")
    daemon.answers("GET /v1/events/recent", recent(answers.override_event(1, override=pin)))
    assert gtc("events").stdout.endswith(
        "override_set           3, pin shop/europe/eu-west-1 at 30 % by ann: INC-42\n"
    )


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_each_event_is_a_document(daemon: FakeDaemon, gtc: Run, form: str) -> None:
    """One line of JSON, or YAML with its separator."""
    import yaml

    daemon.answers("GET /v1/events/recent", recent(*event_of_each_type()))
    text = gtc("events", "-o", form).stdout
    documents = (
        list(map(json.loads, text.splitlines()))
        if form == "json"
        else list(yaml.safe_load_all(text))
    )
    assert documents == event_of_each_type()


def test_a_broken_stream_resumes_after_the_last_event(
    daemon: FakeDaemon, gtc: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No event twice, none lost, also when the connection broke within one."""
    slept = interrupted_after(5, monkeypatch)
    daemon.answers("GET /v1/events/recent", recent(answers.override_event(8)))
    daemon.answers(
        "GET /v1/events",
        streamed(
            answers.decision_event(9),
            answers.decision_event(10),
            cut='id: 11\nevent: decision\ndata: {"',
        ),
        Reply("", breaks_off=True),
        problem(503, "starting"),
        streamed(answers.decision_event(11)),
        streamed(),
    )
    result = gtc("events", "-f", "-o", "json")
    assert result.exit_code == exit_codes.INTERRUPTED
    assert [json.loads(line)["id"] for line in result.stdout.splitlines()] == [8, 9, 10, 11]
    last_ids = [
        request.headers["Last-Event-ID"]
        for request in daemon.requests
        if "recent" not in request.path
    ]
    assert last_ids == ["8", "10", "10", "10", "11"]
    assert slept == [0.5, 1.0, 2.0, 0.5, 0.5]
    assert result.stderr.splitlines() == [
        "connection lost: the daemon ended the stream; trying again",
        "connected again",
        "connection lost: the daemon ended the stream; trying again",
        "connected again",
        "connection lost: the daemon ended the stream; trying again",
    ]


def test_a_restarted_daemons_resync_is_a_row(
    daemon: FakeDaemon, gtc: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events may be missing there."""
    interrupted_after(1, monkeypatch)
    daemon.answers("GET /v1/events/recent", recent())
    daemon.answers("GET /v1/events", streamed(answers.event(500, "resync")))
    assert "resync                 events are missing here" in gtc("events", "-f").stdout


def test_types_and_limit_are_sent_to_the_daemon(daemon: FakeDaemon, gtc: Run) -> None:
    """The daemon knows the valid types."""
    daemon.answers("GET /v1/events/recent?limit=5&types=decision%2Ccycle", recent())
    result = gtc("events", "--limit", "5", "--type", "decision", "--type", "cycle")
    assert (result.exit_code, result.stdout) == (exit_codes.OK, "")
    valid = ["decision", "cycle"]
    detail = "no events are of type 'decison'"
    daemon.refuses("GET /v1/events/recent", 400, detail, field="types", valid_values=valid)
    result = gtc("events", "--type", "decison")
    assert result.exit_code == exit_codes.USAGE
    assert "Did you mean decision?" in result.stderr


def test_limit_0_shows_no_past_events(
    daemon: FakeDaemon, gtc: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only later ones."""
    interrupted_after(1, monkeypatch)
    daemon.answers(
        "GET /v1/events/recent?limit=1&types=decision", recent(answers.decision_event(8))
    )
    daemon.answers("GET /v1/events?types=decision", streamed(answers.decision_event(9)))
    result = gtc("events", "-f", "--limit", "0", "--type", "decision", "-o", "json")
    assert [json.loads(line)["id"] for line in result.stdout.splitlines()] == [9]


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Reply("", breaks_off=True), exit_codes.UNREACHABLE),
        (problem(403, "viewer is needed"), exit_codes.AUTH),
        (problem(503, "100 streams are open already"), exit_codes.FAILED),
    ],
)
def test_a_stream_that_cannot_begin_is_an_error(
    daemon: FakeDaemon, gtc: Run, reply: Reply, code: int
) -> None:
    """The first connection is not retried."""
    daemon.answers("GET /v1/events/recent", recent())
    daemon.answers("GET /v1/events", reply)
    assert gtc("events", "-f").exit_code == code


def test_a_refusal_ends_a_running_stream(
    daemon: FakeDaemon, gtc: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An expired token does not become valid again."""
    interrupted_after(3, monkeypatch)
    daemon.answers("GET /v1/events/recent", recent())
    daemon.answers("GET /v1/events", streamed(), problem(401, "the token expired"))
    assert gtc("events", "-f").exit_code == exit_codes.AUTH


def test_an_invalid_event_is_an_error_without_a_traceback(daemon: FakeDaemon, gtc: Run) -> None:
    """No traceback."""
    daemon.answers("GET /v1/events/recent", recent())
    daemon.answers("GET /v1/events", Reply("id: 9\nevent: decision\ndata: {\n\n"))
    result = gtc("events", "-f")
    assert result.exit_code == exit_codes.FAILED
    assert "an event that cannot be read" in result.stderr


def test_blocks_follow_the_standard() -> None:
    """Comments, several data lines, fields without a space or a value, CRLF."""
    lines = [
        ": hi\r\n",
        "data:one\r\n",
        "data:  two\r\n",
        "event\r\n",
        "\r\n",
        "id: 3\n",
        "\n",
        "x",
    ]
    assert list(parse_blocks(lines)) == [
        {"": "hi", "data": "one\n two", "event": ""},
        {"id": "3"},
    ]
