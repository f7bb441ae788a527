"""Which regions a decision record concerns."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from controller.model.configuration import Mode
from controller.model.decision import (
    DecisionRecord,
    Held,
    Hold,
    PipelineStep,
    PoolPlan,
    Rule,
    WriteResult,
)
from controller.model.health import RegionHealth, Verdict
from controller.model.levers import Change, LeverState, Outcome, OutcomeStatus, Position
from controller.planning.account.concerned_regions import concerned_regions

WEST = "eu-west-1"
CHANGE = Change(Position("shop", "europe", WEST), LeverState(64), LeverState(0))
PLAN = PoolPlan("shop", "europe", {WEST: 1.0}, {WEST: 1.0}, {WEST: 1.0})
RULE = Rule(PipelineStep.RAMP, "step", WEST, 1.0, 0.5, binding=False, why="a step")
WELL = RegionHealth(Verdict.UP, "well")
QUIET = DecisionRecord(
    id=1,
    at=datetime(2026, 6, 1, tzinfo=UTC),
    cycle=1,
    mode=Mode.ACTIVE,
    trigger=(),
    regions={"shop": {WEST: WELL}},
    plans=(replace(PLAN, rules=(RULE,)),),
    written=(),
    timeline=(),
    expected_effect="",
)


@pytest.mark.parametrize(
    "record",
    [
        replace(QUIET, regions={"shop": {WEST: replace(WELL, verdict=Verdict.DOWN)}}),
        replace(QUIET, regions={"shop": {WEST: replace(WELL, verdict=Verdict.UNKNOWN)}}),
        replace(QUIET, regions={"shop": {WEST: replace(WELL, suspect_since=1.0)}}),
        replace(QUIET, plans=(replace(PLAN, changes=(CHANGE,)),)),
        replace(QUIET, plans=(replace(PLAN, withheld=(CHANGE,)),)),
        replace(QUIET, plans=(replace(PLAN, held=(Held(Hold.DRIFT, "seen", WEST),)),)),
        replace(QUIET, plans=(replace(PLAN, rules=(replace(RULE, binding=True),)),)),
        replace(
            QUIET,
            written=(WriteResult("route53", "Z1", (CHANGE,), Outcome(OutcomeStatus.APPLIED)),),
        ),
    ],
    ids=["down", "unknown", "suspect", "changed", "withheld", "held", "bound", "written"],
)
def test_a_region_something_happened_to_is_concerned(record: DecisionRecord) -> None:
    """Each of these alone is a reason to look it up."""
    assert concerned_regions(record) == {WEST}


def test_a_region_that_is_well_and_left_alone_is_not_concerned() -> None:
    """Otherwise every record would concern every region."""
    assert concerned_regions(QUIET) == frozenset()
