"""What the log says of a cycle; nothing that grows with the number of positions."""

from __future__ import annotations

from controller.loops.cycle import cycle_log
from controller.model.levers import Change, LeverState, Position


def test_of_many_changes_only_the_first_are_logged() -> None:
    """A decision at 9,000 endpoints was a line of 97 kB, more than a pipe takes."""
    changes = [
        Change(Position("shop", f"pool-{n}", "eu-west-1"), LeverState(1), LeverState(2))
        for n in range(9_000)
    ]
    told = cycle_log._changes(changes)
    assert len(told) == 51
    assert told[-1] == "… 8950 more: gtc why shows the decision"
    assert cycle_log._changes(changes[:50]) == told[:50]
