"""A process that stood still acts on nothing that it saw, or decided, before."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.simulation.regions import Condition
from tests.simulation.runs import run
from tests.simulation.simulation import Plan, Simulation

FOR_S = 61.0
"""A pause longer than any doubt lasts."""
MOMENTS = ((6, False), (8, False), (7, True))
"""Around the one at which three probes have failed, in quarters of a second; the kind of pause."""


@pytest.mark.parametrize(("quarters", "stops_clock"), MOMENTS)
def test_a_region_that_became_well_meanwhile_is_not_drained(
    quarters: int, stops_clock: bool
) -> None:
    """Stopped so long after a region fell silent, by SIGSTOP or with the whole machine, and gone on
    when it has long been well: F4, among all that must hold."""
    plan = Plan(0, 115.0, 10.0, kinds=())
    outcome = run(plan, paused(0.25 * quarters, Condition.WELL, stops_clock))

    assert outcome.violation is None, "\n".join([*outcome.trace[-20:], str(outcome)])


@pytest.mark.parametrize("stops_clock", [False, True])
def test_a_region_that_is_still_silent_is_drained_soon_after(stops_clock: bool) -> None:
    """To forget is not to hesitate: what is seen anew is acted on."""
    outcome = run(Plan(0, 115.0, 30.0, kinds=()), paused(1.0, Condition.SILENT, stops_clock))

    assert outcome.violation is None, str(outcome)
    assert outcome.drained_after_s
    assert min(outcome.drained_after_s) < 1.0 + FOR_S + 5.0


def paused(failing_s: float, then: Condition, stops_clock: bool) -> Callable[[Simulation], None]:
    """Has a region fall silent, stops the process so long after, and a second later has the region
    be so."""

    def script(simulation: Simulation) -> None:
        later, regions = simulation.loop.later, simulation.regions

        def freeze() -> None:
            simulation.daemon.freeze(FOR_S, stops_clock=stops_clock)

        later(100.0, regions.set, "us-east-1", Condition.SILENT)
        later(100.0 + failing_s, freeze)
        if then is not Condition.SILENT:
            later(101.0 + failing_s, regions.set, "us-east-1", then)

    return script
