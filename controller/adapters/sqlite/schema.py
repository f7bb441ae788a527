"""The state file: opening it safely, its tables, and what its errors mean to people.

Schema versions count in `PRAGMA user_version`; each is one entry of MIGRATIONS, applied in one
transaction. An entry that was ever released is never edited. A file of a newer program is refused,
because an older one would not keep what it does not know.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import structlog

from controller.adapters.sqlite import records
from controller.adapters.sqlite.audit import chain_old_rows, seal_old_snapshots
from controller.model.errors import StateUnavailableError

_log = structlog.get_logger("state")

PRAGMAS = (
    # First, for it binds only a file that is still empty. What records took can be given back.
    "PRAGMA auto_vacuum = INCREMENTAL",
    # Others may read while we write, and a killed process leaves a file that opens.
    "PRAGMA journal_mode = WAL",
    # An acknowledged override survives power loss: at a few writes a minute it costs nothing.
    "PRAGMA synchronous = FULL",
    # The log of writes gives its space back, too, once it was long.
    "PRAGMA journal_size_limit = 16777216",
    "PRAGMA foreign_keys = ON",
    # Somebody looking into the file with another tool holds it for moments.
    "PRAGMA busy_timeout = 2000",
)

Step = str | Callable[[sqlite3.Connection], None]
"""A statement, or what SQL alone cannot do."""


def _forget_surplus(connection: sqlite3.Connection) -> None:
    """Bring a file from before records were bounded by bytes within that bound."""
    records.forget_surplus(connection, datetime.now(UTC))


MIGRATIONS: tuple[tuple[Step, ...], ...] = (
    (
        """CREATE TABLE overrides (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            kind TEXT NOT NULL,
            region TEXT,
            service TEXT,
            author TEXT NOT NULL,
            reason TEXT NOT NULL,
            created_at TEXT NOT NULL,
            expires_at TEXT NOT NULL,
            ignore_guards TEXT NOT NULL,
            ended_at TEXT,
            ended_by TEXT,
            ended_why TEXT
        ) STRICT""",
        """CREATE TABLE records (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            at TEXT NOT NULL,
            body TEXT NOT NULL
        ) STRICT""",
        """CREATE TABLE record_regions (
            region TEXT NOT NULL,
            record_id INTEGER NOT NULL REFERENCES records (id) ON DELETE CASCADE,
            PRIMARY KEY (region, record_id)
        ) STRICT, WITHOUT ROWID""",
        "CREATE INDEX record_regions_by_record ON record_regions (record_id)",
        """CREATE TABLE expected (
            service TEXT NOT NULL,
            pool TEXT NOT NULL,
            region TEXT NOT NULL,
            settings TEXT NOT NULL,
            PRIMARY KEY (service, pool, region)
        ) STRICT, WITHOUT ROWID""",
        """CREATE TABLE audit (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            at TEXT NOT NULL,
            actor TEXT NOT NULL,
            action TEXT NOT NULL,
            detail TEXT NOT NULL
        ) STRICT""",
    ),
    (
        "ALTER TABLE audit RENAME TO audit_1",
        """CREATE TABLE audit (
            seq INTEGER PRIMARY KEY,
            at TEXT NOT NULL,
            actor TEXT NOT NULL,
            action TEXT NOT NULL,
            detail TEXT NOT NULL,
            previous TEXT NOT NULL,
            digest TEXT NOT NULL
        ) STRICT""",
        # Without it, entries missing at the end would not show.
        """CREATE TABLE audit_head (
            one INTEGER PRIMARY KEY CHECK (one = 1),
            seq INTEGER NOT NULL,
            digest TEXT NOT NULL
        ) STRICT""",
        chain_old_rows,
        "DROP TABLE audit_1",
        "ALTER TABLE overrides ADD COLUMN pool TEXT",
    ),
    ("ALTER TABLE overrides ADD COLUMN share REAL",),
    (
        # Settings change rarely: each text is kept once, whatever number of snapshots rests on it.
        """CREATE TABLE snapshot_settings (
            hash TEXT PRIMARY KEY,
            body BLOB NOT NULL
        ) STRICT, WITHOUT ROWID""",
        """CREATE TABLE snapshots (
            record_id INTEGER PRIMARY KEY REFERENCES records (id) ON DELETE CASCADE,
            settings TEXT NOT NULL REFERENCES snapshot_settings (hash),
            body BLOB NOT NULL
        ) STRICT""",
        "CREATE INDEX snapshots_by_settings ON snapshots (settings)",
    ),
    (seal_old_snapshots,),
    (
        # What a decision said, compressed. Records from before have it in `body`, and keep it.
        "ALTER TABLE records ADD COLUMN said BLOB",
        """CREATE TABLE record_bytes (
            record_id INTEGER PRIMARY KEY REFERENCES records (id) ON DELETE CASCADE,
            bytes INTEGER NOT NULL
        ) STRICT""",
        """INSERT INTO record_bytes
            SELECT records.id, length(CAST(records.body AS BLOB))
                + coalesce(length(snapshots.body), 0) + coalesce(length(settings.body), 0)
            FROM records
            LEFT JOIN snapshots ON snapshots.record_id = records.id
            LEFT JOIN (SELECT settings AS hash, min(record_id) AS record_id
                       FROM snapshots GROUP BY settings) AS first
                ON first.record_id = records.id
            LEFT JOIN snapshot_settings AS settings ON settings.hash = first.hash""",
        _forget_surplus,
    ),
)

_CAUSES = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_READONLY: "the file cannot be written; check its owner and permissions",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened; check its folder and permissions",
    sqlite3.SQLITE_BUSY: "another process holds the file locked",
    sqlite3.SQLITE_LOCKED: "another process holds the file locked",
    sqlite3.SQLITE_CORRUPT: "the file is damaged; restore it from a backup or move it away",
    sqlite3.SQLITE_NOTADB: "the file is no SQLite database; is state_path right?",
    sqlite3.SQLITE_IOERR: "the disk reports an error",
}
_PRIMARY_CODE = 0xFF
_NO_VACUUM = 0


def open_database(path: Path) -> sqlite3.Connection:
    """An open, checked and migrated database in a folder that exists.

    Raises StateUnavailableError. The connection belongs to the calling thread.
    """
    return _opened(path, "rwc", _prepare)


def open_read_only(path: Path) -> sqlite3.Connection:
    """The database to look at, also while a daemon runs on it; nothing is made or migrated.

    Raises StateUnavailableError.
    """
    if not path.is_file():
        raise StateUnavailableError(f"state file {path}: there is no such file")
    return _opened(path, "ro", _refuse_other_schema)


def _opened(
    path: Path, mode: str, prepare: Callable[[sqlite3.Connection, Path], None]
) -> sqlite3.Connection:
    """A connection that was prepared, in one of SQLite's modes for URIs."""
    try:
        # Transactions are begun and ended by us, not by the driver's guesses.
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None
        )
        try:
            prepare(connection, path)
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise state_error(error, path) from error
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All statements within are on disk when it ends, or none is."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # SQLite has rolled back by itself after some errors, a full disk among them.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def state_error(error: sqlite3.Error, path: Path) -> StateUnavailableError:
    """The error in words; to be raised `from error`."""
    # Codes carry details in their higher bytes, and are missing where the driver itself objects.
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & _PRIMARY_CODE
    cause = _CAUSES.get(code, "SQLite refused")
    return StateUnavailableError(f"state file {path}: {cause} ({error})")


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    for pragma in PRAGMAS:
        connection.execute(pragma)
    _refuse_damage(connection, path)
    _migrate(connection, path)
    _make_shrinkable(connection)


