"""Keeps a warning that repeats itself from filling the log: told once a minute, with its count.

Identical means the same logger, level, event and fields; the number of the cycle does not count,
because a fault that lasts is told by every cycle.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable

QUIET_S = 60.0
"""Seconds for which an identical warning is only counted."""
_REMEMBERED = 500
"""Different warnings remembered; the one told longest ago is forgotten first."""
_UNCOUNTED = ("timestamp", "cycle", "decision_id", "request_id")


class Repetition(logging.Filter):
    """Lets through what is not a warning, and each warning once every QUIET_S seconds.

    The one that is let through again says in `repeated` how often it was not.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        super().__init__()
        self._monotonic = monotonic
        self._told: OrderedDict[tuple[object, ...], tuple[float, int]] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is to be written; adds the count to one that is."""
        if record.levelno < logging.WARNING:
            return True
        now, what = self._monotonic(), _identity(record)
        told_at, unsaid = self._told.get(what, (now - QUIET_S, 0))
        if now - told_at < QUIET_S:
            self._told[what] = (told_at, unsaid + 1)
            return False
        if unsaid:
            _add_count(record, unsaid)
        self._told[what] = (now, 0)
        self._told.move_to_end(what)
        while len(self._told) > _REMEMBERED:
            self._told.popitem(last=False)
        return True


def _identity(record: logging.LogRecord) -> tuple[object, ...]:
    if isinstance(record.msg, dict):  # from structlog
        fields = tuple((k, str(v)) for k, v in record.msg.items() if k not in _UNCOUNTED)
        return (record.name, record.levelno, fields)
    return (record.name, record.levelno, str(record.msg), str(record.args))


def _add_count(record: logging.LogRecord, unsaid: int) -> None:
    if isinstance(record.msg, dict):
        record.msg["repeated"] = unsaid
    else:
        record.msg, record.args = f"{record.getMessage()} (repeated {unsaid} times)", ()
