"""Rate limit for repeated warnings: an identical one is logged once a minute, with its count.

Identical means the same logger, level, event and fields. The cycle's number is ignored, because a
lasting fault causes one warning per cycle.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable

SUPPRESS_S = 60.0
"""Seconds after a warning in which identical ones are only counted."""
_MAX_REMEMBERED = 500
"""Different warnings remembered; the one logged longest ago is dropped first."""
_IGNORED_FIELDS = ("timestamp", "cycle", "decision_id", "request_id")


class RepeatedWarningFilter(logging.Filter):
    """A logging filter that passes each warning or error once every SUPPRESS_S seconds.

    Its field `repeated` is the number of identical ones suppressed since the last. Lower levels
    always pass.
    """

    def __init__(
        self,
        monotonic: Callable[[], float],
        on_dropped: Callable[[int], None] = lambda _count: None,
    ) -> None:
        super().__init__()
        self._monotonic = monotonic
        self._on_dropped = on_dropped
        self._logged: OrderedDict[tuple[object, ...], tuple[float, int]] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is logged; adds the count of suppressed ones."""
        if record.levelno < logging.WARNING:
            return True
        now, what = self._monotonic(), _identity(record)
        logged_at, suppressed = self._logged.get(what, (now - SUPPRESS_S, 0))
        if now - logged_at < SUPPRESS_S:
            self._logged[what] = (logged_at, suppressed + 1)
            self._on_dropped(1)
            return False
        if suppressed:
            add_count(record, suppressed)
        self._logged[what] = (now, 0)
        self._logged.move_to_end(what)
        while len(self._logged) > _MAX_REMEMBERED:
            self._logged.popitem(last=False)
        return True


def _identity(record: logging.LogRecord) -> tuple[object, ...]:
    if isinstance(record.msg, dict):  # from structlog
        fields = tuple((k, str(v)) for k, v in record.msg.items() if k not in _IGNORED_FIELDS)
        return (record.name, record.levelno, fields)
    return (record.name, record.levelno, str(record.msg), str(record.args))


def add_count(record: logging.LogRecord, suppressed: int) -> None:
    """Say in a record how many like it were not logged."""
    if isinstance(record.msg, dict):
        record.msg["repeated"] = suppressed
    else:
        record.msg, record.args = f"{record.getMessage()} (repeated {suppressed} times)", ()
