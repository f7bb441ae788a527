"""Decision records in the state file: small, bounded in bytes, and those of earlier versions."""

from __future__ import annotations

import json
import sqlite3
import zlib
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from controller.adapters.sqlite import records as sqlite_records
from controller.adapters.sqlite import schema
from controller.adapters.sqlite.store import SqliteStore, check_audit
from controller.model.compression import compressed, decompressed
from controller.model.configuration import Mode, StateSettings
from controller.model.decision import DecisionRecord, TimelineEvent
from controller.model.errors import UnreadableStateError
from controller.planning.account.alternatives import rejected_alternatives
from controller.planning.account.decision_changes import expected_effect
from controller.planning.account.evidence import Evidence, RecordedEvidence
from controller.planning.account.explanation import explain_record
from controller.planning.account.replay import replay
from controller.planning.decision import decide
from tests.adapters import older
from tests.bench.memory import three_services
from tests.bench.worlds import at_rest, failed
from tests.loops.small import logged
from tests.planning.account.test_evidence import evidence
from tests.planning.placement.transport_problems import world

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
RECORD = DecisionRecord(0, NOON, 1, Mode.ACTIVE, ("a region is down",), {}, (), (), (), "")
MOST_BYTES = 15_000
"""Of a record with its snapshot at 20 regions x 250 pools, calm or with a region lost."""


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def pages(path: Path) -> int:
    """The file's size in pages, write-ahead log included."""
    [(count,)] = rows(path, "PRAGMA page_count")
    return int(str(count))


def large_record(number: int) -> DecisionRecord:
    """A record that takes some kB although it is compressed."""
    noise = Random(number).randbytes(3_500).hex()
    return replace(RECORD, cycle=number, expected_effect=noise)


def record_of(found: Evidence) -> DecisionRecord:
    """The record of a decision."""
    return replace(
        RECORD,
        regions=found.decision.regions,
        plans=found.decision.plans,
        expected_effect=expected_effect(found),
        rejected=rejected_alternatives(found.snapshot, found.decision),
    )


@pytest.mark.parametrize("lost", [False, True], ids=["calm", "a region lost"])
async def test_a_record_of_a_large_world_is_small(tmp_path: Path, lost: bool) -> None:
    """20 regions x 250 pools; the largest region fails, or nothing happens."""
    problem = world(20, 250, 11, capacity_ratio=1.25, bound=False)
    moment = at_rest(problem)
    if lost:
        moment = failed(moment, max(problem.capacity, key=problem.capacity.__getitem__))
    found = Evidence(moment, decide(moment))
    record = record_of(found)
    path = tmp_path / "gtc.sqlite"
    async with SqliteStore(path) as store:
        await store.add_record(record, found)
        stored = await store.add_record(record, found)
        assert await store.record(stored.id) == stored == replace(record, id=stored.id)
        text = await store.evidence(stored.id)
    assert text is not None
    assert replay(RecordedEvidence(stored.id, "1", text), "1").faithful
    [(size,)] = rows(path, "SELECT bytes FROM record_bytes WHERE record_id = 2")
    assert isinstance(size, int)
    assert size < MOST_BYTES


async def test_records_are_kept_within_their_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest are deleted with their snapshots, which is no fault; the file stays small."""
    monkeypatch.setattr(sqlite_records, "KEPT_BYTES", 100_000)
    path = tmp_path / "gtc.sqlite"
    sizes = []
    async with SqliteStore(path) as store:
        for number in range(100):
            await store.add_record(large_record(number), evidence())
            sizes.append(pages(path))
        kept = [record.id for record in await store.records(limit=1_000)]
        assert (await store.check_audit()).faults == ()
        removals = [e for e in await store.audit_entries(limit=100) if "removed" in e.action]

    [(total,)] = rows(path, "SELECT sum(bytes) FROM record_bytes")
    assert isinstance(total, int)
    assert 80_000 < total <= 100_000
    assert kept == list(range(100, 100 - len(kept), -1))
    assert [row[0] for row in rows(path, "SELECT record_id FROM snapshots")] == kept[::-1]
    assert 2 < len(removals) < 100 / 2, "an entry for every record would fill the audit"
    assert removals[0].detail.startswith(f"decision records up to {min(kept) - 1} were removed")
    assert max(sizes[50:]) <= max(sizes[:50]) + 16, "it goes on growing"


async def test_the_file_shrinks_after_records_were_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Step by step, except for pages kept for new records."""
    monkeypatch.setattr(sqlite_records, "_FREE_PAGES_KEPT", 4)
    monkeypatch.setattr(sqlite_records, "_PAGES_PER_STEP", 10)
    path = tmp_path / "gtc.sqlite"
    async with SqliteStore(path) as store:
        for number in range(50):
            await store.add_record(large_record(number))
        full = pages(path)
        monkeypatch.setattr(sqlite_records, "KEPT_BYTES", 20_000)
        sizes = []
        for number in range(50, 60):
            await store.add_record(large_record(number))
            sizes.append(pages(path))
    assert sizes[0] >= full
    assert all(one >= other >= one - 12 for one, other in pairwise(sizes[:5]))
    assert sizes[-1] < full / 2


