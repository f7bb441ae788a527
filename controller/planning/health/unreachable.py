"""Whether a missing route to an endpoint is the endpoint's failure, or this host's.

Without a route no packet leaves, so such a probe says nothing by itself: this host's network may be
gone, or the endpoint's network was withdrawn. It is settled by what answers meanwhile over the same
address family: when known-good reference targets and endpoints of other regions do, this host's
network works, and after `probing.unreachable_for_s` the missing route is a failure like any other,
which the quorum judges.

Worked example with 30 s: from 12:00:00 on no route leads to eu-west-1. At 12:00:30 a reference
target and us-east-1 answer over IPv4, as eu-west-1 did: its probes fail from now on, and after
`health.down_after` of them it is down. If nothing else answered over IPv4, it would stay unknown.
"""

from __future__ import annotations

from typing import NamedTuple

from controller.model.health import HealthState, ProbeOutcome, ProbeResult, Verdict
from controller.planning.health.hysteresis import WITHOUT_ROUTE, is_fresh

FAMILIES = ("IPv4", "IPv6")


class FamilyAnswers(NamedTuple):
    """Who answers over one address family now."""

    known_good: int
    """Number of known-good reference targets."""
    regions: frozenset[str]
    """Regions with an endpoint that does, of any service."""


def family_of(address: str) -> str:
    """`IPv6` for `[2001:db8::1]:443`, `IPv4` for `192.0.2.1:443`."""
    return "IPv6" if address.startswith("[") else "IPv4"


def answers_over(state: HealthState, family: str, now: float, fresh_for_s: float) -> bool:
    """Whether this state proves that the family works from here."""
    is_answering = state.verdict is Verdict.UP or state.successes > 0
    return (
        bool(state.address)
        and family_of(state.address) == family
        and is_answering
        and not state.suspect
        and not state.not_run
        and is_fresh(state, now, fresh_for_s)
    )


def is_due(state: HealthState, result: ProbeResult, unreachable_for_s: float) -> bool:
    """Whether the route has been missing for so long that the question must be settled."""
    since = state.no_route_since
    is_missing = result.cause in WITHOUT_ROUTE and since is not None
    return is_missing and result.at - (since or 0.0) >= unreachable_for_s


def settled(
    result: ProbeResult, region: str, answers: FamilyAnswers, unreachable_for_s: float
) -> ProbeResult:
    """The result of an endpoint without a route, as a failure if others answer, else unchanged."""
    if not answers.known_good or not answers.regions - {region}:
        return result
    return result._replace(
        outcome=ProbeOutcome.FAILED,
        detail=f"no route to it for {unreachable_for_s:g} s, while reference targets and other "
        f"regions answer over {family_of(result.address)}",
    )
