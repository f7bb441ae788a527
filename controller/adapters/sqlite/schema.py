"""The state file: safe opening, tables, migrations, and error messages.

`PRAGMA user_version` is the schema version; each version is one entry of MIGRATIONS, applied in one
transaction. A released entry is never edited. A file of a newer program is refused, because an
older program would lose what it does not know.
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
from controller.adapters.sqlite.integrity import DAMAGED, refuse_damage
from controller.model.errors import StateUnavailableError

_log = structlog.get_logger("state")

PRAGMAS = (
    # First, because it has an effect only on an empty file. It lets the file shrink again.
    "PRAGMA auto_vacuum = INCREMENTAL",
    # Other processes can read while we write, and the file opens after a killed process.
    "PRAGMA journal_mode = WAL",
    # An acknowledged override survives power loss. At a few writes a minute this costs nothing.
    "PRAGMA synchronous = FULL",
    # The write-ahead log shrinks again after it was long.
    "PRAGMA journal_size_limit = 16777216",
    "PRAGMA foreign_keys = ON",
    # Another tool that reads the file may lock it for moments.
    "PRAGMA busy_timeout = 2000",
)

MigrationStep = str | Callable[[sqlite3.Connection], None]
"""An SQL statement, or a function for what SQL cannot do."""


def _forget_surplus(connection: sqlite3.Connection) -> None:
    """Delete surplus records of a file from before they were bounded by bytes."""
    records.delete_surplus(connection, datetime.now(UTC))


MIGRATIONS: tuple[tuple[MigrationStep, ...], ...] = (
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
        # Settings change rarely: each text is stored once for all its snapshots.
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
        # The decision, compressed. Older records have it in `body`, and keep it there.
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
    (
        # Ended overrides are kept for a while; a start reads those in force.
        "CREATE INDEX overrides_in_force ON overrides (id) WHERE ended_at IS NULL",
        # From here on records may be compressed by LZMA, and lack what their evidence holds.
        """CREATE TABLE part_weights (
            service TEXT NOT NULL,
            pool TEXT NOT NULL,
            region TEXT NOT NULL,
            lever TEXT NOT NULL,
            weights TEXT NOT NULL,
            PRIMARY KEY (service, pool, region)
        ) STRICT, WITHOUT ROWID""",
    ),
)

_CAUSES = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_READONLY: "the file cannot be written; check its owner and permissions",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened; check its folder and permissions",
    sqlite3.SQLITE_BUSY: "another process holds the file locked",
    sqlite3.SQLITE_LOCKED: "another process holds the file locked",
    sqlite3.SQLITE_CORRUPT: DAMAGED,
    sqlite3.SQLITE_NOTADB: "the file is no SQLite database; is state_path right?",
    sqlite3.SQLITE_IOERR: "the disk reports an error",
}
DRIVER_ERRORS = (sqlite3.Error, UnicodeDecodeError)
"""What a statement raises on a damaged file; give it to `state_error`."""
_PRIMARY_CODE = 0xFF
_NO_VACUUM = 0


def open_database(path: Path) -> sqlite3.Connection:
    """A connection to the checked and migrated database; the folder must exist.

    Raises StateUnavailableError. The connection belongs to the calling thread.
    """
    return _open(path, "rwc", _prepare)


def open_read_only(path: Path) -> sqlite3.Connection:
    """A read-only connection, also while a daemon uses the file; nothing is created or migrated.

    Raises StateUnavailableError.
    """
    if not path.is_file():
        raise StateUnavailableError(f"state file {path}: there is no such file")
    return _open(path, "ro", _refuse_other_schema)


def _open(
    path: Path, mode: str, prepare: Callable[[sqlite3.Connection, Path], None]
) -> sqlite3.Connection:
    """A prepared connection; `mode` is SQLite's mode for URIs."""
    try:
        # We begin and end transactions; the driver does not do it by itself.
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None
        )
        # A text that is no UTF-8 must cost its row, not the whole query.
        connection.text_factory = _text
        try:
            prepare(connection, path)
        except BaseException:
            connection.close()
            raise
    except DRIVER_ERRORS as error:
        raise state_error(error, path) from error
    return connection


def _text(data: bytes) -> str:
    return data.decode(errors="replace")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """A context whose statements are all on disk when it ends, or none of them."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # After some errors, such as a full disk, SQLite has already rolled back.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def state_error(error: sqlite3.Error | UnicodeDecodeError, path: Path) -> StateUnavailableError:
    """The error with a message for people; raise it `from error`."""
    # The higher bytes of a code are details; errors of the driver itself have no code. It cannot
    # even say what SQLite said when damaged names are in it.
    damaged = isinstance(error, UnicodeDecodeError)
    otherwise = sqlite3.SQLITE_CORRUPT if damaged else sqlite3.SQLITE_ERROR
    code = getattr(error, "sqlite_errorcode", otherwise) & _PRIMARY_CODE
    cause = _CAUSES.get(code, "SQLite refused")
    return StateUnavailableError(f"state file {path}: {cause} ({error})")


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    for pragma in PRAGMAS:
        connection.execute(pragma)
    refuse_damage(connection, path)
    _migrate(connection, path)
    _make_shrinkable(connection)


def _make_shrinkable(connection: sqlite3.Connection) -> None:
    """Rebuild, once, a file that was made before files could shrink."""
    if connection.execute("PRAGMA auto_vacuum").fetchone()[0] != _NO_VACUUM:
        return
    try:
        _rebuild(connection)
    except sqlite3.OperationalError as error:
        # It needs free disk space of the file's size and a folder for temporary files, which a
        # container may lack. Without it the file works but does not shrink; the next start retries.
        _log.warning("state_file_not_rebuilt", error=str(error))


def _rebuild(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("VACUUM")


def _take_steps(connection: sqlite3.Connection, steps: tuple[MigrationStep, ...]) -> None:
    for step in steps:
        if isinstance(step, str):
            connection.execute(step)
        else:
            step(connection)


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
        try:
            for steps in MIGRATIONS[version:]:
                _take_steps(connection, steps)
        except DRIVER_ERRORS:
            raise
        except (ValueError, TypeError, LookupError, ArithmeticError) as error:
            raise StateUnavailableError(
                f"state file {path} of schema {version} cannot be migrated: a row makes no sense "
                f"({error}); restore it from a backup or move it away"
            ) from error
        # Written only if needed: a daemon must be able to start on a full disk.
        if version < len(MIGRATIONS):
            connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
