"""Each known fault of the daemon can still be seen: an excuse that nothing needs is a hole.

When one of these fails because the daemon was mended, its KnownFault and its excuse have to go.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.simulation.journal import KnownFault
from tests.simulation.regions import Condition
from tests.simulation.runs import Outcome, run
from tests.simulation.simulation import Plan, Simulation

API_TROUBLE = ("region", "region", "aws", "lost_answers")
FOR_S = 61.0
"""A pause longer than any doubt lasts."""


@pytest.mark.parametrize("fault", [KnownFault.UNREAD_OWN_WRITE, KnownFault.THROTTLED_RETRY])
def test_an_own_write_can_still_become_drift(fault: KnownFault) -> None:
    """In troubled hours of the API; what is excused there is a violation without the excuse."""
    excused = next(one for one in troubled() if one.known[fault])
    strict = run(replace(excused.plan, excuses=False))

    assert excused.violation is None, str(excused)
    assert strict.oracle == "F9", str(strict)


def troubled() -> Iterator[Outcome]:
    """Outcomes of seeds, one after another; StopIteration would say that none shows the fault."""
    for seed in (8, 3, 21, 4, 7):
        yield run(Plan(seed, 600.0, 300.0, 20.0, kinds=API_TROUBLE))


def test_a_process_that_stood_still_can_still_act_on_probes_from_before() -> None:
    """Frozen while a region is silent, thawed when it has long been well: some moment of the
    first seconds makes it drain a region that is well."""
    assert paused_after(0.0) == 0
    assert any(paused_after(0.25 * quarters) for quarters in (6, 7, 8, 5, 9, 4, 10))


def paused_after(failing_s: float) -> int:
    """How often the fault was seen when the process stops so long after a region fell silent."""

    def script(simulation: Simulation) -> None:
        later, regions = simulation.loop.later, simulation.regions

        def freeze() -> None:
            simulation.daemon.freeze(FOR_S, stops_clock=False)

        later(100.0, regions.set, "us-east-1", Condition.SILENT)
        later(100.0 + failing_s, freeze)
        later(101.0 + failing_s, regions.set, "us-east-1", Condition.WELL)

    outcome = run(Plan(0, 150.0, 100.0, kinds=()), script)
    assert outcome.violation is None, str(outcome)
    return outcome.known[KnownFault.PAUSED]
