"""The open connections of a stream server, so that they can be ended together.

`asyncio.Server.close` only stops listening; the tasks of open connections continue.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class OpenConnections:
    """The tasks that serve open connections."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[object]] = set()

    @contextmanager
    def serving(self) -> Iterator[None]:
        """A context in which the current task counts as serving a connection."""
        task = asyncio.current_task()
        assert task is not None, "connections are served by tasks"
        self._tasks.add(task)
        try:
            yield
        finally:
            self._tasks.discard(task)

    async def end(self) -> None:
        """Cancel every connection and wait until it is closed."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
