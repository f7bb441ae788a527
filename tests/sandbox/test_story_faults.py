"""The table of the story of faults. `make demo STORY=faults` plays it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from controller.sandbox.stories import faults
from controller.sandbox.stories.fault_acts import ACTS, Act
from controller.sandbox.stories.fault_checks import is_calm
from controller.sandbox.stories.faults import _play_act, _whereabouts
from controller.sandbox.stories.registry import STORIES
from controller.sandbox.stories.story_checks import failed
from controller.sandbox.stories.story_context import StoryContext
from controller.settings import load

USERS = {
    ("shop", "europe"): {"eu-west-1": {"requests": 30, "errors": 3, "share": 1.0}},
    ("shop", "world"): {
        "eu-west-1": {"requests": 10, "errors": 0, "share": 0.25},
        "none": {"requests": 30, "errors": 30, "share": 0.75},
    },
    ("api", "world"): {"us-east-1": {"requests": 30, "errors": 0, "share": 1.0}},
}


def test_there_are_ten_acts_by_different_names() -> None:
    """The story is registered by its name."""
    assert len({act.title for act in ACTS}) == len(ACTS) == 10
    assert "faults" in STORIES


def test_the_failed_part_is_that_of_all_users() -> None:
    """Of both services, requests without any address included."""
    assert failed(USERS) == "33.0%"
    assert failed({}) == "–"


def test_the_table_has_the_shops_shares_pool_by_pool() -> None:
    """Users without a region are shown as such."""
    assert _whereabouts(USERS) == "europe: eu-west-1 100 %; world: eu-west-1 25 %, none 75 %"


class Scripted:
    """A story context in which nothing happens except the emulated AWS's log of calls."""

    settings = load(Path("config/sandbox.yaml"))

    def __init__(self, *calls: dict[str, Any]) -> None:
        self._calls = list(calls)

    def now(self) -> float:
        return 100.0

    def wall(self) -> float:
        return 1000.0

    def say(self, text: str) -> None:
        """Print nothing."""

    async def expect(self, *_: object) -> None:
        """Return at once, as if everything had happened."""

    async def users(self, window_s: int) -> dict[tuple[str, str], dict[str, dict[str, Any]]]:
        return USERS

    async def daemon(self, _path: str) -> dict[str, Any]:
        return {"services": []}

    async def aws_calls(self) -> list[dict[str, Any]]:
        return self._calls


def called(operation: str, at: float = 1001.0, code: str | None = None) -> dict[str, Any]:
    """A call in the emulated AWS's log."""
    return {"operation": operation, "at": at, "code": code}


async def nothing(_context: StoryContext, _began_at: float) -> None:
    """An act in which nothing happens."""


async def test_an_acts_writes_are_those_accepted_by_route53_since_it_began() -> None:
    """An accelerator's regions may still ramp after the previous act."""
    context = Scripted(
        called("ChangeResourceRecordSets", at=999.0),
        called("ChangeResourceRecordSets"),
        called("ChangeResourceRecordSets", code="NoReply"),
        called("ChangeResourceRecordSets", code="Throttling"),
        called("UpdateEndpointGroup"),
        called("ListResourceRecordSets"),
    )
    row = await _play_act(cast(StoryContext, context), 6, Act("a region flaps", nothing))
    assert row[:3] == ("6. a region flaps", "0 s", "2")


async def test_the_column_says_what_it_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number is in the column DNS WRITES."""
    said: list[str] = []
    context = Scripted(called("ChangeResourceRecordSets"))
    monkeypatch.setattr(context, "say", said.append)
    monkeypatch.setattr(faults, "ACTS", (Act("nothing happens", nothing),))
    await faults.faults(cast(StoryContext, context))
    head, row = (line.split("  ") for line in said[-2:])
    column = [cell.strip() for cell in head if cell].index("DNS WRITES")
    assert [cell.strip() for cell in row if cell.strip()][column] == "1"


@pytest.mark.parametrize(("age_s", "calm"), [(8.9, False), (9.1, True)])
async def test_it_is_not_calm_while_the_last_step_may_be_reverted(
    age_s: float, calm: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next act counts writes, and would count that one."""
    context = Scripted(called("ChangeResourceRecordSets", at=1000.0 - age_s))
    regions = context.settings.services["shop"].regions
    everywhere = {("shop", "world"): {r: {"share": 1 / len(regions)} for r in regions}}
    monkeypatch.setattr(context, "users", lambda window_s: answered(everywhere))

    assert (await is_calm(cast(StoryContext, context)) is not None) is calm


async def answered(value: Any) -> Any:
    return value
