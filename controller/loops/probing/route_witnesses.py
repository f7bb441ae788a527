"""Who answers over IPv4 and over IPv6 now: what settles whether a missing route, or silence over a
whole address family, is ours."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from controller.loops.probing.endpoint_monitor import EndpointMonitor
from controller.model.configuration import EndpointId, ProbingSettings
from controller.model.health import ProbeResult
from controller.planning.health.unreachable import (
    FAMILIES,
    FamilyAnswers,
    answers_over,
    family_of,
    is_due,
    settled,
)

_KEEP_S = 1.0
"""Seconds for which an answer to the question is kept: it looks at every endpoint."""
_ENOUGH = 2
"""Regions that answer, after which no more are looked for: one of them is another region."""


class RouteWitnesses:
    """Settles missing routes by the other monitors' states (`planning.health.unreachable`)."""

    def __init__(self, monitors: Callable[[], Iterable[EndpointMonitor]]) -> None:
        """`monitors`: of endpoints and known-good reference targets."""
        self._monitors = monitors
        self._answers: dict[str, tuple[float, FamilyAnswers]] = {}

    def settle(
        self, monitor: EndpointMonitor, result: ProbeResult, probing: ProbingSettings
    ) -> ProbeResult:
        """The result, as a failure if it is the endpoint's."""
        for_s, key = probing.unreachable_for_s, monitor.key
        if isinstance(key, str) or not is_due(monitor.state, result, for_s):
            return result
        answers = self._answers_over(family_of(result.address), result.at, probing.fresh_for_s)
        return settled(result, key.region, answers, for_s)

    def silent_families(self, now: float, fresh_for_s: float) -> frozenset[str]:
        """The families over which neither an endpoint nor a reference target answers."""
        answers = {family: self._answers_over(family, now, fresh_for_s) for family in FAMILIES}
        return frozenset(
            family for family, found in answers.items() if not (found.known_good or found.regions)
        )

    def _answers_over(self, family: str, now: float, fresh_for_s: float) -> FamilyAnswers:
        kept_at, answers = self._answers.get(family, (0.0, None))
        if answers is not None and 0.0 <= now - kept_at < _KEEP_S:
            return answers
        known_good, regions = 0, set[str]()
        for monitor in self._monitors():
            key = monitor.key
            if isinstance(key, EndpointId) and (key.region in regions or len(regions) >= _ENOUGH):
                continue
            states = monitor.address_states.values()
            if any(answers_over(state, family, now, fresh_for_s) for state in states):
                if isinstance(key, EndpointId):
                    regions.add(key.region)
                else:
                    known_good += 1
        answers = FamilyAnswers(known_good, frozenset(regions))
        self._answers[family] = (now, answers)
        return answers
