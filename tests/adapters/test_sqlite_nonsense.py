"""A state file whose rows make no sense, or whose bytes were changed by anything.

SQLite accepts the first and finds only a part of the second. A row costs itself: the daemon starts,
everything else is read, orders are stored, and what cannot be read is named.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import ParamSpec, TypeVar

import pytest

from controller.adapters.sqlite import integrity, schema
from controller.adapters.sqlite import records as sqlite_records
from controller.adapters.sqlite.store import SqliteStore, check_audit
from controller.model.configuration import Mode
from controller.model.decision import DecisionRecord
from controller.model.errors import StateUnavailableError
from controller.model.levers import KeptWeights, LeverState, Position
from controller.model.overrides import OverrideKind, OverrideRequest
from tests.adapters import older
from tests.planning.account.test_evidence import evidence

P = ParamSpec("P")
T = TypeVar("T")
NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)
PIN = OverrideRequest(OverrideKind.PIN, "ana", "canary", 3600, region="eu-west-1", share=0.3)
DRAIN = OverrideRequest(OverrideKind.DRAIN, "ana", "update", 3600, region="us-east-1")
RECORD = DecisionRecord(0, NOON, 1, Mode.ACTIVE, ("a region is down",), {}, (), (), (), "")
WEST, EAST = (Position("shop", "world", region) for region in ("eu-west-1", "us-east-1"))
SETTING = (LeverState(7),)
WEIGHTS = KeptWeights("route53", {"A": 100, "AAAA": 50})
EVIDENCE = evidence()

NONSENSE = {
    "a number": "5",
    "a large number": "4611686018427387904",
    "the largest number": "9223372036854775807",
    "a negative number": "-5",
    "infinity": "9e999",
    "bytes": "x'ff00ff'",
    "no bytes": "x''",
    "NULL": "NULL",
    "no text": "''",
    "an unknown name": "'zap'",
    "no UTF-8": "CAST(x'c3287aff' AS TEXT)",
    "a zero byte": "CAST(x'610062' AS TEXT)",
    "half of a JSON": "'{'",
    "another JSON": "'[1, null, {}]'",
    "a JSON object": "'{}'",
    "a deep JSON": "replace(hex(zeroblob(50000)), '00', '[')",
    "no time": "'2026-13-32T25:00:00+00:00'",
    "a time without offset": "'2026-06-01T12:00:00'",
    "a time that overflows": "'0001-01-01T00:00:00+23:59'",
    "a late time": "'9999-12-31T23:59:59-23:59'",
    "a long text": "hex(zeroblob(100000))",
}
TABLES = (
    *("overrides", "expected", "part_weights", "records", "record_regions", "record_bytes"),
    *("snapshots", "snapshot_settings", "audit", "audit_head"),
)


class Here(ThreadPoolExecutor):
    """An executor that runs tasks at once, in the caller's thread."""

    def submit(self, act: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        done: Future[T] = Future()
        try:
            done.set_result(act(*args, **kwargs))
        except Exception as error:
            done.set_exception(error)
        return done


@pytest.fixture(autouse=True)
def without_fsync(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand files need not survive a power failure."""
    monkeypatch.setattr(schema, "PRAGMAS", (*schema.PRAGMAS, "PRAGMA synchronous = OFF"))


@pytest.fixture
async def whole(tmp_path: Path) -> bytes:
    """The bytes of a file with two rows of everything."""
    path = tmp_path / "whole.sqlite"
    async with SqliteStore(path, executor=Here) as store:
        await store.add_override(PIN, NOON, LATER)
        await store.add_override(DRAIN, NOON, LATER)
        for _ in range(2):
            await store.add_record(RECORD, EVIDENCE)
        await store.expect({WEST: SETTING, EAST: SETTING})
        await store.keep_weights({WEST: WEIGHTS, EAST: WEIGHTS})
    return path.read_bytes()


def test_every_table_is_listed(tmp_path: Path) -> None:
    """A new table gets its nonsense, too."""
    with closing(schema.open_database(tmp_path / "gtc.sqlite")) as connection:
        found = connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        )
        assert {name for (name,) in found} == set(TABLES)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("every", [8, pytest.param(1, marks=pytest.mark.slow)])
async def test_a_row_that_makes_no_sense_costs_itself(
    every: int, table: str, whole: bytes, tmp_path: Path
) -> None:
    """Every column, every nonsense that SQLite accepts; an eighth of them in `make test`."""
    path = tmp_path / "gtc.sqlite"
    tried = 0
    for column, what, value in list(_cells(whole, table, path))[::every]:
        path.write_bytes(whole)
        if not _is_accepted(path, table, column, value):
            continue
        tried += 1
        try:
            await _starts(path, table)
        except BaseException as error:
            error.add_note(f"{table}.{column} is {what}")
            raise
    assert tried >= 10 / every


def _cells(whole: bytes, table: str, path: Path) -> Iterator[tuple[str, str, str]]:
    path.write_bytes(whole)
    with closing(sqlite3.connect(path)) as connection:
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    yield from ((column, *one) for column in columns for one in NONSENSE.items())


def _is_accepted(path: Path, table: str, column: str, value: str) -> bool:
    """Whether SQLite accepts the value in the table's first row."""
    first = f"SELECT min({_KEYS[table]}) FROM {table}"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        try:
            connection.execute(
                f"UPDATE {table} SET {column} = {value} WHERE {_KEYS[table]} = ({first})"
            )
        except (sqlite3.IntegrityError, sqlite3.OperationalError):
            return False
    return True


_KEYS = {
    "overrides": "id",
    "expected": "region",
    "part_weights": "region",
    "records": "id",
    "record_regions": "record_id",
    "record_bytes": "record_id",
    "snapshots": "record_id",
    "snapshot_settings": "hash",
    "audit": "seq",
    "audit_head": "one",
}


async def _starts(path: Path, table: str) -> None:
    """All that a daemon does with its file, at the start and later."""
    async with SqliteStore(path, executor=Here) as store:
        orders, expected = await store.overrides(), await store.expected()
        [drain] = [order for order in orders if order.id == 2]
        assert (drain.kind, drain.region) == (OverrideKind.DRAIN, "us-east-1")
        assert expected[EAST] == SETTING or table == "expected"
        assert SETTING in expected.values()
        weights = await store.kept_weights()
        assert weights[EAST] == WEIGHTS or table == "part_weights"
        assert WEIGHTS in weights.values()
        records = await store.records(limit=10)
        assert len(records) + _count(store, "records") == 2
        assert len(await store.records_or_errors(limit=10)) == 2
        assert records or table in ("snapshot_settings", "audit")
        if table == "overrides":
            assert len(orders) + _count(store, "overrides") in (1, 2)
        for record_id in (1, 2):
            for read in (store.record, store.evidence):
                with suppress(StateUnavailableError):
                    await read(record_id)
        await store.audit_entries(limit=10)
        await store.audit_head()
        check_audit(path)
        given = await store.add_override(PIN, NOON, LATER, [drain.id])
        assert given in await store.overrides()
        added = await store.add_record(RECORD, EVIDENCE)
        assert await store.record(added.id) == added
        assert len(await store.records_or_errors(limit=10)) == 3
        await store.audit(at=NOON, actor="ana", action="looked", detail="")
        check_audit(path)


def _count(store: SqliteStore, table: str) -> int:
    return sum(row.table == table for row in store.condition().unreadable)


async def _reads(path: Path) -> None:
    """Everything once; what cannot be read says so."""
    async with SqliteStore(path, executor=Here) as store:
        for read in (
            store.overrides,
            store.expected,
            store.kept_weights,
            lambda: store.records(limit=500),
            lambda: store.records_or_errors(limit=500),
            lambda: store.evidence(2),
            lambda: store.audit_entries(limit=500),
            lambda: store.add_record(RECORD, EVIDENCE),
            lambda: store.add_override(PIN, NOON, LATER),
        ):
            try:
                await read()
            except StateUnavailableError:
                continue
    try:
        check_audit(path)
    except StateUnavailableError:
        return


async def _changed_bytes(original: bytes, path: Path, seeds: range) -> dict[str, int]:
    """Seeds to files with some random bytes; what came of them."""
    outcomes = {"refused": 0, "started": 0}
    for seed in seeds:
        random, content = Random(seed), bytearray(original)
        for _ in range(random.choice((1, 4, 30))):
            content[random.randrange(len(content))] = random.randrange(256)
        _replace(path, bytes(content))
        try:
            await _reads(path)
            outcomes["started"] += 1
        except StateUnavailableError:
            outcomes["refused"] += 1
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
    return outcomes


def _replace(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    for beside in ("-wal", "-shm"):
        path.with_name(f"{path.name}{beside}").unlink(missing_ok=True)


async def test_random_bytes_are_refused_or_cost_rows(whole: bytes, tmp_path: Path) -> None:
    """Nothing but a refusal in words."""
    outcomes = await _changed_bytes(whole, tmp_path / "gtc.sqlite", range(30))
    assert min(outcomes.values()) > 3


@pytest.mark.slow
async def test_many_random_bytes_are_refused_or_cost_rows(whole: bytes, tmp_path: Path) -> None:
    """The same, 3,000 times."""
    await _changed_bytes(whole, tmp_path / "gtc.sqlite", range(40, 3_000))


async def test_random_bytes_in_an_older_file(tmp_path: Path) -> None:
    """It is migrated, refused, or costs rows."""
    path = tmp_path / "gtc.sqlite"
    older.restored(path)
    original = path.read_bytes()
    outcomes = await _changed_bytes(original, path, range(15))
    assert min(outcomes.values()) > 0


async def test_an_unreadable_record_is_in_its_place(whole: bytes, tmp_path: Path) -> None:
    """The others of its page are read."""
    path = tmp_path / "gtc.sqlite"
    path.write_bytes(whole)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE records SET said = x'00' WHERE id = 2")
    async with SqliteStore(path, executor=Here) as store:
        rows = await store.records_or_errors(limit=10)
        assert [row.id for row in rows] == [2, 1]
        assert [record.id for record in await store.records(limit=1)] == [1]
        with pytest.raises(
            StateUnavailableError, match="decision record 2 cannot be read: its text"
        ):
            await store.record(2)
        [row] = store.condition().unreadable
    assert (row.table, row.key) == ("records", "2")


async def test_a_record_in_a_damaged_place_of_a_large_file_costs_itself(
    whole: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a large file a start reads a part only, and does not find this."""
    monkeypatch.setattr(integrity, "CHECKED_WHOLE_BYTES", 0)
    path = tmp_path / "gtc.sqlite"
    async with SqliteStore(path, executor=Here) as store:
        for number in range(3):
            long = Random(number).randbytes(20_000).hex()
            await store.add_record(replace(RECORD, trigger=(long,)))
    content = path.read_bytes()
    with closing(sqlite3.connect(path)) as connection:
        [(said,)] = connection.execute("SELECT said FROM records WHERE id = 2")
        page_size = connection.execute("PRAGMA page_size").fetchone()[0]
    # The overflow page with this part begins with the number of the next one.
    begin = content.index(said[9_000:9_100]) // page_size * page_size
    path.write_bytes(content[:begin] + b"\xff" * 4 + content[begin + 4 :])
    async with SqliteStore(path, executor=Here) as store:
        rows = await store.records_or_errors(limit=10)
        assert [row.id for row in rows] == [3, 2, 1]
        assert [record.id for record in await store.records(limit=10)] == [3, 1]
        [row] = store.condition().unreadable
        assert "its place in the file is damaged" in row.error


@pytest.mark.parametrize(
    ("column", "value", "error"),
    [
        ("kind", "'zap'", "kind is zap, not one of drain, failover, pin, freeze"),
        ("expires_at", "'soon'", "expires_at is 'soon', no time"),
        (
            "expires_at",
            "'2026-06-01T12:00:00'",
            "expires_at is '2026-06-01T12:00:00', without its offset from UTC",
        ),
        ("ignore_guards", "'{'", "ignore_guards is '{', no JSON"),
        ("ignore_guards", "'{}'", "ignore_guards is no list"),
        ("region", "NULL", "it is a pin without a region"),
        ("share", "NULL", "it is a pin without a share"),
        ("share", "30", "its share is 30.0, no number above 0 up to 1"),
        ("pool", "'europe'", "it names a pool and no service"),
    ],
)
async def test_an_unreadable_order_is_named_and_can_be_ended(
    column: str, value: str, error: str, whole: bytes, tmp_path: Path
) -> None:
    """It is not in force, the other one is; the audit knows what it ordered, and until when."""
    text = f"#1 pin eu-west-1 at 30 % of every service until {LATER.isoformat()}: canary"
    path = tmp_path / "gtc.sqlite"
    path.write_bytes(whole)
    assert _is_accepted(path, "overrides", column, value)
    async with SqliteStore(path, executor=Here) as store:
        assert [order.id for order in await store.overrides()] == [2]
        [row] = store.condition().unreadable
        assert (row.table, row.key) == ("overrides", "1")
        assert row.error == f"{error}; the audit has it as {text!r}"
        condition = store.condition()
        assert condition.unreadable_at(LATER - timedelta(seconds=1)) == (row,)
        assert condition.unreadable_at(LATER) == ()
        await store.end_override(1, actor="ana", at=NOON, why="withdrawn")
        assert store.condition().unreadable == ()
        [entry] = await store.audit_entries(limit=1)
    assert entry.detail == f"#1, which cannot be read: {error}"


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM audit",
        "UPDATE audit SET detail = '#1 until soon: x'",
        "UPDATE audit SET detail = '#1 '",
        "UPDATE audit SET detail = CAST(x'2331207aff' AS TEXT)",
    ],
)
async def test_an_order_that_the_audit_does_not_know_either_is_told_of(
    damage: str, whole: bytes, tmp_path: Path
) -> None:
    """Then its end is not known."""
    path = tmp_path / "gtc.sqlite"
    path.write_bytes(whole)
    assert _is_accepted(path, "overrides", "expires_at", "'soon'")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(damage)
    async with SqliteStore(path, executor=Here) as store:
        await store.overrides()
        [row] = store.condition().unreadable
    assert row.error.startswith("expires_at is 'soon', no time")
    assert row.until is None


async def test_an_unreadable_expectation_is_dropped_until_it_is_written_anew(
    whole: bytes, tmp_path: Path
) -> None:
    """It serves to notice drift only."""
    path = tmp_path / "gtc.sqlite"
    path.write_bytes(whole)
    assert _is_accepted(path, "expected", "settings", "'{'")
    async with SqliteStore(path, executor=Here) as store:
        assert await store.expected() == {EAST: SETTING}
        [row] = store.condition().unreadable
        assert (row.key, row.error) == ("shop/world/eu-west-1", "settings is '{', no JSON")
        await store.expect({WEST: SETTING})
        assert store.condition().unreadable == ()
        assert await store.expected() == {EAST: SETTING, WEST: SETTING}


async def test_a_damaged_number_deletes_nothing(whole: bytes, tmp_path: Path) -> None:
    """What is too much is counted, not reckoned from the highest number."""
    for table, column in (("records", "id"), ("record_bytes", "bytes"), ("audit", "seq")):
        path = tmp_path / f"{table}.sqlite"
        path.write_bytes(whole)
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute(f"UPDATE {table} SET {column} = 4611686018427387904 WHERE rowid = 1")
            before = connection.execute("SELECT count(*) FROM audit").fetchone()[0]
        async with SqliteStore(path, executor=Here) as store:
            await store.add_record(RECORD, EVIDENCE)
            assert len(await store.records_or_errors(limit=10)) == 3
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("SELECT count(*) FROM audit").fetchone()[0] > before


def test_the_table_of_records_has_the_name_that_is_shown() -> None:
    """Status and log name it."""
    assert sqlite_records.RECORDS in TABLES
