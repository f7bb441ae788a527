"""A dump of all tasks of the event loop, as log lines; SIGUSR1 causes it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import structlog

_log = structlog.get_logger("task_dump")
_MOST_TASKS = 500
"""Tasks logged at most: thousands of connections must not cause thousands of lines."""
_DEEPEST = 30


def dump_tasks() -> None:
    """Log each task with its call stack, outermost first. Call it in the event loop."""
    tasks = sorted(asyncio.all_tasks(), key=lambda task: task.get_name())
    _log.info("tasks", count=len(tasks), told=min(len(tasks), _MOST_TASKS))
    for task in tasks[:_MOST_TASKS]:
        _log.info("task", name=task.get_name(), calls=list(_calls(task)))


def _calls(task: asyncio.Task[Any]) -> Iterator[str]:
    """The calls along the chain of awaits; `Task.get_stack` returns only the first one."""
    awaited: object = task.get_coro()
    for _ in range(_DEEPEST):
        frame = _attribute(awaited, "frame")
        if not isinstance(frame, FrameType):
            return
        code = frame.f_code
        yield f"{Path(code.co_filename).name}:{frame.f_lineno} {code.co_qualname}"
        awaited = _attribute(awaited, "await") or _attribute(awaited, "yieldfrom")


def _attribute(awaited: object, name: str) -> object:
    """An attribute of a coroutine or generator; None for other awaitables."""
    return getattr(awaited, f"cr_{name}", None) or getattr(awaited, f"gi_{name}", None)
