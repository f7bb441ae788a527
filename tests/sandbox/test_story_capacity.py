"""The story of capacity: that its checks would notice. It plays by `make demo STORY=capacity`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from controller.sandbox.stories.capacity import (
    ACTS,
    _all_fit,
    _all_in,
    _answered_lawfully,
    _counted_on,
    _fullest,
    _overload_said,
    _spilled,
    _stayed,
    _waits,
)
from controller.sandbox.stories.story import STORIES
from controller.sandbox.stories.story_checks import Users
from controller.sandbox.stories.story_context import StepFailedError, StoryContext
from controller.settings import load

SETTINGS = load(Path(__file__).parents[2] / "config" / "sandbox.yaml")
METRIC = 'gtc_pool_overload_rps{pool="europe",service="shop"} '


def visited(**europe: int) -> Users:
    """So many requests of the pool `europe` in ten seconds, by the regions' last two words."""
    names = {"west_1": "eu-west-1", "central_1": "eu-central-1", "east_1": "us-east-1"}
    total = sum(europe.values())
    split = {
        names.get(region, region): {"requests": count, "errors": 0, "share": count / total}
        for region, count in europe.items()
    }
    return {("shop", "europe"): split}


class Scripted:
    """A stage on which everything is as the script has it."""

    settings = SETTINGS

    def __init__(
        self,
        users: Users | None = None,
        answers: dict[str, Any] | None = None,
        metrics: str = "",
        addresses: frozenset[str] = frozenset(),
    ) -> None:
        self._users = users or {}
        self._answers = answers or {}
        self._metrics = metrics
        self._addresses = addresses

    async def users(self, window_s: int) -> Users:
        return self._users

    async def daemon(self, path: str) -> Any:
        return self._answers[path]

    async def daemon_text(self, path: str) -> str:
        return self._metrics

    async def answers(self, name: str, country: str, times: int = 20) -> set[str]:
        return set(self._addresses)

    def check(self, holds: bool, what: str) -> None:
        StoryContext.check(cast(StoryContext, self), holds, what)

    def say(self, text: str) -> None:
        """Nobody listens."""


def stage(*args: Any, **script: Any) -> StoryContext:
    return cast(StoryContext, Scripted(*args, **script))


def status(
    *, usable: float = 1.0, observed: float = 0.86, overload: float = 0.0, hold: str = ""
) -> dict[str, Any]:
    """What the daemon would say of us-east-1 and of the pools."""
    east = {"region": "us-east-1", "verdict": "up", "usable": usable, "observed": observed}
    holds = [{"reason": "ramp_step", "detail": hold, "region": None}]
    world = {"name": "world", "regions": [{**east, "why": "web: slow"}], "holds": holds}
    europe = {"name": "europe", "regions": [], "holds": [], "overload_rps": overload}
    return {"services": [{"name": "shop", "pools": [europe, world]}]}


def test_people_can_ask_for_it_by_name() -> None:
    """Its acts have different titles, by which the table tells them apart."""
    assert "capacity" in STORIES
    assert len({title for title, _ in ACTS}) == len(ACTS)


async def test_a_region_with_more_than_its_capacity_is_noticed() -> None:
    """40 requests/s are what eu-central-1 can carry."""
    full, fuller = visited(central_1=400, west_1=50), visited(central_1=401, west_1=50)

    assert await _all_fit(stage(full)) is not None
    assert await _all_fit(stage(fuller)) is None
    assert _fullest(stage(), fuller) == "eu-central-1 40/s of 40"


async def test_one_request_elsewhere_is_not_all() -> None:
    """Nor is silence."""
    assert await _all_in(stage(visited(central_1=600)), "eu-central-1") is not None
    assert await _all_in(stage(visited(central_1=599, west_1=1)), "eu-central-1") is None
    assert await _all_in(stage(), "eu-central-1") is None


def test_one_visit_outside_the_law_is_noticed() -> None:
    """One who was not served at all was not served outside it."""
    _stayed(stage(), visited(central_1=400, none=7))
    with pytest.raises(StepFailedError, match="401 visits of the EU's users, 1 regions outside it"):
        _stayed(stage(), visited(central_1=400, east_1=1))


async def test_one_answer_outside_the_law_is_noticed() -> None:
    """As is a name server that answers nothing."""
    lawful = frozenset({"127.0.10.1", "127.0.20.1"})
    await _answered_lawfully(stage(addresses=lawful))
    for spoiled in (lawful | {"127.0.30.1"}, frozenset[str]()):
        with pytest.raises(StepFailedError):
            await _answered_lawfully(stage(addresses=spoiled))


@pytest.mark.parametrize(
    ("in_plan", "in_status", "in_metrics", "said"),
    [
        (20.0, 20.0, 20.0, True),
        (0.0, 20.0, 20.0, False),
        (20.0, 0.0, 20.0, False),
        (20.0, 20.0, 0.0, False),
        (25.0, 25.0, 25.0, False),
    ],
)
async def test_an_overload_is_said_only_when_all_say_it_and_rightly(
    in_plan: float, in_status: float, in_metrics: float, said: bool
) -> None:
    """60 requests/s are asked for, eu-central-1 alone can carry 40."""
    plan = {"service": "shop", "pool": "europe", "overload_rps": in_plan}
    answers = {"/v1/plan?all=true": {"plans": [plan]}, "/v1/status": status(overload=in_status)}
    seen = stage(answers=answers, metrics=f"# HELP x\n{METRIC}{in_metrics}\n")

    assert (await _overload_said(seen) is not None) is said


async def test_a_step_waits_for_users_only_when_the_hold_says_so() -> None:
    """Time alone is no look at users."""
    for hold, waits in (
        ("us-east-1: 3 % of users arrived, 25 % predicted", True),
        ("us-east-1: next step in 3.0 s", False),
        ("us-west-2: 3 % of users arrived, 25 % predicted", False),
    ):
        seen = stage(answers={"/v1/status": status(hold=hold)})
        assert (await _waits(seen, "us-east-1") is not None) is waits


async def test_what_is_counted_on_goes_down_by_steps_and_comes_back_whole() -> None:
    """Three quarters are less than all, and not all again."""
    three_quarters = stage(answers={"/v1/status": status(usable=0.75)})
    whole = stage(answers={"/v1/status": status()})

    assert [await _counted_on(three_quarters, part) is not None for part in (0.75, 0.5, 1.0)] == [
        True,
        False,
        False,
    ]
    assert [await _counted_on(whole, part) is not None for part in (0.75, 1.0)] == [False, True]


@pytest.mark.parametrize(
    ("observed", "measured", "spilled"),
    [(0.43, 0.45, True), (0.64, 0.45, False), (0.43, 0.8, False)],
)
async def test_users_have_spilled_when_aws_and_they_themselves_say_so(
    observed: float, measured: float, spilled: bool
) -> None:
    """Half of 75 requests/s, filled to four fifths, is 43 % of what `world` asks for."""
    world = {"us-east-1": {"requests": 1, "errors": 0, "share": measured}}
    answers = {"/v1/status": status(usable=0.5, observed=observed)}
    seen = stage({("shop", "world"): world}, answers=answers)

    assert (await _spilled(seen) is not None) is spilled
