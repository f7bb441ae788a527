"""Limits in seconds for what other processes do, fair to a machine that has other work, too."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Self

_PRESSURE = Path("/proc/pressure/cpu")


class Stopwatch:
    """Seconds in which every task of the machine that could run had a processor.

    The kernel counts the others (`some` of /proc/pressure/cpu): while a task waits its turn, a
    program under test cannot be blamed for being slow. On an idle machine, and where the kernel
    counts nothing, all seconds count. What runs in one event loop belongs into simulated time
    (mark `looptime`) instead.
    """

    def start(self) -> Self:
        """Count from now."""
        self._began, self._waited = time.monotonic(), _waited_s()
        return self

    def stop(self) -> float:
        """The seconds since the start that count."""
        return time.monotonic() - self._began - self.waited_s()

    def waited_s(self) -> float:
        """The seconds since the start that do not count."""
        return _waited_s() - self._waited


def _waited_s() -> float:
    try:
        text = _PRESSURE.read_text()
    except OSError:
        return 0.0
    return int(text.partition("total=")[2].split()[0]) / 1e6
