"""Rate limit for log lines that callers cause: anybody who reaches the API may cause them.

A line with the address of a caller, of any level, is logged a few times a minute for each caller
and event, and a bounded number of times for all callers together. So are lines of the libraries
that serve callers. What is left out is counted in the next line that is logged.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable

from controller.adapters.repeated_warnings import add_count

WINDOW_S = 60.0
PER_CALLER = 10
"""Lines of one event and caller in each window."""
PER_EVENT = 100
"""Lines of one event in each window, of all callers."""
_CALLER_FIELDS = ("peer", "address")
_SERVING = ("asyncio", "aiohttp")
_KNOWN_BY = 60
"""Characters by which lines of libraries are told apart."""
_MAX_REMEMBERED = 1000


class CallerLineFilter(logging.Filter):
    """A logging filter; lines without a caller, and not of these libraries, always pass."""

    def __init__(
        self,
        monotonic: Callable[[], float],
        on_dropped: Callable[[int], None] = lambda _count: None,
    ) -> None:
        super().__init__()
        self._monotonic = monotonic
        self._on_dropped = on_dropped
        self._windows: OrderedDict[Hashable, list[float]] = OrderedDict()
        """Key to when its window began, lines logged in it, lines left out since the last one."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is logged; adds the count of those left out."""
        keys = _keys(record)
        if not keys:
            return True
        now = self._monotonic()
        windows = [(self._window(key, now), most) for key, most in keys]
        if any(window[1] >= most for window, most in windows):
            for window, _ in windows:
                window[2] += 1
            self._on_dropped(1)
            return False
        left_out = int(windows[0][0][2])
        for window, _ in windows:
            window[1] += 1
        windows[0][0][2] = 0
        if left_out:
            add_count(record, left_out)
        return True

    def _window(self, key: Hashable, now: float) -> list[float]:
        window = self._windows.get(key)
        if window is None:
            window = self._windows[key] = [now, 0, 0]
        elif now - window[0] >= WINDOW_S:
            window[0], window[1] = now, 0
        self._windows.move_to_end(key)
        while len(self._windows) > _MAX_REMEMBERED:
            self._windows.popitem(last=False)
        return window


def _keys(record: logging.LogRecord) -> list[tuple[Hashable, int]]:
    """What the record is counted under, with the most lines in a window; none: it always passes."""
    if isinstance(record.msg, dict):  # from structlog
        event = (record.name, record.msg.get("event"))
        callers = [str(record.msg[name]) for name in _CALLER_FIELDS if name in record.msg]
        return [((*event, callers[0]), PER_CALLER), (event, PER_EVENT)] if callers else []
    if record.name.partition(".")[0] in _SERVING:
        return [((record.name, str(record.msg)[:_KNOWN_BY]), PER_CALLER)]
    return []
