"""`gtc overrides` lists the active overrides; `gtc extend` moves the end of one."""

from __future__ import annotations

import json

import pytest

from controller.cli import exit_codes
from tests.cli import answers
from tests.cli.conftest import Run
from tests.cli.fake_daemon import FakeDaemon

LIST = """\
ID  KIND      REGION     SERVICE  POOL    SHARE  ENDS IN          AUTHOR  IGNORES         REASON
3   drain     eu-west-1  -        -       -      2 h              ann     -               INC-42
4   failover  eu-west-1  shop     europe  -      2 h              bob     -               INC-7
5   freeze    -          -        -       -      1 min 1 s, soon  ann     -               INC-42
6   drain     us-east-1  -        -       -      2 h              ann     capacity,drift  two lines
7   pin       us-east-1  -        -       30.0%  2 h              ann     -               INC-42
"""


@pytest.fixture
def overrides_of_each_kind(daemon: FakeDaemon) -> FakeDaemon:
    """Overrides of each kind."""
    failover = answers.override(4, kind="failover", service="shop", pool="europe")
    items = [
        answers.override(3),
        {**failover, "author": "bob", "reason": "INC-7"},
        answers.override(5, kind="freeze", region=None, remaining_s=61, expires_soon=True),
        answers.override(
            *(6,),
            region="us-east-1",
            ignore_guards=["capacity", "drift"],
            reason="two\nlines",
        ),
        answers.override(7, kind="pin", region="us-east-1", share=0.3),
    ]
    daemon.answers("GET /v1/overrides", {"items": items})
    return daemon


def test_each_override_is_a_row_with_its_remaining_time(
    overrides_of_each_kind: FakeDaemon, gtc: Run
) -> None:
    """Whatever its texts contain; `soon` marks an override that is about to end."""
    assert gtc("overrides").stdout == LIST


def test_no_overrides_are_a_sentence_and_as_a_document_an_empty_list(
    daemon: FakeDaemon, gtc: Run
) -> None:
    """People get words, programs the answer."""
    daemon.answers("GET /v1/overrides", {"items": []})
    assert gtc("overrides").stdout == "No override is in force.\n"
    assert gtc("overrides", "-o", "json").stdout == '{\n  "items": []\n}\n'
    assert gtc("overrides", "-o", "yaml").stdout == "items: []\n"


def test_an_extension_counts_from_now(daemon: FakeDaemon, gtc: Run) -> None:
    """The new end is printed."""
    daemon.answers("PATCH /v1/overrides/3", answers.override())
    result = gtc("extend", "3", "--ttl", "2h", "--reason", "takes longer")
    assert result.exit_code == exit_codes.OK
    assert result.stdout == (
        "Override 3, drain eu-west-1, ends at 2026-06-01 14:00:00 UTC (in 2 h).\n"
    )
    [request] = daemon.requests
    assert request.body == {"ttl_s": 7200.0, "reason": "takes longer", "author": "ann"}
    assert request.headers["If-Match"] == "*"


def test_an_extended_pin_is_printed_with_its_share(daemon: FakeDaemon, gtc: Run) -> None:
    """The share does not change."""
    daemon.answers("PATCH /v1/overrides/3", answers.override(kind="pin", share=0.3))
    result = gtc("extend", "3", "--ttl", "2h", "--reason", "x")
    assert result.stdout.startswith("Override 3, pin eu-west-1 at 30 %, ends at ")


def test_the_help_says_that_an_end_may_also_come_sooner(gtc: Run) -> None:
    """`extend` may also shorten."""
    assert "later, or sooner" in gtc("extend", "--help").stdout


def test_an_extension_needs_a_reason(daemon: FakeDaemon, gtc: Run) -> None:
    """The audit shows why an override lasts so long."""
    result = gtc("extend", "3", "--ttl", "90s")
    assert result.exit_code == exit_codes.USAGE
    assert "--reason is missing" in result.stderr
    assert daemon.requests == []


@pytest.mark.parametrize("arguments", [("3",), ("x", "--ttl", "2h"), ("0", "--ttl", "2h")])
def test_an_extension_needs_an_id_and_a_duration(gtc: Run, arguments: tuple[str, ...]) -> None:
    """Neither has a sensible default."""
    assert gtc("extend", *arguments).exit_code == exit_codes.USAGE


def test_an_override_that_has_ended_cannot_be_extended(daemon: FakeDaemon, gtc: Run) -> None:
    """The message names the active ones."""
    detail = "no override 9 is in force"
    daemon.refuses("PATCH /v1/overrides/9", 404, detail, field="id", valid_values=["3", "4"])
    result = gtc("extend", "9", "--ttl", "2h", "--reason", "x")
    assert result.exit_code == exit_codes.USAGE
    assert result.stderr == "Error: no override 9 is in force\nValid: 3, 4\n"


def test_the_document_is_the_daemons_reply(overrides_of_each_kind: FakeDaemon, gtc: Run) -> None:
    """All of it."""
    ids = [item["id"] for item in json.loads(gtc("overrides", "-o", "json").stdout)["items"]]
    assert ids == [3, 4, 5, 6, 7]


def test_a_void_override_is_marked(daemon: FakeDaemon, gtc: Run) -> None:
    """The mark follows its reason: a reload has removed its region."""
    gone = answers.override(3, void="no region eu-west-1 is configured")
    daemon.answers("GET /v1/overrides", {"items": [gone]})

    assert "INC-42; void: no region eu-west-1 is configured\n" in gtc("overrides").stdout
