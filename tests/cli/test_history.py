"""`gtc history`: moves, authors and outcomes of past decisions."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller.cli import exit_codes
from tests.cli import answers
from tests.cli.conftest import Run
from tests.cli.fake_daemon import FakeDaemon

TABLE = """\
ID  TIME                     WHO       OUTCOME            WHAT
9   2026-06-01 12:00:00 UTC  ann, bob  applied            \
shop/europe: eu-west-1 50 % → 0 %, us-east-1 50 % → 100 %
8   2026-06-01 12:00:00 UTC  gtc       held: dry_run      \
shop/europe would: eu-west-1 50 % → 0 %, us-east-1 50 % → 100 %
6   2026-06-01 12:00:00 UTC  gtc       refused,applied    \
shop/europe: eu-west-1 50 % → 0 %, us-east-1 50 % → 100 %; api/world: levers set right
5   2026-06-01 12:00:00 UTC  gtc       held: panic,drift  shop/europe: all, eu-west-1 held
"""


def records_of_each_kind() -> list[dict[str, Any]]:
    """Records of each kind, the newest first."""
    same = {"eu-west-1": 1.0}
    api = answers.change("eu-west-1", "api", "world")
    mended = answers.pool_plan(
        same, same, desired=same, changes=[api], withheld=[], service="api", pool="world"
    )
    refused = [
        answers.wrote("refused", answers.change("eu-west-1")),
        answers.wrote("applied", answers.change("eu-west-1")),
        answers.wrote("applied", api),
    ]
    moved = answers.moved(6)
    holds = [answers.held("panic", "too many"), answers.held("drift", "by hand", "eu-west-1")]
    held = answers.pool_plan(same, same, *holds, desired=same, changes=[], withheld=[])
    return [
        answers.moved(9, authors=["ann", "bob"]),
        answers.withheld(8, "dry_run"),
        answers.record(id=7),
        {**moved, "plans": [*moved["plans"], mended], "written": refused},
        answers.record(id=5, plans=[held]),
    ]


def ids(text: str) -> list[str]:
    """The first cell of each row."""
    return [line.split()[0] for line in text.splitlines()[1:]]


def test_each_decision_that_moved_or_held_is_a_row(daemon: FakeDaemon, gtc: Run) -> None:
    """Other decisions are left out."""
    daemon.answers("GET /v1/decisions", answers.page(*records_of_each_kind()))
    result = gtc("history")
    assert result.exit_code == exit_codes.OK
    assert result.stdout == TABLE


def test_a_decision_that_cannot_be_read_is_a_row(daemon: FakeDaemon, gtc: Run) -> None:
    """Whatever its time was."""
    damaged = {"id": 8, "unreadable": "its text is cut off"}
    old = answers.moved(7, at="2020-01-01T00:00:00.000Z")
    daemon.answers("GET /v1/decisions", answers.page(damaged, answers.moved(6), old))
    for arguments in (["history"], ["history", "--since", "3650d"]):
        lines = gtc(*arguments).stdout.splitlines()
        assert lines[1].split(maxsplit=4) == [
            "8",
            "-",
            "-",
            "unreadable",
            lines[1].split(None, 4)[4],
        ]
        assert lines[1].endswith("cannot be read: its text is cut off")
    listed = json.loads(gtc("history", "-o", "json").stdout)["items"][0]
    assert (listed["id"], listed["at"], listed["outcome"]) == (8, None, "unreadable")


def test_a_change_that_is_not_sent_yet_is_marked(daemon: FakeDaemon, gtc: Run) -> None:
    """Its zone has not replied to an earlier write."""
    daemon.answers("GET /v1/decisions", answers.page(answers.moved(9, written=[])))
    result = gtc("history")
    row = result.stdout.splitlines()[1]
    assert "not sent yet  shop/europe: eu-west-1 50 % → 0 %" in row


def test_a_pool_held_in_every_region_is_shown_as_held_in_all(daemon: FakeDaemon, gtc: Run) -> None:
    """While the prober is isolated the row would name every region of every pool."""
    shares = {"eu-west-1": 0.5, "us-east-1": 0.5}
    holds = [answers.held("self_isolated", "blind", region) for region in shares]
    parts = [
        answers.pool_plan(shares, shares, *held, desired=shares, changes=[], withheld=[], pool=pool)
        for pool, held in (("europe", holds), ("world", holds[:1]))
    ]
    daemon.answers("GET /v1/decisions", answers.page(answers.record(plans=parts)))
    assert gtc("history").stdout.endswith("shop/europe: all held; shop/world: eu-west-1 held\n")


def test_each_row_is_an_object_in_a_document(daemon: FakeDaemon, gtc: Run) -> None:
    """Times are as the daemon writes them."""
    daemon.answers("GET /v1/decisions", answers.page(*records_of_each_kind()))
    items = json.loads(gtc("history", "-o", "json").stdout)["items"]
    assert items[0] == {
        "id": 9,
        "at": "2026-06-01T12:00:00.020Z",
        "mode": "active",
        "who": "ann, bob",
        "outcome": "applied",
        "what": "shop/europe: eu-west-1 50 % → 0 %, us-east-1 50 % → 100 %",
    }


def test_pages_are_fetched_until_there_are_enough_rows(daemon: FakeDaemon, gtc: Run) -> None:
    """No further page is fetched."""
    quiet = [answers.record(id=number) for number in (9, 8)]
    second = answers.page(answers.moved(7), answers.moved(6), following="/v1/decisions?before=6")
    daemon.answers(
        "GET /v1/decisions?limit=100",
        answers.page(*quiet, following="/v1/decisions?limit=100&before=8"),
    )
    daemon.answers("GET /v1/decisions?limit=100&before=8", second)
    assert ids(gtc("history", "--limit", "2").stdout) == ["7", "6"]
    assert len(daemon.requests) == 2


def test_since_leaves_out_older_decisions(daemon: FakeDaemon, gtc: Run) -> None:
    """No page of older decisions is fetched."""
    now = datetime.now(UTC)
    ages = {9: 60, 8: 3_540, 7: 3_660}
    records = [
        answers.moved(number, at=(now - timedelta(seconds=age)).isoformat())
        for number, age in ages.items()
    ]
    daemon.answers("GET /v1/decisions", answers.page(*records, following="/v1/decisions?before=7"))
    assert ids(gtc("history", "--since", "1h").stdout) == ["9", "8"]
    assert len(daemon.requests) == 1


def test_the_region_is_sent_to_the_daemon(daemon: FakeDaemon, gtc: Run) -> None:
    """An unknown name is refused with the nearest one."""
    daemon.answers("GET /v1/decisions?limit=100&region=eu-west-1", answers.page(answers.moved(3)))
    assert ids(gtc("history", "--region", "eu-west-1").stdout) == ["3"]
    valid = ["eu-west-1", "us-east-1"]
    detail = "no region is named 'eu-wset-1'"
    daemon.refuses("GET /v1/decisions", 404, detail, field="region", valid_values=valid)
    result = gtc("history", "--region", "eu-wset-1")
    assert result.exit_code == exit_codes.USAGE
    assert "Did you mean eu-west-1?" in result.stderr


def test_no_rows_are_a_sentence_and_as_a_document_an_empty_list(
    daemon: FakeDaemon, gtc: Run
) -> None:
    """A history without moves is not an error."""
    daemon.answers("GET /v1/decisions", answers.page(answers.record()))
    assert gtc("history").stdout == "No decision on record moved or held anything there.\n"
    assert gtc("history", "-o", "yaml").stdout == "items: []\n"


@pytest.mark.parametrize("option", [("--limit", "0"), ("--since", "yesterday")])
def test_an_invalid_number_is_refused_before_any_request(
    daemon: FakeDaemon, gtc: Run, option: tuple[str, str]
) -> None:
    """The message says what is allowed."""
    assert gtc("history", *option).exit_code == exit_codes.USAGE
    assert daemon.requests == []


def test_since_has_no_longest(daemon: FakeDaemon, gtc: Run) -> None:
    """A date before our calendar cannot be reckoned; nothing is that old."""
    daemon.answers("GET /v1/decisions", {"items": [], "next": None})
    assert gtc("history", "--since", "999999999d").exit_code == exit_codes.OK
