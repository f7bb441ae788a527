"""`gtc events`: rows and documents, and a stream that outlives its connections."""

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


def everything() -> list[dict[str, Any]]:
    """One of each."""
    return [
        answers.decided(1),
        answers.event(
            2, "decision_updated", decision_id=12, measured_effect="a\n95 % of the users have left"
        ),
        answers.event(3, "decision_updated", decision_id=12, measured_effect=""),
        answers.ordered(4),
        answers.ordered(5, "override_ended", actor="gtc", why="expired"),
        answers.standing(6),
        answers.standing(
            7,
            regions=[DOWN, SUSPECT],
            frozen=True,
            panic=["shop"],
            overloaded=["shop/europe"],
            holds=[{"reason": "frozen"}] * 2,
        ),
        answers.standing(7, left_out={"pools": 230, "holds": 12}),
        answers.event(8, "resync"),
    ]


def recent(*events: dict[str, Any], last_id: int = 8) -> dict[str, Any]:
    """What `/v1/events/recent` answers."""
    return {"items": list(events), "last_id": last_id}


def streamed(*events: dict[str, Any], cut: str = "") -> Reply:
    """A stream that ends after these, perhaps in the middle of one."""
    text = "retry: 1000\nid: 8\n\n: still here\n\n"
    for one in events:
        text += f"id: {one['id']}\nevent: {one['type']}\ndata: {json.dumps(one)}\n\n"
    return Reply(text + cut, headers={"Content-Type": "text/event-stream"})


