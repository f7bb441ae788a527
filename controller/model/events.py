"""What is told to whoever listens live."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class EventType(StrEnum):
    """What an event tells. The values are public: `?types=` and the stream's `event` field."""

    DECISION = "decision"
    """A decision was kept."""
    DECISION_UPDATED = "decision_updated"
    """More became known of a decision: it has spread, or users have left."""
    OVERRIDE_SET = "override_set"
    OVERRIDE_EXTENDED = "override_extended"
    OVERRIDE_EXPIRES_SOON = "override_expires_soon"
    OVERRIDE_ENDED = "override_ended"
    CYCLE = "cycle"
    """Something in how things stand changed; at most one a second."""
    RESYNC = "resync"
    """This listener missed events: it should read everything anew."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened."""

    id: int
    """Grows; across restarts, too, as long as the wall clock is not set back."""
    type: EventType
    at: datetime
    data: Mapping[str, object]
    """What happened in short; the nouns' own routes say everything."""
