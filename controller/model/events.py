"""Events of the API's event stream."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from controller.model.encoding import SHOWN, as_text


class EventType(StrEnum):
    """Type of an event. The values are public: `?types=` and the stream's `event` field."""

    DECISION = "decision"
    """A decision was recorded."""
    DECISION_UPDATED = "decision_updated"
    """A record got more facts: its change is INSYNC, or users have followed it."""
    OVERRIDE_SET = "override_set"
    OVERRIDE_EXTENDED = "override_extended"
    OVERRIDE_EXPIRES_SOON = "override_expires_soon"
    OVERRIDE_ENDED = "override_ended"
    CYCLE = "cycle"
    """The status changed; at most one per second."""
    RESYNC = "resync"
    """This subscriber missed events and should read everything again."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event, encoded once for all subscribers."""

    id: int
    """Greater than every earlier event's, across restarts too unless the wall clock is set back."""
    type: EventType
    at: datetime
    text: bytes
    """JSON in one line: `id`, `type`, `at` and `data`, a summary; the API's routes have the
    details."""

    @classmethod
    def of(cls, id_: int, type_: EventType, at: datetime, data: Mapping[str, object]) -> Event:
        """The event with `data` encoded."""
        members = {"id": id_, "type": type_, "at": at, "data": data}
        return cls(id_, type_, at, as_text(SHOWN(members)).encode())

    @property
    def data(self) -> dict[str, Any]:
        """The `data` of the encoded event, decoded."""
        data: dict[str, Any] = json.loads(self.text)["data"]
        return data
