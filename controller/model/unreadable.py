"""What could not be read of the state file, each row for itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class UnreadableRow:
    """A row of the state file that cannot be read; the daemon works without it."""

    table: str
    key: str
    """Its primary key, parts separated by `/`."""
    error: str
    until: datetime | None = None
    """When it no longer matters, such as the end of an order; None: not known."""


@dataclass(frozen=True, slots=True)
class UnreadableRecord:
    """A decision record that is stored and cannot be read."""

    id: int
    unreadable: str
    """Why it cannot be read."""


@dataclass(frozen=True, slots=True)
class StateCondition:
    """What an operator must know of the state file."""

    notices: tuple[str, ...] = ()
    """What was found when it was opened."""
    unreadable: tuple[UnreadableRow, ...] = ()
    """Rows that were skipped, the latest last; of many the latest only."""

    def unreadable_at(self, now: datetime) -> tuple[UnreadableRow, ...]:
        """The rows that still matter."""
        return tuple(row for row in self.unreadable if row.until is None or row.until > now)
