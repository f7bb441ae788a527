"""The checks of the story of capacity. `make demo STORY=capacity` plays it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from controller.sandbox.stories.capacity import ACTS
from controller.sandbox.stories.capacity_checks import (
    all_regions_fit,
    all_users_in,
    check_lawful_answers,
    check_users_stayed_lawful,
    fullest_region,
    overload_is_reported,
    usable_capacity,
    users_spilled,
    waits_for_users,
)
from controller.sandbox.stories.registry import STORIES
from controller.sandbox.stories.story_checks import Users
from controller.sandbox.stories.story_context import StepFailedError, StoryContext
from controller.settings import load

SETTINGS = load(Path(__file__).parents[2] / "config" / "sandbox.yaml")
METRIC = 'gtc_pool_overload_rps{pool="europe",service="shop"} '


def visited(**europe: int) -> Users:
    """This many requests of the pool `europe` in ten seconds, by the end of the region's name."""
    names = {"west_1": "eu-west-1", "central_1": "eu-central-1", "east_1": "us-east-1"}
    total = sum(europe.values())
    split = {
        names.get(region, region): {"requests": count, "errors": 0, "share": count / total}
        for region, count in europe.items()
    }
    return {("shop", "europe"): split}


class Scripted:
    """A story context with scripted observations."""

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
        """Print nothing."""


def context(*args: Any, **script: Any) -> StoryContext:
    return cast(StoryContext, Scripted(*args, **script))


def status(
    *, usable: float = 1.0, observed: float = 0.86, overload: float = 0.0, hold: str = ""
) -> dict[str, Any]:
    """The daemon's status of us-east-1 and of the pools."""
    east = {"region": "us-east-1", "verdict": "up", "usable": usable, "observed": observed}
    holds = [{"reason": "ramp_step", "detail": hold, "region": None}]
    world = {"name": "world", "regions": [{**east, "why": "web: slow"}], "holds": holds}
    europe = {"name": "europe", "regions": [], "holds": [], "overload_rps": overload}
    return {"services": [{"name": "shop", "pools": [europe, world]}]}


def test_capacity_is_registered() -> None:
    """Its acts have different titles, by which the table shows them."""
    assert "capacity" in STORIES
    assert len({title for title, _ in ACTS}) == len(ACTS)


async def test_a_region_with_more_than_its_capacity_is_noticed() -> None:
    """The capacity of eu-central-1 is 40 requests/s."""
    full, fuller = visited(central_1=400, west_1=50), visited(central_1=401, west_1=50)

    assert await all_regions_fit(context(full)) is not None
    assert await all_regions_fit(context(fuller)) is None
    assert fullest_region(context(), fuller) == "eu-central-1 40/s of 40"


async def test_one_request_elsewhere_is_not_all() -> None:
    """No requests at all are not all either."""
    assert await all_users_in(context(visited(central_1=600)), "eu-central-1") is not None
    assert await all_users_in(context(visited(central_1=599, west_1=1)), "eu-central-1") is None
    assert await all_users_in(context(), "eu-central-1") is None


def test_one_visit_outside_the_pools_regions_is_noticed() -> None:
    """A failed visit does not count as outside."""
    check_users_stayed_lawful(context(), visited(central_1=400, none=7))
    with pytest.raises(StepFailedError, match="401 visits of the EU's users, 1 regions outside it"):
        check_users_stayed_lawful(context(), visited(central_1=400, east_1=1))


async def test_one_answer_outside_the_pools_regions_is_noticed() -> None:
    """Also a name server without an answer."""
    lawful = frozenset({"127.0.10.1", "127.0.20.1"})
    await check_lawful_answers(context(addresses=lawful))
    for spoiled in (lawful | {"127.0.30.1"}, frozenset[str]()):
        with pytest.raises(StepFailedError):
            await check_lawful_answers(context(addresses=spoiled))


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
async def test_an_overload_must_be_reported_by_all_with_one_number(
    in_plan: float, in_status: float, in_metrics: float, said: bool
) -> None:
    """The demand is 60 requests/s, the capacity of eu-central-1 is 40."""
    plan = {"service": "shop", "pool": "europe", "overload_rps": in_plan}
    answers = {"/v1/plan?all=true": {"plans": [plan]}, "/v1/status": status(overload=in_status)}
    seen = context(answers=answers, metrics=f"# HELP x\n{METRIC}{in_metrics}\n")

    assert (await overload_is_reported(seen) is not None) is said


async def test_a_step_waits_for_users_only_when_the_hold_says_so() -> None:
    """A step that waits for time does not count."""
    for hold, waits in (
        ("us-east-1: 3 % of users arrived, 25 % predicted", True),
        ("us-east-1: next step in 3.0 s", False),
        ("us-west-2: 3 % of users arrived, 25 % predicted", False),
    ):
        seen = context(answers={"/v1/status": status(hold=hold)})
        assert (await waits_for_users(seen, "us-east-1") is not None) is waits


async def test_usable_capacity_falls_by_steps_and_returns_completely() -> None:
    """Three quarters are less than all, and not all again."""
    three_quarters = context(answers={"/v1/status": status(usable=0.75)})
    whole = context(answers={"/v1/status": status()})

    assert [
        await usable_capacity(three_quarters, part) is not None for part in (0.75, 0.5, 1.0)
    ] == [
        True,
        False,
        False,
    ]
    assert [await usable_capacity(whole, part) is not None for part in (0.75, 1.0)] == [False, True]


@pytest.mark.parametrize(
    ("observed", "measured", "spilled"),
    [(0.43, 0.45, True), (0.64, 0.45, False), (0.43, 0.8, False)],
)
async def test_users_have_spilled_by_aws_and_by_measurement(
    observed: float, measured: float, spilled: bool
) -> None:
    """Half of 75 requests/s, used to 80 %, is 43 % of the demand of `world`."""
    world = {"us-east-1": {"requests": 1, "errors": 0, "share": measured}}
    answers = {"/v1/status": status(usable=0.5, observed=observed)}
    seen = context({("shop", "world"): world}, answers=answers)

    assert (await users_spilled(seen) is not None) is spilled