async def test_the_newest_record_is_kept_however_large_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An operator must be able to see what just happened."""
    monkeypatch.setattr(sqlite_records, "KEPT_BYTES", 1_000)
    async with SqliteStore(tmp_path / "gtc.sqlite") as store:
        for number in range(3):
            await store.add_record(large_record(number))
        assert [record.id for record in await store.records(limit=10)] == [3]
        assert (await store.check_audit()).ok


async def test_a_record_of_three_services_of_20_regions_and_60_pools_is_small(
    tmp_path: Path,
) -> None:
    """Its snapshot included; a region is lost. `make bench-memory` prints the sizes of both."""
    path = tmp_path / "gtc.sqlite"
    services = three_services()
    moments = (services, failed(services, "rg-a-0"))
    async with SqliteStore(path) as store:
        stored = []
        for moment in moments:
            found = Evidence(moment, decide(moment))
            stored.append(await store.add_record(record_of(found), found))
        for record in stored:
            assert await store.record(record.id) == record
            text = await store.evidence(record.id)
            assert text is not None
            assert replay(RecordedEvidence(record.id, "1", text), "1").differences == ()
        assert (await store.check_audit()).ok
    sizes = [int(str(size)) for (size,) in rows(path, "SELECT bytes FROM record_bytes")]
    assert sizes[1] <= 20_000, "settings count with the first"


async def test_regions_and_plans_are_stored_once(tmp_path: Path) -> None:
    """In the snapshot, which is sealed; unless the record says something else."""
    path = tmp_path / "gtc.sqlite"
    found = evidence()
    same = record_of(found)
    other = replace(same, plans=same.plans[:0])
    async with SqliteStore(path) as store:
        stored = [
            await store.add_record(same, found),
            await store.add_record(other, found),
            await store.add_record(same),
        ]
        assert [await store.record(record.id) for record in stored] == stored
        assert await store.records(limit=10) == tuple(reversed(stored))
    said = [
        json.loads(decompressed(data)).keys() for (data,) in rows(path, "SELECT said FROM records")
    ]
    assert ["plans" in names for names in said] == [False, True, True]
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        [(body,)] = connection.execute("SELECT body FROM snapshots WHERE record_id = 1").fetchall()
        altered = decompressed(body).replace("eu-west-1", "eu-west-2")
        connection.execute(
            "UPDATE snapshots SET body = ? WHERE record_id = 1", (compressed(altered),)
        )
    assert check_audit(path).faults == ("the snapshot of decision 1 was altered",)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DELETE FROM snapshots WHERE record_id = 1")
    assert check_audit(path).faults == ("the snapshot of decision 1 is missing",)
    async with SqliteStore(path) as store:
        with pytest.raises(UnreadableStateError, match="record 1 cannot be read: it has lost its"):
            await store.record(1)


async def test_another_limit_takes_effect_with_the_next_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few records at a time, so that none takes long; the file shrinks after them."""
    monkeypatch.setattr(sqlite_records, "_DELETED_AT_ONCE", 4)
    path = tmp_path / "gtc.sqlite"
    async with SqliteStore(path) as store:
        store.apply(StateSettings(max_records_mb=64))
        for _ in range(20):
            await store.add_record(RECORD)
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("UPDATE record_bytes SET bytes = 1048576")
        await store.add_record(RECORD)
        counts = [len(await store.records(limit=100))]
        store.apply(StateSettings(max_records_mb=16))
        for _ in range(3):
            await store.add_record(RECORD)
            counts.append(len(await store.records(limit=100)))
        assert counts == [21, 18, 17, 18]
        assert [entry.detail for entry in await store.audit_entries(limit=3)] == [
            "decision records up to 6 were removed: more than 16 MB were kept",
            "decision records up to 4 were removed: more than 16 MB were kept",
        ]
        assert (await store.check_audit()).ok