def interrupted_after(pauses: int, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Ctrl-C comes in the pause of that number; returns how long each was."""
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == pauses:
            raise KeyboardInterrupt

    monkeypatch.setattr("controller.cli.daemon.event_stream.time.sleep", sleep)
    return slept


def test_what_happened_lately_is_a_row_each(daemon: FakeDaemon, gtc: Run) -> None:
    """The newest last, as in a log."""
    daemon.answers("GET /v1/events/recent?limit=20", recent(*everything()))
    result = gtc("events")
    assert result.exit_code == exit_codes.OK
    assert result.stdout == ROWS


def test_of_many_triggers_the_first_is_shown_and_all_are_in_the_document(
    daemon: FakeDaemon, gtc: Run
) -> None:
    """What moved is shown whole."""
    triggers = [f"shop/region-{number} up → unknown" for number in range(13)]
    daemon.answers("GET /v1/events/recent", recent(answers.decided(1, trigger=triggers)))
    assert gtc("events").stdout.endswith(
        "12: shop/region-0 up → unknown; and 12 more: gtc why 12; "
        "shop/europe eu-west-1 50 % → 0 %; applied\n"
    )
    assert json.loads(gtc("events", "-o", "json").stdout)["data"]["trigger"] == triggers


def test_a_move_that_was_not_sent_yet_is_not_taken_for_done(daemon: FakeDaemon, gtc: Run) -> None:
    """Its zone does not answer an earlier write."""
    events = [answers.decided(1, outcomes=[]), answers.decided(2, outcomes=[], moves=[])]
    daemon.answers("GET /v1/events/recent", {"items": events, "last_id": 2})
    waiting, held = gtc("events").stdout.splitlines()
    assert waiting.endswith("shop/europe eu-west-1 50 % → 0 %; not sent yet")
    assert "not sent" not in held


def test_a_pins_event_says_at_what_share(daemon: FakeDaemon, gtc: Run) -> None:
    """Set, or ended."""
    pin = answers.override(kind="pin", share=0.3, service="shop", pool="europe")
    daemon.answers("GET /v1/events/recent", recent(answers.ordered(1, override=pin)))
    assert gtc("events").stdout.endswith(
        "override_set           3, pin shop/europe/eu-west-1 at 30 % by ann: INC-42\n"
    )


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_documents_come_one_after_the_other(daemon: FakeDaemon, gtc: Run, form: str) -> None:
    """JSON a line each, YAML with its separator."""
    import yaml

    daemon.answers("GET /v1/events/recent", recent(*everything()))
    text = gtc("events", "-o", form).stdout
    found = (
        list(map(json.loads, text.splitlines()))
        if form == "json"
        else list(yaml.safe_load_all(text))
    )
    assert found == everything()


def test_a_stream_is_taken_up_where_it_broke_off(
    daemon: FakeDaemon, gtc: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing twice, nothing left out: not even what a connection cut in the middle."""
    slept = interrupted_after(5, monkeypatch)
    daemon.answers("GET /v1/events/recent", recent(answers.ordered(8)))
    daemon.answers(
        "GET /v1/events",
        streamed(answers.decided(9), answers.decided(10), cut='id: 11\nevent: decision\ndata: {"'),
        Reply("", breaks_off=True),
        problem(503, "starting"),
        streamed(answers.decided(11)),
        streamed(),
    )
    result = gtc("events", "-f", "-o", "json")
    assert result.exit_code == exit_codes.INTERRUPTED
    assert [json.loads(line)["id"] for line in result.stdout.splitlines()] == [8, 9, 10, 11]
    asked = [r.headers["Last-Event-ID"] for r in daemon.requests if "recent" not in r.path]
    assert asked == ["8", "10", "10", "10", "11"]
    assert slept == [0.5, 1.0, 2.0, 0.5, 0.5]
    assert result.stderr.splitlines() == [
        "connection lost: the daemon ended the stream; trying again",
        "connected again",
        "connection lost: the daemon ended the stream; trying again",
        "connected again",
        "connection lost: the daemon ended the stream; trying again",
    ]


def test_a_restarted_daemon_says_that_something_may_be_missing(
    daemon: FakeDaemon, gtc: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its `resync` is a row like every other."""
    interrupted_after(1, monkeypatch)
    daemon.answers("GET /v1/events/recent", recent())
    daemon.answers("GET /v1/events", streamed(answers.event(500, "resync")))
    assert "resync                 events are missing here" in gtc("events", "-f").stdout


def test_types_and_number_are_the_daemons_to_check(daemon: FakeDaemon, gtc: Run) -> None:
    """It knows the names."""
    daemon.answers("GET /v1/events/recent?limit=5&types=decision%2Ccycle", recent())
    result = gtc("events", "--limit", "5", "--type", "decision", "--type", "cycle")
    assert (result.exit_code, result.stdout) == (exit_codes.OK, "")
    valid = ["decision", "cycle"]
    detail = "no events are of type 'decison'"
    daemon.refuses("GET /v1/events/recent", 400, detail, field="types", valid_values=valid)
    result = gtc("events", "--type", "decison")
    assert result.exit_code == exit_codes.USAGE
    assert "Did you mean decision?" in result.stderr


def test_none_of_the_past_can_be_asked_for(
    daemon: FakeDaemon, gtc: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what comes."""
    interrupted_after(1, monkeypatch)
    daemon.answers("GET /v1/events/recent?limit=1&types=decision", recent(answers.decided(8)))
    daemon.answers("GET /v1/events?types=decision", streamed(answers.decided(9)))
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
    """Not something to wait for."""
    daemon.answers("GET /v1/events/recent", recent())
    daemon.answers("GET /v1/events", reply)
    assert gtc("events", "-f").exit_code == code


def test_a_refusal_ends_a_stream_that_had_begun(
    daemon: FakeDaemon, gtc: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token that has expired will not become valid again."""
    interrupted_after(3, monkeypatch)
    daemon.answers("GET /v1/events/recent", recent())
    daemon.answers("GET /v1/events", streamed(), problem(401, "the token expired"))
    assert gtc("events", "-f").exit_code == exit_codes.AUTH


def test_what_cannot_be_read_is_a_message(daemon: FakeDaemon, gtc: Run) -> None:
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
