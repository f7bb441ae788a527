"""The names of holds in `preview` are the planner's."""

from __future__ import annotations

import pytest

from controller.cli.orders import preview
from controller.model.decision import GUARD_HOLDS, Hold


def test_the_guards_are_the_planners() -> None:
    """The command does not import the planner, so the names are written twice."""
    assert tuple(hold.value for hold in GUARD_HOLDS) == preview.GUARDS


@pytest.mark.parametrize("reason", preview.REMEDIES)
def test_every_remedy_is_for_a_hold_that_no_order_can_override(reason: str) -> None:
    """The hold exists."""
    assert Hold(reason) not in GUARD_HOLDS
