"""What was proven of bound pools, as the status shows it."""

from __future__ import annotations

from controller.api.views.common import View
from controller.loops.cycle.reconciliation import CycleReport
from controller.model.levers import Leak
from controller.planning.residency.proof import describe_leak


class LeakView(View):
    """A way in which a bound pool's users could be sent outside their lawful regions."""

    geographies: tuple[str, ...]
    """Whose users."""
    reached: str | None
    """The unlawful region; null: a place of which nobody can tell the region."""
    failed: tuple[str, ...]
    """The least that must be unhealthy for it."""
    drained: tuple[str, ...]
    """What must be drained or unhealthy besides, as long as the weight that leads there is 0."""
    path: tuple[str, ...]
    """Record after record; at last what users get."""
    why: str
    """The rules that open the way."""
    text: str
    """All of it in one line."""


def leaks_of(latest: CycleReport | None, service: str, pool: str) -> tuple[LeakView, ...] | None:
    """The leaks of a pool in the last cycle; None where nothing was proven."""
    observed = latest.snapshot.observed.get(service) if latest else None
    leaks = observed.leaks.get(pool) if observed else None
    return None if leaks is None else tuple(map(_shown, leaks))


def _shown(leak: Leak) -> LeakView:
    return LeakView(
        geographies=leak.geographies,
        reached=leak.reached,
        failed=leak.failed,
        drained=leak.drained,
        path=leak.path,
        why=leak.why,
        text=describe_leak(leak),
    )