def _make_shrinkable(connection: sqlite3.Connection) -> None:
    """Rebuild, once, a file that was made before free space could be given back."""
    if connection.execute("PRAGMA auto_vacuum").fetchone()[0] != _NO_VACUUM:
        return
    try:
        _rebuild(connection)
    except sqlite3.OperationalError as error:
        # It takes as much disk again, and a folder for temporary files, which a container may lack.
        # Without it the file works as before, only that it does not shrink; the next start tries.
        _log.warning("state_file_not_rebuilt", error=str(error))


def _rebuild(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("VACUUM")


def _refuse_damage(connection: sqlite3.Connection, path: Path) -> None:
    found = [str(row[0]) for row in connection.execute("PRAGMA quick_check")]
    if found != ["ok"]:
        raise StateUnavailableError(
            f"state file {path}: {_CAUSES[sqlite3.SQLITE_CORRUPT]} ({'; '.join(found[:3])})"
        )


def _refuse_other_schema(connection: sqlite3.Connection, path: Path) -> None:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version != len(MIGRATIONS):
        raise StateUnavailableError(
            f"state file {path} has schema {version}, this program reads {len(MIGRATIONS)}; "
            "a daemon of this version migrates an older file when it starts"
        )


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    with transaction(connection):
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if version > len(MIGRATIONS):
            raise StateUnavailableError(
                f"state file {path} was written by a newer version of this program: it has schema "
                f"{version}, this program knows up to {len(MIGRATIONS)}; run the newer version or "
                "set another state_path"
            )
        for steps in MIGRATIONS[version:]:
            for step in steps:
                if isinstance(step, str):
                    connection.execute(step)
                else:
                    step(connection)
        # Not written again in vain: a daemon must be able to start on a full disk.
        if version < len(MIGRATIONS):
            connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
