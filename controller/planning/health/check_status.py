"""From the reports of Route 53's checkers to the status of a health check.

`GetHealthCheckStatus` answers what each checker saw last, not what Route 53 concludes, so we
conclude as it does. Route 53 Developer Guide, *How Amazon Route 53 determines whether a health
check is healthy*: a checker changes its mind after FailureThreshold equal results in a row, and
the endpoint is healthy when more than 18 % of the checkers believe so. API Reference,
*HealthCheckConfig*: a calculated check counts its healthy children; Inverted turns the status
round. AWS reserves the right to change the 18 %.

We see only the results that were there when we asked, so our count of failures in a row is never
ahead of Route 53's. A single pass ends it: that its row of passes is long enough for Route 53 is
not asked, since nothing rests on it. In between a checker is for neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import floor

from controller.model.health import Verdict
from controller.model.second_opinions import CheckDefinition, CheckerReport, Opinion

HEALTHY_FRACTION = 0.18
_MIN_CHECKERS = 3
"""Checkers that must report for a check to be called unhealthy; AWS uses three Regions at least."""
_STALE_AFTER_INTERVALS = 3
"""Intervals without a new result after which a checker's mind is not known any more."""
_OPPOSITE = {
    Verdict.UP: Verdict.DOWN,
    Verdict.DOWN: Verdict.UP,
    Verdict.UNKNOWN: Verdict.UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class Checker:
    """One checker, as far as its results were seen."""

    last: CheckerReport
    failures: int
    """Results in a row, the last included, that failed."""


Checkers = Mapping[str, Checker]
"""Checkers by their addresses."""


def advance(
    known: Checkers, reports: Iterable[CheckerReport], check: CheckDefinition
) -> dict[str, Checker]:
    """Each reporting checker with its newest result. Those that no longer report are dropped."""
    return {
        report.checker: _next_checker(known.get(report.checker), report, check)
        for report in reports
    }


def _next_checker(known: Checker | None, report: CheckerReport, check: CheckDefinition) -> Checker:
    if known is not None and report.at <= known.last.at:
        return known
    if report.passed:
        return Checker(report, 0)
    if known is None or _is_stale(known, report.at, check):
        return Checker(report, 1)
    return Checker(report, known.failures + 1)


def endpoint_opinion(
    checkers: Checkers, check: CheckDefinition, now: float, wall: datetime
) -> Opinion:
    """What an endpoint check says of its endpoint; `now` and `wall` are the same moment."""
    if check.disabled:
        return Opinion(Verdict.UNKNOWN, now, "its health check is disabled: always healthy")
    fresh = [c for c in checkers.values() if not _is_stale(c, wall, check)]
    well = [c for c in fresh if c.failures == 0]
    ill = [c for c in fresh if c.failures >= check.failure_threshold]
    limit = HEALTHY_FRACTION * len(fresh)
    if well and len(well) > limit:
        # The evidence is as old as the last of those checkers that are just enough.
        newest_first = sorted((c.last.at for c in well), reverse=True)
        at = newest_first[floor(limit)]
        detail = f"{len(well)} of {len(fresh)} Route 53 checkers reach it"
        verdict = Verdict.UP
    elif len(fresh) >= _MIN_CHECKERS and len(fresh) - len(ill) <= limit:
        latest = max(ill, key=lambda c: c.last.at).last
        at, verdict, said = latest.at, Verdict.DOWN, latest.status.rstrip(".")
        detail = f"{len(ill)} of {len(fresh)} Route 53 checkers fail, last: {said}"
    else:
        at, verdict = wall, Verdict.UNKNOWN
        detail = f"{len(well)} of {len(fresh)} Route 53 checkers reach it, {len(ill)} fail"
    return _inverted(Opinion(verdict, now - (wall - at).total_seconds(), detail), check)


def calculated_opinion(children: Sequence[Opinion], check: CheckDefinition, now: float) -> Opinion:
    """What a calculated check says, from what is known of its children."""
    if check.disabled:
        return Opinion(Verdict.UNKNOWN, now, "its health check is disabled: always healthy")
    if not children:
        return Opinion(Verdict.UNKNOWN, now, "its health check counts no child")
    well = [o for o in children if o.verdict is Verdict.UP]
    ill = [o for o in children if o.verdict is Verdict.DOWN]
    counted = (
        f"{len(well)} of {len(children)} child checks healthy, {check.health_threshold} needed"
    )
    if len(well) >= check.health_threshold:
        verdict, told = Verdict.UP, well
    elif len(children) - len(ill) < check.health_threshold:
        verdict, told = Verdict.DOWN, ill
    else:
        verdict, told = Verdict.UNKNOWN, []
    at = min((o.at for o in told), default=now)
    why = "; ".join(o.detail for o in ill) if verdict is Verdict.DOWN else ""
    detail = f"{counted}: {why}" if why else counted
    return _inverted(Opinion(verdict, at, detail), check)


def _inverted(opinion: Opinion, check: CheckDefinition) -> Opinion:
    if not check.inverted:
        return opinion
    return Opinion(_OPPOSITE[opinion.verdict], opinion.at, f"inverted: {opinion.detail}")


def _is_stale(checker: Checker, wall: datetime, check: CheckDefinition) -> bool:
    return (wall - checker.last.at).total_seconds() > _STALE_AFTER_INTERVALS * check.interval_s
