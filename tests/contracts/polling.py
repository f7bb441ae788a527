"""Waiting for real events, with a time limit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

_EVERY_S = 0.02
_TIMES = 250


async def eventually(happened: Callable[[], Awaitable[bool]]) -> None:
    """Return as soon as the condition holds; fail after five seconds."""
    for _ in range(_TIMES):
        if await happened():
            return
        await asyncio.sleep(_EVERY_S)
    raise AssertionError(f"has not happened in {_EVERY_S * _TIMES:g} s")
