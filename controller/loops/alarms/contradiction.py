"""Logs a warning when another source contradicts a region's verdict for `_LASTING_S`.

Mostly these are health checks that fail while our probes pass: users are kept away from a region,
or suffer there, and our probes do not see why. An operator has to look; nothing is drained for it.
Right after a failure or a recovery the sources differ anyway, because Route 53 needs longer.
"""

from __future__ import annotations

import structlog

from controller.loops.cycle.reconciliation import CycleReport
from controller.model.health import OpinionSource

_log = structlog.get_logger("contradiction")
_LASTING_S = 60.0
"""Twice what Route 53's fast checks need to change their status."""

_Subject = tuple[str, str, OpinionSource]


class ContradictionAlarm:
    """Logs one warning when a contradiction has lasted, and one line when it is over."""

    def __init__(self) -> None:
        self._since: dict[_Subject, float] = {}
        self._announced: set[_Subject] = set()

    def on_cycle(self, report: CycleReport) -> None:
        """Compare one cycle's contradictions with those of the cycle before it."""
        now = report.snapshot.now
        present = {
            (service, region, opinion.source): (health.verdict, opinion)
            for service, regions in report.decision.regions.items()
            for region, health in regions.items()
            for opinion in health.contradictions
        }
        self._since = {subject: self._since.get(subject, now) for subject in present}
        for subject in self._announced - present.keys():
            service, region, source = subject
            _log.info("contradiction_over", service=service, region=region, source=source.value)
        self._announced &= present.keys()
        for subject, since in self._since.items():
            if subject in self._announced or now - since < _LASTING_S:
                continue
            self._announced.add(subject)
            service, region, source = subject
            verdict, opinion = present[subject]
            _log.warning(
                "contradiction",
                service=service,
                region=region,
                source=source.value,
                verdict=verdict.value,
                says=opinion.verdict.value,
                why=opinion.detail,
            )
