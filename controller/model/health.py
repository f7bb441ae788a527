"""Probe results, and the health of endpoints and regions that follows from them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, NoReturn

from controller.model.optional_members import with_optional_members


class Verdict(StrEnum):
    """Health of an endpoint or region. Unknown is a third value and causes no change."""

    UP = "up"
    DOWN = "down"
    UNKNOWN = "unknown"

    def __bool__(self) -> NoReturn:
        raise TypeError("a verdict has three values; compare it by name")


class ProbeOutcome(StrEnum):
    """Outcome of a probe. One that could not be run says nothing about its endpoint."""

    PASSED = "passed"
    FAILED = "failed"
    COULD_NOT_RUN = "could_not_run"


class NotRunCause(StrEnum):
    """Why a probe could not be run. The values are public: metrics, API."""

    NO_ROUTE = "no_route"
    """To this address (ENETUNREACH). Settled by `planning.health.unreachable`."""
    NO_FAMILY = "no_address_family"
    """This host has no route for any address of the family, IPv4 or IPv6."""
    NOT_PERMITTED = "not_permitted"
    DESCRIPTORS = "descriptors"
    PORTS = "ports"
    MEMORY = "memory"
    NETWORK_DOWN = "network_down"
    RESOLVER = "resolver"
    SETTINGS = "settings"
    """A secret that was not read, a name that DNS cannot represent."""
    MISTAKE = "mistake"
    """Of this program."""


class ReferenceKind(StrEnum):
    """Whether a reference target must answer or must not. The value is the expected result."""

    KNOWN_GOOD = "answer"
    KNOWN_BAD = "no_answer"


class ProbeResult(NamedTuple):
    """The result of one probe.

    A named tuple, like `HealthState`, because both are made for every probe. `latency_s >= 0`.
    """

    outcome: ProbeOutcome
    at: float
    """When the probe ended, monotonic seconds."""
    latency_s: float
    detail: str
    """Short reason: `200`, `connection refused`, `no answer in 1 s`."""
    certificate_ends_at: datetime | None = None
    """End of the server's certificate; None without TLS or if it could not be verified."""
    address: str = ""
    """The probed address, such as `192.0.2.1:443`; empty if the probe did not get to an address."""
    cause: NotRunCause | None = None
    """Why it could not be run; None: it was."""


class AddressCounts(NamedTuple):
    """How many addresses of an endpoint's name there are and fail.

    Invariants: `0 <= down <= fresh <= probed <= known`; `len(failing) <= down`.
    """

    known: int
    """Addresses that the name has."""
    probed: int
    """Addresses that are probed; fewer when the name has too many."""
    fresh: int
    """Addresses with a fresh result, of families that work here; the verdict is about these."""
    down: int
    """Of these, those that are down."""
    failing: tuple[str, ...] = ()
    """The first few that are down, each with its last failure."""
    silent_families: tuple[str, ...] = ()
    """Families whose addresses do not count: nothing at all answers over them from here."""


@with_optional_members("not_run", "not_run_since", "no_route_since", "addresses")
class HealthState(NamedTuple):
    """Health of one endpoint seen from one vantage point: verdict and evidence.

    Times are monotonic seconds. Invariants: `failures, successes, answers >= 0`;
    `(failures == 0) == (first_failure_at is None)`; `0 <= bad_ratio <= 1`;
    `(successes == 0) == (first_success_at is None)`.
    """

    verdict: Verdict = Verdict.UNKNOWN
    since: float = 0.0
    """When the verdict began."""
    failures: int = 0
    """Failures not cleared yet. At `health.down_after` the verdict turns down."""
    successes: int = 0
    """Successes in a row."""
    first_failure_at: float | None = None
    """When the endpoint became suspect; None: it is not suspect."""
    first_success_at: float | None = None
    """Time of the first of the successes in a row."""
    last_result_at: float | None = None
    """When the last probe that could be run ended. Older than `probing.fresh_for_s`: unknown."""
    last_failure: str = ""
    """Detail of the last failure."""
    latency_s: float = 0.0
    """Latency of the last success."""
    certificate_ends_at: datetime | None = None
    """End of the last certificate that could be verified."""
    address: str = ""
    """The address probed last."""
    answers: int = 0
    """Probes that passed since the verdict last turned up; `usual_latency_s` is learned from
    them."""
    usual_latency_s: float = 0.0
    """Usual latency: a running mean, the baseline for slow probes."""
    bad_ratio: float = 0.0
    """Ratio of recent probes that failed or were far slower than usual: an exponential moving
    average over `health.gray.over_probes` probes."""
    not_run: str = ""
    """Why the probes since the last result could not be run; empty: the last one could."""
    not_run_since: float | None = None
    """When the first of these ended."""
    no_route_since: float | None = None
    """Since when every probe ended without a route to the address; None: it has one, or it is
    unknown."""
    addresses: AddressCounts | None = None
    """The addresses of a name that has several, each probed by itself; None: there is one."""

    @property
    def suspect(self) -> bool:
        """Whether it has failures that are not cleared."""
        return self.first_failure_at is not None


