"""Whether this vantage point itself is the likelier cause of failures: self-isolation.

Three tests, in this order:

1. a known-bad reference target answers (a captive portal, a proxy): its probes prove nothing;
2. most known-good reference targets fail: its network fails. While most answer it works, however
   many endpoints fail;
3. without known-good ones: most regions turned suspect within the panic window.

Worked example of the last, with a window of 60 s: of four regions, three had their first failure
12 s, 9 s and 8 s ago. 3 of 4 is more than half, so the prober is suspect. Had one of the three
failed 5 min ago, 2 of 4 would not be more than half, and the quorum would decide.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from controller.model.configuration import Settings
from controller.model.decision import Snapshot
from controller.model.health import HealthState
from controller.planning.health.hysteresis import is_answering, is_fresh


def isolation(snapshot: Snapshot) -> str | None:
    """Why this vantage point's probes are no evidence; None: they are."""
    answering = answering_targets(snapshot.known_bad, snapshot.settings, snapshot.now)
    if answering:
        who = "target {} answers" if len(answering) == 1 else "targets {} answer"
        return (
            f"the known-bad reference {who.format(', '.join(answering))}: "
            "the prober cannot be trusted"
        )
    if not snapshot.known_good:
        return _most_regions_failing(snapshot)
    failing, total = sum(s.suspect for s in snapshot.known_good.values()), len(snapshot.known_good)
    if 2 * failing <= total:
        return None
    return f"{failing} of {total} known-good reference targets fail too: the prober is suspect"


def answering_targets(
    known_bad: Mapping[str, HealthState], settings: Settings, now: float
) -> tuple[str, ...]:
    """Known-bad reference targets that answer, by fresh results, sorted."""
    fresh_for_s = settings.probing.fresh_for_s
    return tuple(
        url
        for url, state in sorted(known_bad.items())
        if is_fresh(state, now, fresh_for_s) and is_answering(state, settings.health)
    )


def _most_regions_failing(snapshot: Snapshot) -> str | None:
    """The reason if most regions turned suspect within the panic window; else None.

    A region counts once, however many endpoints it has. It is suspect when more than half of its
    required endpoints are.
    """
    settings = snapshot.settings
    own = snapshot.health.get(settings.vantage.name, {})
    window_start = snapshot.now - settings.guards.panic_window_s
    failing = {
        endpoint_id
        for endpoint_id, state in own.items()
        if state.first_failure_at is not None and state.first_failure_at >= window_start
    }
    with_required = {
        name
        for service in settings.services.values()
        for name, region in service.regions.items()
        if any(endpoint.required for endpoint in region.endpoints.values())
    }
    if 2 * len({endpoint_id.region for endpoint_id in failing}) <= len(with_required):
        return None  # the usual case, without a look at every endpoint
    regions: defaultdict[str, list[bool]] = defaultdict(list)
    for endpoint_id, endpoint in settings.endpoints():
        if endpoint.required and endpoint_id in own:
            regions[endpoint_id.region].append(endpoint_id in failing)
    suspect = sum(2 * sum(are_failing) > len(are_failing) for are_failing in regions.values())
    if len(regions) > 1 and 2 * suspect > len(regions):
        return f"{suspect} of {len(regions)} regions turned suspect at once: the prober is suspect"
    return None