async def test_fields_added_later_count_as_bytes(tmp_path: Path) -> None:
    """The decision is not written again for them."""
    path = tmp_path / "gtc.sqlite"
    async with SqliteStore(path) as store:
        stored = await store.add_record(large_record(1), evidence())
        [before] = rows(path, "SELECT body, said FROM records")
        [(size,)] = rows(path, "SELECT bytes FROM record_bytes")
        later = replace(
            stored, timeline=(TimelineEvent("insync", NOON, "ü" * 100),), measured_effect="5"
        )
        await store.update_record(later)
        assert await store.record(1) == later
    [after] = rows(path, "SELECT body, said FROM records")
    [(grown,)] = rows(path, "SELECT bytes FROM record_bytes")
    assert after[1] == before[1]
    assert isinstance(after[0], str)
    assert isinstance(before[0], str)
    assert isinstance(size, int)
    assert grown == size + len(after[0].encode()) - len(before[0].encode())


async def test_manually_deleted_records_are_seen_though_others_were_deleted_for_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only records that the sealed entry names may be missing."""
    monkeypatch.setattr(sqlite_records, "KEPT_BYTES", 50_000)
    path = tmp_path / "gtc.sqlite"
    async with SqliteStore(path) as store:
        for number in range(12):
            await store.add_record(large_record(number))
        oldest = [record.id for record in await store.records(limit=100)][-1]
    assert oldest > 2
    assert check_audit(path).ok
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DELETE FROM records WHERE id = ?", (oldest,))
    assert check_audit(path).faults == (f"decision record {oldest} is missing",)


async def test_the_growing_part_cannot_say_what_was_decided(tmp_path: Path) -> None:
    """It is not sealed, so only the growing fields are read from it."""
    path = tmp_path / "gtc.sqlite"
    async with SqliteStore(path) as store:
        stored = await store.add_record(RECORD)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("""UPDATE records SET body = json_set(body, '$.mode', 'dry_run')""")
    async with SqliteStore(path) as store:
        assert await store.record(1) == stored


async def test_a_file_of_schema_5_is_read_whole(tmp_path: Path) -> None:
    """As the previous version wrote it: overrides, records, snapshots, seals."""
    path = tmp_path / "gtc.sqlite"
    older.restored(path)
    before = rows(path, "SELECT body FROM records ORDER BY id")
    async with SqliteStore(path) as store:
        check = await store.check_audit()
        assert (check.faults, check.records, check.snapshots) == ((), 6, 5)
        records = await store.records(limit=10)
        assert [record.id for record in records] == [6, 5, 4, 3, 2, 1]
        failover = records[4]
        assert failover.plans[0].after == {"us-east-1": 1.0, "eu-west-1": 0.0}
        assert failover.written[0].changes == failover.plans[0].changes
        assert failover.written[0].changes[0].position.service == "shop"
        assert failover.at == NOON.replace(second=1, microsecond=250)
        assert failover.measured_effect == "95 % had left"
        assert [moment.name for moment in failover.timeline] == ["decided", "insync"]
        assert "eu-west-1" in explain_record(failover)
        assert await store.records(limit=10, region="eu-west-1") != ()
        for record in records[1:]:
            text = await store.evidence(record.id)
            assert text is not None
            again = replay(RecordedEvidence(record.id, record.version, text), record.version)
            assert again.differences == ()
            assert {one.recorded for one in again.unread} <= {"nothing"}
        assert await store.evidence(6) is None
        assert await store.expected() != {}
    assert rows(path, "SELECT body FROM records ORDER BY id") == before


async def test_a_record_of_schema_5_may_grow_beside_new_ones(tmp_path: Path) -> None:
    """Its seal covers the decision in its old format."""
    path = tmp_path / "gtc.sqlite"
    older.restored(path)
    async with SqliteStore(path) as store:
        old = await store.record(2)
        assert old is not None
        later = replace(old, timeline=(*old.timeline, TimelineEvent("measured", NOON)))
        await store.update_record(later)
        assert await store.record(2) == later
        new = await store.add_record(RECORD, evidence())
        assert (await store.records(limit=1)) == (new,)
        assert (await store.check_audit()).faults == ()


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("UPDATE records SET body = replace(body, 'up', 'down') WHERE id = 3", "altered"),
        ("UPDATE records SET said = (SELECT said FROM records WHERE id = 7) WHERE id = 3", "alter"),
        ("DELETE FROM records WHERE id = 3", "missing"),
    ],
)
async def test_records_of_schema_5_stay_sealed(tmp_path: Path, statement: str, fault: str) -> None:
    """The new column does not bypass the seal."""
    path = tmp_path / "gtc.sqlite"
    older.restored(path)
    async with SqliteStore(path) as store:
        await store.add_record(RECORD)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(statement)
    assert any(
        one.startswith("decision record 3") and fault in one for one in check_audit(path).faults
    )


async def test_records_of_an_older_file_count_by_their_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With their snapshots; the migration deletes the surplus, and the file shrinks."""
    whole, small = tmp_path / "whole.sqlite", tmp_path / "small.sqlite"
    for path in (whole, small):
        older.restored(path)
    old_size = whole.stat().st_size
    sizes = "SELECT length(CAST(body AS BLOB)) FROM records ORDER BY id"
    bodies = [int(str(size)) for (size,) in rows(whole, sizes)]
    async with SqliteStore(whole):
        pass
    counted = [int(str(size)) for (size,) in rows(whole, "SELECT bytes FROM record_bytes")]
    snapshots = rows(whole, "SELECT record_id, length(body) FROM snapshots")
    [(settings,)] = rows(whole, "SELECT length(body) FROM snapshot_settings")
    with_snapshots = {int(str(one)): int(str(size)) for one, size in snapshots}
    assert counted == [
        size + with_snapshots.get(number, 0) + (int(str(settings)) if number == 1 else 0)
        for number, size in enumerate(bodies, 1)
    ]

    monkeypatch.setattr(sqlite_records, "KEPT_BYTES", counted[-1] + counted[-2] + 100)
    async with SqliteStore(small) as store:
        assert [record.id for record in await store.records(limit=10)] == [6]
        assert (await store.check_audit()).faults == ()
    assert rows(small, "PRAGMA auto_vacuum") == [(2,)]
    assert small.stat().st_size < old_size


