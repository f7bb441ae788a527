"""The dump of tasks: what each waits for."""

from __future__ import annotations

import asyncio
import types
from collections.abc import Generator
from typing import Any

import pytest
from structlog.testing import capture_logs

from controller.adapters import task_dump
from controller.adapters.task_dump import dump_tasks


async def outer() -> None:
    await inner()


async def inner() -> None:
    async with asyncio.timeout(60):
        await generator()


@types.coroutine
def generator() -> Generator[Any, None, None]:
    yield from asyncio.Event().wait().__await__()


async def test_each_task_is_logged_with_its_whole_call_chain() -> None:
    """Outermost first, down to the call that waits."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(outer(), name="the outer one")
        await asyncio.sleep(0)
        with capture_logs() as lines:
            dump_tasks()
        task.cancel()

    calls_by_task = {line["name"]: line["calls"] for line in lines if line["event"] == "task"}
    names = [call.rpartition(" ")[2] for call in calls_by_task["the outer one"]]
    assert names == ["outer", "inner", "generator"]
    assert all(":" in call for call in calls_by_task["the outer one"])


async def test_a_bounded_number_of_tasks_is_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the number of all tasks."""
    monkeypatch.setattr(task_dump, "_MOST_TASKS", 3)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(asyncio.sleep(60)) for _ in range(10)]
        await asyncio.sleep(0)
        with capture_logs() as lines:
            dump_tasks()
        for task in tasks:
            task.cancel()

    assert lines[0]["event"] == "tasks"
    assert (lines[0]["count"], lines[0]["told"]) == (11, 3)
    assert len(lines) == 4
