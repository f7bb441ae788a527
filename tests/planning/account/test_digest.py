"""Which decisions are the same to those who look at them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypedDict, Unpack

import pytest

from controller.model.decision import Decision, Held, Hold, PoolPlan, Shares
from controller.model.health import RegionHealth, Verdict
from controller.model.levers import Change, LeverState, Position
from controller.model.memory import Memory
from controller.planning.account.digest import digest

SPLIT = {"eu-west-1": 0.5, "us-east-1": 0.5}
EMPTIED = {"eu-west-1": 0.0, "us-east-1": 1.0}
WEST = Position("shop", "world", "eu-west-1")
CHANGE = Change(WEST, LeverState(64), LeverState(0))
PLAN = PoolPlan("shop", "world", SPLIT, EMPTIED, EMPTIED, changes=(CHANGE,))
HELD = Held(Hold.RAMP_STEP, "the next step is due in 12 s", "us-east-1")
UP = RegionHealth(Verdict.UP, "web: answers in 20 ms")
MOVES = Decision({"shop": {"eu-west-1": UP}}, (replace(PLAN, held=(HELD,)),), {}, Memory())


class Fields(TypedDict, total=False):
    """Fields of a plan that a test changes."""

    service: str
    pool: str
    before: Shares
    desired: Shares
    held: tuple[Held, ...]
    changes: tuple[Change, ...]
    withheld: tuple[Change, ...]


def plans(**changed: Unpack[Fields]) -> Decision:
    """The decision with another plan of its pool."""
    return replace(MOVES, plans=(replace(MOVES.plans[0], **changed),))


@pytest.mark.parametrize(
    "other",
    [
        lambda: replace(MOVES, regions={"shop": {"eu-west-1": replace(UP, why="in 21 ms")}}),
        lambda: plans(held=(replace(HELD, detail="the next step is due in 11 s"),)),
        lambda: plans(desired={**EMPTIED, "us-east-1": 1.000004}),
        lambda: replace(MOVES, wake_at=12.5),
    ],
    ids=["latency", "countdown", "rounding", "wake"],
)
def test_numbers_that_run_change_nothing(other: Callable[[], Decision]) -> None:
    """They change no decision."""
    assert digest(other()) == digest(MOVES)


@pytest.mark.parametrize(
    "other",
    [
        lambda: replace(MOVES, regions={"shop": {"eu-west-1": replace(UP, verdict=Verdict.DOWN)}}),
        lambda: replace(MOVES, regions={"shop": {}}),
        lambda: replace(MOVES, plans=()),
        lambda: plans(pool="europe"),
        lambda: plans(service="api"),
        lambda: plans(before=EMPTIED),
        lambda: plans(before={"us-east-1": 0.5}),
        lambda: plans(desired=SPLIT),
        lambda: plans(changes=()),
        lambda: plans(changes=(replace(CHANGE, after=LeverState(1)),)),
        lambda: plans(changes=(replace(CHANGE, before=LeverState(65)),)),
        lambda: plans(changes=(replace(CHANGE, after=LeverState(0, 50.0)),)),
        lambda: plans(changes=(replace(CHANGE, position=WEST._replace(region="us-east-1")),)),
        lambda: plans(changes=(), withheld=(CHANGE, CHANGE)),
        lambda: plans(held=()),
        lambda: plans(held=(replace(HELD, reason=Hold.FROZEN),)),
        lambda: plans(held=(replace(HELD, region=None),)),
    ],
)
def test_another_verdict_change_or_hold_changes_the_digest(other: Callable[[], Decision]) -> None:
    """Each part of it alone."""
    assert digest(other()) != digest(MOVES)


def test_equal_decisions_have_equal_digests() -> None:
    """Whether the shares wanted are the same object as those observed is no difference."""
    one = plans(desired=MOVES.plans[0].before)
    two = plans(desired=dict(SPLIT))

    assert digest(one) == digest(two)