@pytest.mark.parametrize(
    "code",
    [
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,  # no folder for temporary files is writable
        sqlite3.SQLITE_IOERR_GETTEMPPATH,
        sqlite3.SQLITE_BUSY,
    ],
)
async def test_a_file_that_cannot_be_rebuilt_does_not_keep_the_daemon_from_starting(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file works as before, the log says so, and the next start retries."""
    path = tmp_path / "gtc.sqlite"
    older.restored(path)
    rebuilt = []

    def fails(connection: sqlite3.Connection) -> None:
        rebuilt.append(connection)
        error = sqlite3.OperationalError("unable to open database file")
        error.sqlite_errorcode = code
        raise error

    with monkeypatch.context() as now, logged() as lines:
        now.setattr(schema, "_rebuild", fails)
        async with SqliteStore(path) as store:
            assert len(await store.records(limit=10)) == 6
            await store.add_record(RECORD)
    assert len(rebuilt) == 1
    assert [line["error"] for line in lines if line["event"] == "state_file_not_rebuilt"] == [
        "unable to open database file"
    ]
    async with SqliteStore(path) as store:
        assert len(await store.records(limit=10)) == 7
    assert rows(path, "PRAGMA auto_vacuum") == [(2,)]


async def test_a_record_that_cannot_be_unpacked_is_named(tmp_path: Path) -> None:
    """In the audit, too."""
    path = tmp_path / "gtc.sqlite"
    async with SqliteStore(path) as store:
        await store.add_record(RECORD)
    for said in (b"", b"other", zlib.compress(b"{}"), zlib.compress(b"[]")):
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("UPDATE records SET said = ?", (said,))
        async with SqliteStore(path) as store:
            with pytest.raises(Exception, match="decision record 1 cannot be read"):
                await store.record(1)
            assert (await store.check_audit()).faults == ("decision record 1 was altered",)