class OpinionSource(StrEnum):
    """Source of a second opinion. Both show the same judgement, that of Route 53."""

    HEALTH_CHECKS = "health_checks"
    """The status of the health checks on its weighted records."""
    ANSWERS = "answers"
    """What the zone's name servers answer users."""

    @property
    def label(self) -> str:
        """Its name in messages, in the plural."""
        return {"health_checks": "Route 53's health checks", "answers": "the zone's answers"}[self]


@dataclass(frozen=True, slots=True)
class SecondOpinion:
    """Verdict of another source on a region."""

    source: OpinionSource
    verdict: Verdict
    detail: str
    """The evidence in one line."""


class Confidence(StrEnum):
    """How reliable a verdict is; `RegionHealth.doubts` are the reasons why it is low.

    Shown to users only. It delays no drain: other sources are slower than our probes. It causes no
    drain: where Route 53's checks fail, Route 53 already withholds the record.
    """

    HIGH = "high"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class RegionHealth:
    """Health of one region of one service: the verdict of the quorum of vantage points.

    Invariants: `0 < usable <= 1`; `(degraded == 0) == (usable == 1)`; `0 <= degraded <= 3`.
    """

    verdict: Verdict
    why: str
    """The evidence in one line, with numbers."""
    suspect_since: float | None = None
    """When its first required endpoint became suspect, monotonic seconds."""
    agreeing: int = 0
    """Number of vantage points whose verdict is down."""
    degraded: int = 0
    """Steps by which it is degraded (gray failure): it answers, but badly."""
    usable: float = 1.0
    """Usable part of its capacity; less than 1 while it is degraded."""
    sources: tuple[SecondOpinion, ...] = ()
    """Verdicts of other sources, without unknown ones."""

    @property
    def agreeing_parties(self) -> int:
        """Number of independent parties whose verdict is down: vantage points, and Route 53 as
        one."""
        return self.agreeing + any(s.verdict is Verdict.DOWN for s in self.sources)

    @property
    def contradictions(self) -> tuple[SecondOpinion, ...]:
        """The other sources' verdicts that are the opposite of this one."""
        if self.verdict is Verdict.UNKNOWN:
            return ()
        return tuple(source for source in self.sources if source.verdict is not self.verdict)

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why the verdict may be wrong, one line each."""
        if self.verdict is Verdict.UNKNOWN:
            return ("too little is known for a verdict",)
        found = [
            f"{opinion.source.label} say {opinion.verdict.value}: {opinion.detail}"
            for opinion in self.contradictions
        ]
        if self.verdict is Verdict.DOWN and self.agreeing_parties == 1:
            found.append("one vantage point alone calls it down")
        return tuple(found)

    @property
    def evidence(self) -> str:
        """`why`, followed by the confidence and the doubts if there are any."""
        if self.verdict is Verdict.UNKNOWN or not self.doubts:
            return self.why
        further = [doubt for doubt in self.doubts if doubt not in self.why]
        return ": ".join((f"{self.why}; confidence {self.confidence.value}", *further))

    @property
    def confidence(self) -> Confidence:
        """Low if a source contradicts the verdict or only one party supports it."""
        return Confidence.LOW if self.doubts else Confidence.HIGH
