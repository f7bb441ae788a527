"""How much of the event loop's time an awaitable takes, whatever else runs between its steps."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Generator
from functools import partial
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Metered(Generic[T]):
    """Awaits another awaitable and reports the CPU seconds of each of its steps."""

    def __init__(
        self,
        measured: Awaitable[T],
        on_cpu: Callable[[float], None],
        cpu_time: Callable[[], float] = time.thread_time,
    ) -> None:
        self._measured = measured
        self._on_cpu = on_cpu
        self._cpu_time = cpu_time

    def __await__(self) -> Generator[Any, Any, T]:
        steps = self._measured.__await__()
        step: Callable[[], Any] = partial(next, steps)
        while True:
            began = self._cpu_time()
            try:
                awaited = step()
            except StopIteration as ended:
                result: T = ended.value
                return result
            finally:
                self._on_cpu(self._cpu_time() - began)
            try:
                value = yield awaited
            except BaseException as error:
                step = partial(steps.throw, error)
            else:
                step = partial(steps.send, value)
