"""What the audit says of an override whose own row cannot be read.

Each order and each extension has an entry with the order's text (`statements`), which the chain
seals: `#3 drain eu-west-1 of shop until 2026-06-01T13:00:00+00:00: update`.
"""

from __future__ import annotations

import re
import sqlite3

from controller.adapters.sqlite.rows import shown, time_of
from controller.model.decoding import UnreadableError
from controller.model.unreadable import UnreadableRow

OVERRIDES = "overrides"
"""The table."""
_UNTIL = re.compile(r" until (\S+?)(?=: |, ignoring )")


def lost_order(connection: sqlite3.Connection, override_id: object, error: str) -> UnreadableRow:
    """The row of an override that cannot be read, with what the audit knows of it."""
    row = connection.execute(
        """SELECT detail FROM audit
           WHERE action IN ('override_added', 'override_extended') AND detail LIKE ?
           ORDER BY seq DESC LIMIT 1""",
        (f"#{override_id} %",),
    ).fetchone()
    if row is None:
        return UnreadableRow(OVERRIDES, str(override_id), error)
    text = str(row[0])
    found = _UNTIL.search(text)
    try:
        until = time_of(found[1], "until") if found else None
    except UnreadableError:
        until = None
    return UnreadableRow(
        OVERRIDES, str(override_id), f"{error}; the audit has it as {shown(text, 200)}", until
    )
