"""From the reports of Route 53's checkers to the status of a health check.

`GetHealthCheckStatus` returns what each checker saw last, not Route 53's conclusion, so this module
concludes as Route 53 does. Route 53 Developer Guide, *How Amazon Route 53 determines whether a
health check is healthy*: a checker changes its status after FailureThreshold equal results in a
row, and the endpoint is healthy when more than 18 % of the checkers report it so. API Reference,
*HealthCheckConfig*: a calculated check counts its healthy children; Inverted makes the status the
opposite. AWS reserves the right to change the 18 %.

Only the last result at each request is seen, so the count of failures in a row is never more than
Route 53's. One pass ends the count, although Route 53 may need more: no decision depends on that. A
checker with fewer failures than the threshold counts neither as healthy nor as failing.

Worked example: of 16 checkers 3 reach the endpoint. 3 / 16 = 18.75 % is more than 18 %, so it is
healthy. With 2 of 16 = 12.5 % it is unhealthy once the other 14 have failed often enough.
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
"""Checkers that must report before a check is unhealthy; AWS uses at least three Regions."""
_STALE_AFTER_INTERVALS = 3
"""Intervals without a new result after which a checker no longer counts."""
_OPPOSITE = {
    Verdict.UP: Verdict.DOWN,
    Verdict.DOWN: Verdict.UP,
    Verdict.UNKNOWN: Verdict.UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class Checker:
    """One checker's last report, and its failures in a row as far as they were seen."""

    last: CheckerReport
    failures: int
    """Failed results in a row, the last included; 0 after a pass."""


Checkers = Mapping[str, Checker]
"""Address to checker."""


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
    """An endpoint check's opinion; `now` (monotonic seconds) and `wall` are the same time."""
    if check.disabled:
        return Opinion(Verdict.UNKNOWN, now, "its health check is disabled: always healthy")
    fresh = [c for c in checkers.values() if not _is_stale(c, wall, check)]
    passing = [c for c in fresh if c.failures == 0]
    failing = [c for c in fresh if c.failures >= check.failure_threshold]
    limit = HEALTHY_FRACTION * len(fresh)
    if passing and len(passing) > limit:
        # The opinion is as old as the oldest report of the fewest checkers that suffice.
        newest_first = sorted((c.last.at for c in passing), reverse=True)
        at = newest_first[floor(limit)]
        detail = f"{len(passing)} of {len(fresh)} Route 53 checkers reach it"
        verdict = Verdict.UP
    elif len(fresh) >= _MIN_CHECKERS and len(fresh) - len(failing) <= limit:
        latest = max(failing, key=lambda c: c.last.at).last
        at, verdict, status = latest.at, Verdict.DOWN, latest.status.rstrip(".")
        detail = f"{len(failing)} of {len(fresh)} Route 53 checkers fail, last: {status}"
    else:
        at, verdict = wall, Verdict.UNKNOWN
        detail = f"{len(passing)} of {len(fresh)} Route 53 checkers reach it, {len(failing)} fail"
    return _inverted(Opinion(verdict, now - (wall - at).total_seconds(), detail), check)


def calculated_opinion(children: Sequence[Opinion], check: CheckDefinition, now: float) -> Opinion:
    """A calculated check's opinion, from those of its children."""
    if check.disabled:
        return Opinion(Verdict.UNKNOWN, now, "its health check is disabled: always healthy")
    if not children:
        return Opinion(Verdict.UNKNOWN, now, "its health check counts no child")
    healthy = [child for child in children if child.verdict is Verdict.UP]
    unhealthy = [child for child in children if child.verdict is Verdict.DOWN]
    counted = (
        f"{len(healthy)} of {len(children)} child checks healthy, {check.health_threshold} needed"
    )
    if len(healthy) >= check.health_threshold:
        verdict, deciding = Verdict.UP, healthy
    elif len(children) - len(unhealthy) < check.health_threshold:
        verdict, deciding = Verdict.DOWN, unhealthy
    else:
        verdict, deciding = Verdict.UNKNOWN, []
    at = min((child.at for child in deciding), default=now)
    why = "; ".join(child.detail for child in unhealthy) if verdict is Verdict.DOWN else ""
    detail = f"{counted}: {why}" if why else counted
    return _inverted(Opinion(verdict, at, detail), check)


def _inverted(opinion: Opinion, check: CheckDefinition) -> Opinion:
    if not check.inverted:
        return opinion
    return Opinion(_OPPOSITE[opinion.verdict], opinion.at, f"inverted: {opinion.detail}")


def _is_stale(checker: Checker, wall: datetime, check: CheckDefinition) -> bool:
    return (wall - checker.last.at).total_seconds() > _STALE_AFTER_INTERVALS * check.interval_s
