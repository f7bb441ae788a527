"""Whether those who could contradict a down vote were asked since the endpoint began to fail.

How they answered is for others to judge: the reference targets (or without any the other endpoints)
for `quorum.isolation`, the service's other regions for the panic rule, which must not see a failure
of many regions one by one.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from math import inf

from controller.model.configuration import EndpointId
from controller.model.decision import Snapshot
from controller.model.health import HealthState
from controller.planning.health.hysteresis import is_fresh


class Corroboration:
    """When everybody who may yet contradict was heard last, indexed once for a whole decision.

    With n endpoints it takes O(n log n) to make, and O(regions) a question.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._own = snapshot.health.get(snapshot.settings.vantage.name, {})
        self._oldest: dict[str, dict[str, float]] = defaultdict(dict)
        """Service to region to the oldest last result of its endpoints that may yet contradict."""
        heard: list[float] = []
        now, fresh_for_s = snapshot.now, snapshot.settings.probing.fresh_for_s
        for (service, region, _), state in self._own.items():
            at = state.last_result_at
            if at is None or now - at > fresh_for_s or state.first_failure_at is not None:
                continue  # it has said what it will, or cannot be asked
            heard.append(at)
            oldest = self._oldest[service]
            if at < oldest.get(region, inf):
                oldest[region] = at
        heard.sort()
        self._heard = heard

    def is_complete(self, target: EndpointId, state: HealthState) -> bool:
        """Whether nothing new is to be expected of those who could contradict this state."""
        since = state.first_failure_at
        if since is None:
            return True
        siblings = self._oldest.get(target.service, {})
        if any(at < since for region, at in siblings.items() if region != target.region):
            return False
        return self._most_were_asked(target, since)

    def _most_were_asked(self, target: EndpointId, since: float) -> bool:
        """Whether more than half of the reference targets, or without any of the others, were."""
        known_good = self._snapshot.known_good
        if known_good:
            asked = sum(
                state.last_result_at is not None and state.last_result_at >= since
                for state in known_good.values()
            )
            return 2 * asked > len(known_good)
        silent, others = bisect_left(self._heard, since), len(self._own)
        own = self._own.get(target)
        if own is not None:
            others -= 1
            silent -= self._is_silent(own, since)
        return 2 * (others - silent) > others or not others

    def _is_silent(self, state: HealthState, since: float) -> bool:
        fresh = is_fresh(state, self._snapshot.now, self._snapshot.settings.probing.fresh_for_s)
        at = state.last_result_at
        return fresh and not state.suspect and at is not None and at < since
