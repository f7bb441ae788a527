"""What Route 53 itself shows of the regions: its health checks, and what it answers to users.

Facts as they were seen; what follows from them is the business of `planning.health.checkers`,
`planning.health.answered` and `planning.health.opinions`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from controller.model.health import Verdict


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a source other than our probes says of one weighted record."""

    verdict: Verdict
    at: float
    """The time of the evidence it rests on, monotonic seconds."""
    detail: str
    """The evidence in one line, with numbers."""


class CheckKind(StrEnum):
    """How a health check comes to its status."""

    ENDPOINT = "endpoint"
    """Checkers all over the world ask an endpoint."""
    CALCULATED = "calculated"
    """It counts healthy child checks."""
    OTHER = "other"
    """A CloudWatch alarm or a routing control; its status cannot be asked for."""


@dataclass(frozen=True, slots=True)
class CheckDefinition:
    """One health check of Route 53, as far as its status depends on it."""

    kind: CheckKind
    interval_s: float = 30.0
    """Seconds between two questions of one checker."""
    failure_threshold: int = 3
    """Equal results in a row that change one checker's mind."""
    inverted: bool = False
    disabled: bool = False
    """Nobody asks; Route 53 takes it for healthy."""
    children: tuple[str, ...] = ()
    health_threshold: int = 0
    """Children that must be healthy for a calculated check to be."""


@dataclass(frozen=True, slots=True)
class CheckerReport:
    """What one of Route 53's checkers last saw of an endpoint."""

    checker: str
    """Its address."""
    passed: bool
    at: datetime
    """When it looked, on AWS's clock."""
    status: str
    """In AWS's words: `Success: HTTP Status Code 200, OK`, `Failure: …`."""


@dataclass(frozen=True, slots=True)
class AnsweredCounts:
    """What the zone's name servers answered one pool's users lately. All times are monotonic."""

    at: float
    """When the last of these answers came."""
    counts: Mapping[str, int]
    """Region to how many answers led there."""
    without: Mapping[str, int]
    """Region to how many answers in a row, the last included, did not lead there."""
    last_seen: Mapping[str, float] = field(default_factory=dict)
    """Region to when an answer last led there."""
    elsewhere: Mapping[str, int] = field(default_factory=dict)
    """Answers that belong to no weighted record of the pool, `no address` among them, to how often
    each was given."""

    @property
    def total(self) -> int:
        """How many answers these are."""
        return sum(self.counts.values()) + sum(self.elsewhere.values())
