"""Opens a state file whose lock is held, and finds what an operator must know of it."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import structlog

from controller.adapters.sqlite import audit, file_access
from controller.adapters.sqlite.lock import StateLock
from controller.adapters.sqlite.schema import DRIVER_ERRORS, open_database, transaction
from controller.model.plural import counted

_log = structlog.get_logger("state")
_BEGAN_ANEW = "state_began_anew"
"""Log event and action in the audit."""


def open_state(path: Path, lock: StateLock) -> tuple[sqlite3.Connection, tuple[str, ...]]:
    """The database, for its owner alone, and notices about it. Raises StateUnavailableError."""
    is_lost = lock.had_state and file_access.holds_nothing(path)
    kept_log = file_access.set_log_aside(path) if is_lost else None
    file_access.prepare(path)
    connection = open_database(path)
    lock.note_state()
    notices = []
    if is_lost:
        notices.append(_began_anew(connection, path, kept_log))
    if others := file_access.other_names(path):
        notices.append(_linked(path, others))
    return connection, tuple(notices)


def _began_anew(connection: sqlite3.Connection, path: Path, kept_log: Path | None) -> str:
    """Say that the state of before is gone: in log and status, and for good in the audit."""
    aside = f"; what SQLite had logged last is in {kept_log}" if kept_log else ""
    notice = (
        f"state file {path} was empty or missing at the start, and a daemon had kept its state "
        "there: overrides and freezes of before are not in force, decisions and audit are "
        f"gone{aside}; restore a backup, or give the orders again"
    )
    _log.error(_BEGAN_ANEW, notice=notice)
    try:
        with transaction(connection):
            audit.append(connection, datetime.now(UTC), audit.DAEMON, _BEGAN_ANEW, notice)
    except DRIVER_ERRORS as error:
        _log.error("audit_entry_not_durable", error=str(error))
    return notice


def _linked(path: Path, others: int) -> str:
    notice = (
        f"state file {path} has {counted(others, 'other name')} (hard links): a daemon started by "
        "one of them would not see that it is in use; remove them"
    )
    _log.error("state_file_linked", notice=notice)
    return notice
