"""What is told to whoever listens live."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from controller.model.encoding import SHOWN, as_text


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
    """One thing that happened, encoded once for all who listen."""

    id: int
    """Grows; across restarts, too, as long as the wall clock is not set back."""
    type: EventType
    at: datetime
    text: bytes
    """JSON in one line: `id`, `type`, `at` and `data`, which says in short what happened; the
    nouns' own routes say everything."""

    @classmethod
    def of(cls, id_: int, type_: EventType, at: datetime, data: Mapping[str, object]) -> Event:
        """What happened at a time."""
        said = {"id": id_, "type": type_, "at": at, "data": data}
        return cls(id_, type_, at, as_text(SHOWN(said)).encode())

    @property
    def data(self) -> dict[str, Any]:
        """What happened, as whoever listens gets it."""
        data: dict[str, Any] = json.loads(self.text)["data"]
        return data
