"""What may stand in an order's way, as the planner names it."""

from __future__ import annotations

import pytest

from controller.cli.orders import preview
from controller.model.decision import GUARD_HOLDS, Hold


def test_the_guards_that_may_be_named_are_the_planners() -> None:
    """The command must not import the planner, so the names stand there twice."""
    assert tuple(hold.value for hold in GUARD_HOLDS) == preview.GUARDS


@pytest.mark.parametrize("reason", preview.REMEDIES)
def test_every_remedy_belongs_to_a_hold_that_cannot_be_named(reason: str) -> None:
    """And the hold exists."""
    assert Hold(reason) not in GUARD_HOLDS
