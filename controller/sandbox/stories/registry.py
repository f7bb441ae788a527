"""The registry of stories: a new story is one function and one line here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from controller.sandbox.errors import SandboxError
from controller.sandbox.stories.capacity import capacity
from controller.sandbox.stories.failover import failover
from controller.sandbox.stories.faults import faults
from controller.sandbox.stories.story_context import StoryContext

Story = Callable[[StoryContext], Awaitable[None]]
"""Plays one story; raises StepFailedError at the first step that does not happen."""

STORIES: dict[str, Story] = {
    "failover": failover,
    "faults": faults,
    "capacity": capacity,
}
"""Stories by the name that users give to `gtc sandbox run --story`."""


def check_name(name: str) -> None:
    """Raise SandboxError, with the existing names, if no story has this name."""
    if name not in STORIES:
        raise SandboxError(f"no story is called {name!r}", tuple(STORIES))
