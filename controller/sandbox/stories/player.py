"""Plays a story in a running sandbox and reports whether it went as expected.

Every step has a deadline. The first step that misses it ends the story with exit code 1.
"""

from __future__ import annotations

import aiohttp

from controller.sandbox.stories.registry import STORIES
from controller.sandbox.stories.story_context import StepFailedError, StoryContext
from controller.sandbox.supervisor import Supervisor


async def play(name: str, supervisor: Supervisor) -> int:
    """Play the story of this name; return the exit code, 0 or 1."""
    async with aiohttp.ClientSession() as session:
        context = StoryContext(supervisor, session)
        try:
            await STORIES[name](context)
        except (StepFailedError, aiohttp.ClientError, TimeoutError) as error:
            context.say(f"✗ {type(error).__name__}: {error}")
            return 1
    context.say(f"The story {name} went as told.")
    return 0
