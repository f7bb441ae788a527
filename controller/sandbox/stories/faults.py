"""The story of faults: the ten worst ones, of AWS, regions, operators and the daemon.

Each act breaks something, waits for the right reaction, and then until all is calm again. The table
at the end shows for each act the part of users' requests that failed, and where the users were.
"""

from __future__ import annotations

from controller.planning.account.columns import aligned
from controller.sandbox.stories.fault_acts import ACTS, Act
from controller.sandbox.stories.fault_checks import accepted_writes, is_calm
from controller.sandbox.stories.story_checks import (
    SHOP,
    Users,
    failed,
    shares,
)
from controller.sandbox.stories.story_context import StoryContext

_CALM_WITHIN_S = 90
_HEAD = ("ACT", "TOOK", "DNS WRITES", "FAILED", "USERS OF THE SHOP WERE IN")
_KEPT_S = 120
"""Seconds of the users' history that the world keeps."""


async def faults(context: StoryContext) -> None:
    """Play all acts. Raises StepFailedError at the first step that does not happen."""
    await context.expect("everything is calm", lambda: is_calm(context), _CALM_WITHIN_S)
    rows: list[tuple[str, ...]] = [_HEAD]
    for number, act in enumerate(ACTS, 1):
        context.say(f"—— {number}. {act.title}")
        rows.append(await _play_act(context, number, act))
    context.say("what the users had of it:")
    for line in aligned(rows):
        context.say(f"  {line}")


async def _play_act(context: StoryContext, number: int, act: Act) -> tuple[str, ...]:
    began, began_at = context.now(), context.wall()
    await act.play(context, began_at)
    await context.expect("everything is calm again", lambda: is_calm(context), _CALM_WITHIN_S)
    took_s = context.now() - began
    split = await context.users(window_s=min(_KEPT_S, max(1, round(took_s))))
    writes = await accepted_writes(context, began_at)
    row = (
        f"{number}. {act.title}",
        f"{took_s:.0f} s",
        str(writes),
        failed(split),
        _whereabouts(split),
    )
    context.say(f"  users: {row[3]} of all requests failed; {row[4]}")
    return row


def _whereabouts(users: Users) -> str:
    """The shares of the shop's regions, pool by pool."""
    return "; ".join(
        f"{pool}: {shares(split)}" for (service, pool), split in users.items() if service == SHOP
    )
