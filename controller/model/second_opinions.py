"""Second opinions: Route 53's health checks, and the DNS answers of its name servers.

Observed facts only. `planning.health` draws the conclusions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from controller.model.health import Verdict


@dataclass(frozen=True, slots=True)
class Opinion:
    """Verdict of a source other than our probes on one weighted record."""

    verdict: Verdict
    at: float
    """Time of its evidence, monotonic seconds."""
    detail: str
    """The evidence in one line, with numbers."""


class CheckKind(StrEnum):
    """How a health check gets its status."""

    ENDPOINT = "endpoint"
    """Checkers in several AWS regions probe an endpoint."""
    CALCULATED = "calculated"
    """It counts healthy child checks."""
    OTHER = "other"
    """A CloudWatch alarm or a routing control; the API does not return its status."""


@dataclass(frozen=True, slots=True)
class CheckDefinition:
    """The properties of a Route 53 health check that its status depends on.

    `failure_threshold >= 1`; only a calculated check has `children`.
    """

    kind: CheckKind
    interval_s: float = 30.0
    """Seconds between two probes of one checker."""
    failure_threshold: int = 3
    """Equal results in a row that change one checker's status."""
    inverted: bool = False
    """Whether healthy and unhealthy are swapped."""
    disabled: bool = False
    """Checkers do not probe; Route 53 treats the check as healthy."""
    children: tuple[str, ...] = ()
    """Ids of the child checks of a calculated check."""
    health_threshold: int = 0
    """Children that must be healthy for a calculated check to be healthy."""


@dataclass(frozen=True, slots=True)
class CheckerReport:
    """The last result of one Route 53 checker."""

    checker: str
    """IP address of the checker."""
    passed: bool
    at: datetime
    """When it probed, on AWS's clock."""
    status: str
    """In AWS's words: `Success: HTTP Status Code 200, OK`, `Failure: …`."""


@dataclass(frozen=True, slots=True)
class AnsweredCounts:
    """Recent DNS answers of the zone's name servers to one pool's users, counted per region.

    Times are monotonic seconds. `total == sum(counts) + sum(elsewhere)`;
    `0 <= without[r] <= total`, and 0 if the last answer led to region r.
    """

    at: float
    """Time of the last answer."""
    counts: Mapping[str, int]
    """Region to the number of answers that led there."""
    without: Mapping[str, int]
    """Region to the number of latest answers in a row that did not lead there."""
    last_seen: Mapping[str, float] = field(default_factory=dict)
    """Region to the time of the last answer that led there."""
    elsewhere: Mapping[str, int] = field(default_factory=dict)
    """Answer that no weighted record of the pool gives (`no address` among them) to its number."""

    @property
    def total(self) -> int:
        """Number of answers."""
        return sum(self.counts.values()) + sum(self.elsewhere.values())
