"""What probes say and what we believe of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NoReturn


class Verdict(StrEnum):
    """What we believe of an endpoint or region. Unknown is a value of its own and moves nothing."""

    UP = "up"
    DOWN = "down"
    UNKNOWN = "unknown"

    def __bool__(self) -> NoReturn:
        raise TypeError("a verdict has three values; compare it by name")


class ProbeOutcome(StrEnum):
    """What became of a probe. One that could not be run says nothing about its endpoint."""

    PASSED = "passed"
    FAILED = "failed"
    COULD_NOT_RUN = "could_not_run"


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """One answer to one probe."""

    outcome: ProbeOutcome
    at: float
    """When it was known, monotonic seconds."""
    latency_s: float
    detail: str
    """Short reason a person reads: `200`, `connection refused`, `no answer in 1 s`."""
    certificate_ends_at: datetime | None = None
    """When the certificate that was shown ends; None without TLS or when it was not verified."""


@dataclass(frozen=True, slots=True)
class HealthState:
    """A verdict on one endpoint from one vantage point, with the evidence it stands on."""

    verdict: Verdict = Verdict.UNKNOWN
    since: float = 0.0
    """When the verdict began, monotonic seconds."""
    failures: int = 0
    """Failures not cleared yet; they turn the verdict down at `down_after`."""
    successes: int = 0
    """Successes in a row."""
    first_failure_at: float | None = None
    """When the endpoint became suspect; None while nothing speaks against it."""
    first_success_at: float | None = None
    """Start of the present row of successes."""
    last_result_at: float | None = None
    """When the last probe that could be run ended; its age decides freshness."""
    last_failure: str = ""
    """The last failure's detail."""
    latency_s: float = 0.0
    """Latency of the last success."""
    certificate_ends_at: datetime | None = None
    """When the last certificate that could be verified ends."""

    @property
    def suspect(self) -> bool:
        """Whether failures stand against it that nothing has cleared."""
        return self.first_failure_at is not None


@dataclass(frozen=True, slots=True)
class RegionHealth:
    """What the vantage points together say of one region of one service."""

    verdict: Verdict
    why: str
    """The evidence in one line, with numbers."""
    suspect_since: float | None = None
    """When its first required endpoint became suspect, monotonic seconds."""
    agreeing: int = 0
    """Vantage points that call the region down."""
