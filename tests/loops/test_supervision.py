"""A loop that is over is an error, whichever way it ended."""

from __future__ import annotations

import asyncio

import pytest

from controller.loops.supervision import LoopEndedError, supervised
from tests.loops.small import logged


async def returns() -> None:
    """Ends as if its work were done."""


async def fails() -> None:
    raise RuntimeError("told to fail")


async def test_a_loop_that_returns_is_told_and_is_an_error() -> None:
    """There is no good way to end."""
    with logged() as lines, pytest.raises(LoopEndedError, match="probing"):
        await supervised("probing", returns)
    assert [(line["event"], line["loop"]) for line in lines] == [("loop_ended", "probing")]


async def test_a_loop_that_fails_is_told_with_its_error() -> None:
    """Once, where it happened."""
    with logged() as lines, pytest.raises(LoopEndedError, match="probing") as caught:
        await supervised("probing", fails)
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert [line["event"] for line in lines] == ["loop_failed"]


async def test_being_cancelled_is_how_a_loop_ends() -> None:
    """Nothing is told."""
    with logged() as lines:
        task = asyncio.get_running_loop().create_task(supervised("x", asyncio.Event().wait))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert lines == []
