"""`gtc audit`: entries and their check, from a daemon or from a file."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controller.adapters.sqlite.store import SqliteStore
from controller.cli import exit_codes
from controller.model.overrides import OverrideKind, OverrideRequest
from tests.cli.conftest import Run
from tests.cli.fake_daemon import FakeDaemon

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
FREEZE = OverrideRequest(OverrideKind.FREEZE, "ana", "incident\n7", 3600)
DIGEST = "ab" * 32
ENTRY = {
    "seq": 7,
    "at": "2026-06-01T12:00:00+00:00",
    "actor": "ana",
    "action": "override_added",
    "detail": "#3 drain eu-west-1: update",
    "previous": "cd" * 32,
    "digest": DIGEST,
}
WHOLE = {
    "entries": 7,
    "records": 2,
    "snapshots": 2,
    "head": {"seq": 7, "digest": DIGEST},
    "faults": [],
}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state file with 120 entries."""
    path = tmp_path / "gtc.sqlite"

    async def fill() -> None:
        async with SqliteStore(path) as store:
            for _ in range(120):
                await store.add_override(FREEZE, NOON, NOON)

    asyncio.run(fill())
    return path


def test_each_entry_is_a_row(daemon: FakeDaemon, gtc: Run) -> None:
    """The newest first; pages are fetched until there are enough."""
    older = {**ENTRY, "seq": 6, "actor": "gtc", "action": "override_expired"}
    daemon.answers(
        "GET /v1/audit",
        {"items": [ENTRY], "next": "/v1/audit?limit=100&before=7"},
        {"items": [older], "next": None},
    )
    result = gtc("audit", "list")

    assert result.exit_code == exit_codes.OK
    assert result.stdout.splitlines() == [
        "ID  TIME                     WHO  WHAT              DETAIL",
        "7   2026-06-01 12:00:00 UTC  ana  override_added    #3 drain eu-west-1: update",
        "6   2026-06-01 12:00:00 UTC  gtc  override_expired  #3 drain eu-west-1: update",
    ]
    assert [request.path for request in daemon.requests] == [
        "/v1/audit?limit=100",
        "/v1/audit?limit=100&before=7",
    ]


@pytest.mark.parametrize("at", ["zap", "", "0001-01-01T00:00:00+23:59", "a\x1b[2Jb"])
def test_a_time_that_was_damaged_is_shown_as_it_is(at: str, daemon: FakeDaemon, gtc: Run) -> None:
    """`gtc audit verify` tells that it was altered."""
    daemon.answers("GET /v1/audit", {"items": [{**ENTRY, "at": at}], "next": None})
    result = gtc("audit", "list")
    assert result.exit_code == exit_codes.OK
    assert "override_added" in result.stdout
    assert "\x1b" not in result.stdout


def test_no_more_entries_are_requested_than_shown(daemon: FakeDaemon, gtc: Run) -> None:
    """A long audit is not read to its end."""
    daemon.answers("GET /v1/audit", {"items": [ENTRY] * 3, "next": "/v1/audit?before=7"})
    result = gtc("audit", "list", "--limit", "2", "-o", "json")

    assert len(json.loads(result.stdout)["items"]) == 2
    assert len(daemon.requests) == 1


def test_an_empty_audit_is_a_sentence(daemon: FakeDaemon, gtc: Run) -> None:
    """Not an empty table."""
    daemon.answers("GET /v1/audit", {"items": [], "next": None})
    assert gtc("audit", "list").stdout == "Nobody has done anything yet.\n"


def test_an_intact_audit_exits_with_0_and_prints_its_head(daemon: FakeDaemon, gtc: Run) -> None:
    """The user notes the head elsewhere."""
    daemon.answers("GET /v1/audit/check", WHOLE)
    result = gtc("audit", "verify")

    assert result.exit_code == exit_codes.OK
    assert result.stdout == (
        "The audit is whole: 7 entries, 2 decisions, 2 snapshots.\n"
        f"Its head, to be noted elsewhere: 7:{DIGEST}\n"
    )


def test_a_fault_exits_with_1(daemon: FakeDaemon, gtc: Run) -> None:
    """Every fault is printed."""
    daemon.answers("GET /v1/audit/check", {**WHOLE, "faults": ["entry 4 was altered"]})
    result = gtc("audit", "verify")

    assert result.exit_code == exit_codes.FAILED
    assert result.stdout.splitlines()[:2] == [
        "The audit is NOT whole: 7 entries, 2 decisions, 2 snapshots, 1 fault(s):",
        "  entry 4 was altered",
    ]


def test_a_noted_head_is_sent(daemon: FakeDaemon, gtc: Run) -> None:
    """An invalid head is refused before any request."""
    daemon.answers("GET /v1/audit/check", WHOLE)
    assert gtc("audit", "verify", "--head", f"5:{DIGEST}").exit_code == exit_codes.OK
    assert daemon.requests[0].path == f"/v1/audit/check?noted=5%3A{DIGEST}"

    result = gtc("audit", "verify", "--head", "5")
    assert result.exit_code == exit_codes.USAGE
    assert "NUMBER:DIGEST" in result.stderr
    assert len(daemon.requests) == 1


def test_a_state_file_is_read_without_a_daemon(state: Path, daemon: FakeDaemon, gtc: Run) -> None:
    """Listed beyond one page, one line for each entry, and verified."""
    listed = gtc("audit", "list", "--state", str(state), "--limit", "110")
    verified = gtc("audit", "verify", "--state", str(state))

    assert len(listed.stdout.splitlines()) == 111
    assert "incident 7" in listed.stdout
    assert verified.exit_code == exit_codes.OK
    assert verified.stdout.startswith(
        "The audit is whole: 120 entries, 0 decisions, 0 snapshots.\n"
    )
    assert daemon.requests == []


def test_a_tampered_state_file_is_reported(state: Path, gtc: Run) -> None:
    """Also as a document, with the same exit code."""
    with closing(sqlite3.connect(state)) as connection, connection:
        connection.execute("UPDATE audit SET actor = 'bo' WHERE seq = 60")
    result = gtc("audit", "verify", "--state", str(state), "-o", "json")

    assert result.exit_code == exit_codes.FAILED
    assert json.loads(result.stdout)["faults"] == ["entry 60 was altered"]


def test_a_missing_state_file_is_named(tmp_path: Path, gtc: Run) -> None:
    """The file is not created."""
    path = tmp_path / "no.sqlite"
    for command in ("list", "verify"):
        result = gtc("audit", command, "--state", str(path))
        assert result.exit_code == exit_codes.FAILED
        assert f"state file {path}: there is no such file" in result.stderr
    assert not path.exists()
