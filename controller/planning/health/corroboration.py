"""Whether everything that could contradict a down vote was probed since the first failure.

This module answers only whether it was probed. The results are judged elsewhere: reference targets
(or, without any, the other endpoints) by `health.isolation`, and the service's other regions by the
panic rule, which must not see a failure of many regions one region at a time.
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
    """The last results of all endpoints that could contradict, indexed once per decision.

    O(n log n) for n endpoints to build, O(regions) for each `is_complete`.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._own = snapshot.health.get(snapshot.settings.vantage.name, {})
        self._oldest_result: dict[str, dict[str, float]] = defaultdict(dict)
        """Service to region to the oldest last result of its fresh endpoints without failures."""
        results: list[float] = []
        now, fresh_for_s = snapshot.now, snapshot.settings.probing.fresh_for_s
        for (service, region, _), state in self._own.items():
            at = state.last_result_at
            if at is None or now - at > fresh_for_s or state.first_failure_at is not None:
                continue  # it fails already, or cannot be probed
            results.append(at)
            oldest = self._oldest_result[service]
            if at < oldest.get(region, inf):
                oldest[region] = at
        results.sort()
        self._results = results

    def is_complete(self, endpoint_id: EndpointId, state: HealthState) -> bool:
        """Whether all that could contradict this state were probed since its first failure."""
        since = state.first_failure_at
        if since is None:
            return True
        siblings = self._oldest_result.get(endpoint_id.service, {})
        if any(at < since for region, at in siblings.items() if region != endpoint_id.region):
            return False
        return self._most_were_probed(endpoint_id, since)

    def _most_were_probed(self, endpoint_id: EndpointId, since: float) -> bool:
        """Whether most known-good targets were; without any, whether most other endpoints were."""
        known_good = self._snapshot.known_good
        if known_good:
            probed = sum(
                state.last_result_at is not None and state.last_result_at >= since
                for state in known_good.values()
            )
            return 2 * probed > len(known_good)
        awaited, others = bisect_left(self._results, since), len(self._own)
        own = self._own.get(endpoint_id)
        if own is not None:
            others -= 1
            awaited -= self._is_awaited(own, since)
        return 2 * (others - awaited) > others or not others

    def _is_awaited(self, state: HealthState, since: float) -> bool:
        """Whether the state counts among those whose next result is awaited."""
        fresh = is_fresh(state, self._snapshot.now, self._snapshot.settings.probing.fresh_for_s)
        at = state.last_result_at
        return fresh and not state.suspect and at is not None and at < since
