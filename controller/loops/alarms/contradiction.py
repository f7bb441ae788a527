"""Says in the log when another source contradicts what we believe of a region, for long.

Health checks that fail while our probes pass are what it is for: users are kept away from a region,
or suffer there, and our probes do not see why. A person has to look; nothing is drained for it.
Right after a failure or a recovery the sources differ anyway, because Route 53 needs longer.
"""

from __future__ import annotations

import structlog

from controller.loops.cycle.reconciliation import CycleReport
from controller.model.health import OpinionSource

_log = structlog.get_logger("contradiction")
_LASTING_S = 60.0
"""Twice what Route 53's fast checks need to change their mind."""

_Subject = tuple[str, str, OpinionSource]


class ContradictionAlarm:
    """One warning when a contradiction has lasted, one line when it is over."""

    def __init__(self) -> None:
        self._since: dict[_Subject, float] = {}
        self._told: set[_Subject] = set()

    def cycle(self, report: CycleReport) -> None:
        """Take over one cycle's report."""
        now = report.snapshot.now
        present = {
            (service, region, one.source): (seen.verdict, one)
            for service, regions in report.decision.regions.items()
            for region, seen in regions.items()
            for one in seen.contradictions
        }
        self._since = {subject: self._since.get(subject, now) for subject in present}
        for subject in self._told - present.keys():
            service, region, source = subject
            _log.info("contradiction_over", service=service, region=region, source=source.value)
        self._told &= present.keys()
        for subject, since in self._since.items():
            if subject in self._told or now - since < _LASTING_S:
                continue
            self._told.add(subject)
            service, region, source = subject
            verdict, one = present[subject]
            _log.warning(
                "contradiction",
                service=service,
                region=region,
                source=source.value,
                verdict=verdict.value,
                says=one.verdict.value,
                why=one.detail,
            )
