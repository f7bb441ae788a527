"""Ports that hang or fail: one method of a fake is replaced for as long as a test wants it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.fakes.methods import Method

HOUR_S = 3600.0


@contextmanager
def hanging(port: Any, method: str, seconds: float = HOUR_S) -> Iterator[None]:
    """Calls made meanwhile take so long before they do what they were asked."""
    original = getattr(port, method)

    async def hang(*args: Any, **kwargs: Any) -> Any:
        await asyncio.sleep(seconds)
        return await original(*args, **kwargs)

    with Method(original).replaced(hang):
        yield


@contextmanager
def failing(port: Any, method: str, error: Exception) -> Iterator[None]:
    """Calls made meanwhile raise this error."""

    async def fail(*args: Any, **kwargs: Any) -> Any:
        raise error

    with Method(getattr(port, method)).replaced(fail):
        yield
