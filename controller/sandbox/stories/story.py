"""Stories: the sandbox plays a bad day by itself, shows what it sees, and fails if it does not.

Every step has a deadline and ends the story with exit code 1 when it passes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import aiohttp

from controller.sandbox.errors import SandboxError
from controller.sandbox.stories.capacity import capacity
from controller.sandbox.stories.failover import failover
from controller.sandbox.stories.faults import faults
from controller.sandbox.stories.story_context import StepFailedError, StoryContext
from controller.sandbox.supervisor import Supervisor

STORIES: dict[str, Callable[[StoryContext], Awaitable[None]]] = {
    "failover": failover,
    "faults": faults,
    "capacity": capacity,
}


def check_name(name: str) -> None:
    """SandboxError, naming the stories there are, for one there is not."""
    if name not in STORIES:
        raise SandboxError(f"no story is called {name!r}", tuple(STORIES))


async def play(name: str, supervisor: Supervisor) -> int:
    """Play a story in a sandbox that is up; the exit code."""
    async with aiohttp.ClientSession() as session:
        stage = StoryContext(supervisor, session)
        try:
            await STORIES[name](stage)
        except (StepFailedError, aiohttp.ClientError, TimeoutError) as error:
            stage.say(f"✗ {type(error).__name__}: {error}")
            return 1
    stage.say(f"The story {name} went as told.")
    return 0
