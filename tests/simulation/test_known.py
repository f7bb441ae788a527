"""The known fault of the daemon can still be seen: an excuse that nothing needs is a hole.

When this fails because the daemon was mended, the KnownFault and its excuse have to go.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tests.simulation.journal import KnownFault
from tests.simulation.regions import Condition
from tests.simulation.runs import run
from tests.simulation.simulation import Plan, Simulation

FOR_S = 61.0
"""A pause longer than any doubt lasts."""


def test_a_process_that_stood_still_can_still_act_on_probes_from_before() -> None:
    """Frozen while a region is silent, thawed when it has long been well: some moment of the
    first seconds makes it drain a region that is well."""
    assert paused_after(0.0) == 0
    assert any(paused_after(0.25 * quarters) for quarters in (6, 7, 8, 5, 9, 4, 10))


def paused_after(failing_s: float) -> int:
    """How often the fault was seen when the process stops so long after a region fell silent.

    What is excused is a violation of F4 without the excuse.
    """
    plan = Plan(0, 150.0, 100.0, kinds=())
    excused = run(plan, paused(failing_s))
    strict = run(replace(plan, excuses=False), paused(failing_s))
    times = excused.known[KnownFault.PAUSED]

    assert excused.violation is None, str(excused)
    assert strict.oracle == ("F4" if times else ""), str(strict)
    return times


def paused(failing_s: float) -> Callable[[Simulation], None]:
    """Has a region fall silent, stops the process so long after, and heals the region."""

    def script(simulation: Simulation) -> None:
        later, regions = simulation.loop.later, simulation.regions

        def freeze() -> None:
            simulation.daemon.freeze(FOR_S, stops_clock=False)

        later(100.0, regions.set, "us-east-1", Condition.SILENT)
        later(100.0 + failing_s, freeze)
        later(101.0 + failing_s, regions.set, "us-east-1", Condition.WELL)

    return script
