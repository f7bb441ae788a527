"""What probes say and what we believe of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, NoReturn


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


class ReferenceKind(StrEnum):
    """Whether a reference target must answer or must not; the value says what is expected."""

    KNOWN_GOOD = "answer"
    KNOWN_BAD = "no_answer"


class ProbeResult(NamedTuple):
    """One answer to one probe. A tuple, as `HealthState` is: both are made for every probe."""

    outcome: ProbeOutcome
    at: float
    """When it was known, monotonic seconds."""
    latency_s: float
    detail: str
    """Short reason a person reads: `200`, `connection refused`, `no answer in 1 s`."""
    certificate_ends_at: datetime | None = None
    """When the certificate that was shown ends; None without TLS or when it was not verified."""
    address: str = ""
    """The address that was asked, such as `192.0.2.1:443`; empty when none was reached for."""


class HealthState(NamedTuple):
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
    address: str = ""
    """The address that was asked last."""
    answers: int = 0
    """Probes that passed since the verdict was last turned up; they are what is usual for it."""
    usual_latency_s: float = 0.0
    """Its usual latency: the baseline that slowness is held against."""
    bad_ratio: float = 0.0
    """Part of the probes lately that failed or were far slower than usual; older ones fade."""

    @property
    def suspect(self) -> bool:
        """Whether failures stand against it that nothing has cleared."""
        return self.first_failure_at is not None


class OpinionSource(StrEnum):
    """Who else can tell how a region is. Both show Route 53's one judgement of it."""

    HEALTH_CHECKS = "health_checks"
    """The status of the health checks on its weighted records."""
    ANSWERS = "answers"
    """What the zone's name servers answer users."""

    @property
    def words(self) -> str:
        """As people read it, in the plural."""
        return {"health_checks": "Route 53's health checks", "answers": "the zone's answers"}[self]


@dataclass(frozen=True, slots=True)
class SecondOpinion:
    """What another source says of a region."""

    source: OpinionSource
    verdict: Verdict
    detail: str
    """The evidence in one line."""


class Confidence(StrEnum):
    """How far a verdict can be trusted; `RegionHealth.doubts` says why it is low.

    For people only: it neither delays nor causes a move. A drain that the quorum backs is never
    held back by a source that is slower than our probes, and traffic never leaves a region whose
    probes pass: Route 53 has already withheld its record where its checks say so.
    """

    HIGH = "high"
    LOW = "low"


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
    degraded: int = 0
    """Steps by which it is degraded: it answers, but badly."""
    usable: float = 1.0
    """Part of its capacity that can be counted on; less than 1 while it is degraded."""
    sources: tuple[SecondOpinion, ...] = ()
    """What other sources say, those that know nothing left out."""

    @property
    def agreeing_parties(self) -> int:
        """Independent parties that call the region down: vantage points, and Route 53 as one."""
        return self.agreeing + any(s.verdict is Verdict.DOWN for s in self.sources)

    @property
    def contradictions(self) -> tuple[SecondOpinion, ...]:
        """The sources that say the opposite of the verdict."""
        if self.verdict is Verdict.UNKNOWN:
            return ()
        return tuple(s for s in self.sources if s.verdict is not self.verdict)

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why the verdict may be wrong, one line each."""
        if self.verdict is Verdict.UNKNOWN:
            return ("too little is known for a verdict",)
        found = [
            f"{one.source.words} say {one.verdict.value}: {one.detail}"
            for one in self.contradictions
        ]
        if self.verdict is Verdict.DOWN and self.agreeing_parties == 1:
            found.append("one vantage point alone calls it down")
        return tuple(found)

    @property
    def evidence(self) -> str:
        """`why`, and how far to trust it where there is doubt."""
        if self.verdict is Verdict.UNKNOWN or not self.doubts:
            return self.why
        unsaid = [doubt for doubt in self.doubts if doubt not in self.why]
        return ": ".join((f"{self.why}; confidence {self.confidence.value}", *unsaid))

    @property
    def confidence(self) -> Confidence:
        """Low while something speaks against the verdict, or one party alone for it."""
        return Confidence.LOW if self.doubts else Confidence.HIGH
