"""The checks of stories: text when the condition holds, None while it does not yet."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from controller.sandbox.stories.story_checks import (
    Users,
    all_up,
    at_home,
    came_back,
    decision_on,
    is_emptied,
    rises,
    users_left,
)
from controller.sandbox.stories.story_context import StoryContext
from controller.settings import load

SETTINGS = load(Path(__file__).parents[2] / "config" / "sandbox.yaml")
WEST = "eu-west-1"
AT = "2026-06-01T12:00:0{second}.000Z"
NOON = 1_780_315_200.0
"""2026-06-01T12:00:00Z."""


class Scripted:
    """A story context with scripted observations."""

    settings = SETTINGS

    def __init__(self, *, users: Users | None = None, **answers: Any) -> None:
        self._users = users or {}
        self._answers = answers

    async def users(self, window_s: int) -> Users:
        return self._users

    async def daemon(self, path: str) -> Any:
        return self._answers[path.removeprefix("/v1/").partition("?")[0]]


def context(**script: Any) -> StoryContext:
    return cast(StoryContext, Scripted(**script))


def status(**place: Any) -> dict[str, Any]:
    """eu-west-1 in one pool, and another healthy region."""
    well = {"verdict": "up", "observed": 0.5, "desired": 0.5}
    regions = [{"region": WEST, **well, **place}, {"region": "us-east-1", **well}]
    return {"services": [{"name": "shop", "pools": [{"name": "world", "regions": regions}]}]}


def decided(second: int, before: float, after: float, **rule: Any) -> dict[str, Any]:
    """A decision that was written and moved eu-west-1."""
    plan: dict[str, Any] = {"service": "shop", "pool": "world", "changes": [{}]}
    plan |= {"before": {WEST: before}, "after": {WEST: after}, "rules": [rule] if rule else []}
    return {"id": second, "at": AT.format(second=second), "plans": [plan], "written": [{}]}


def split(**shares: float) -> Users:
    """The measured shares of shop/world."""
    seen = {name.replace("_", "-"): share for name, share in shares.items()}
    return {("shop", "world"): {n: {"requests": 9, "share": s} for n, s in seen.items()}}


async def test_all_are_up_only_if_every_position_is() -> None:
    """Without positions the check does not hold."""
    assert await all_up(context(status=status())) == "2 of 2 positions are up"
    assert await all_up(context(status=status(verdict="unknown"))) is None
    assert await all_up(context(status={"services": []})) is None


async def test_a_region_is_emptied_when_aws_sends_it_no_users() -> None:
    """A share that was not read is not 0."""
    assert await is_emptied(context(status=status(observed=0.0)), WEST) is not None
    for observed in (0.1, None):
        assert await is_emptied(context(status=status(observed=observed)), WEST) is None


async def test_users_have_left_when_they_measured_it() -> None:
    """No measurement does not count."""
    assert await users_left(context(users=split(eu_west_1=0.04, us_east_1=0.96)), WEST) is not None
    assert await users_left(context(users=split(eu_west_1=0.06, us_east_1=0.94)), WEST) is None
    assert await users_left(context(), WEST) is None


async def test_a_region_came_back_only_by_steps() -> None:
    """Rises before `since` do not count."""
    steps = [decided(3, 0.25, 0.5), decided(2, 0.0, 0.25), decided(1, 0.0, 0.9)]
    there = context(status=status(), decisions={"items": steps})

    assert await rises(there, WEST, NOON + 2) == {
        "shop/world": [(NOON + 2, 0.25), (NOON + 3, 0.5)],
    }
    assert await came_back(there, WEST, NOON + 2) == "shop/world by 25 %, 50 %"
    assert await came_back(there, WEST, NOON + 3) is None
    on_its_way = context(status=status(observed=0.25), decisions={"items": steps})
    assert await came_back(on_its_way, WEST, NOON + 2) is None


async def test_the_decision_on_a_region_is_the_one_that_a_rule_moved_it_by() -> None:
    """Not a later one that only mentions it."""
    died = decided(1, 0.5, 0.0, name="region_down", region=WEST)
    later = decided(2, 0.0, 0.0, name="capacity", region="us-east-1")
    there = context(decisions={"items": [later, died]})

    assert await decision_on(there, WEST, "region_down") == died
    assert await decision_on(there, WEST, "drain") is None


async def test_users_are_at_home_when_every_pool_is() -> None:
    """Half of the world's users far away are too many."""
    europe = {WEST: {"share": 0.45}, "eu-central-1": {"share": 0.55}}
    asia = {"ap-northeast-1": {"share": 0.4}, "ap-southeast-1": {"share": 0.6}}
    near: Users = {("shop", "europe"): europe, ("shop", "asia"): asia}
    world = split(us_east_1=0.85, us_west_2=0.15)

    assert await at_home(context(users={**near, **world})) is not None
    assert await at_home(context(users={**near, **split(us_east_1=0.5, us_west_2=0.5)})) is None
    assert await at_home(context(users=near)) is None
