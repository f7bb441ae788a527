"""Logging to standard error: JSON, or readable text when it is a terminal.

All lines of the process pass here: the daemon's, those of libraries from WARNING up (the SDK's
DEBUG would print signed headers), Python's warnings and uncaught exceptions. A thread of their own
writes them (`log_writer`): no reader of the log can stop the daemon. They have at most 16 kB
(`log_size`). Secrets are removed (`redaction`), repeated warnings counted (`repeated_warnings`) and
lines that callers cause limited (`caller_lines`). JSON escapes everything beyond printable ASCII, a
terminal gets control characters escaped: no outside text can forge a line.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from functools import partial
from types import TracebackType
from typing import Any

import structlog

from controller.adapters.caller_lines import CallerLineFilter
from controller.adapters.log_size import cut_to_size
from controller.adapters.log_writer import DroppedLines, LogWriter
from controller.adapters.redaction import redact
from controller.adapters.repeated_warnings import RepeatedWarningFilter

_NOISY = ("asyncio", "aiohttp", "botocore", "aiobotocore", "boto3", "urllib3", "py.warnings")
_stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
_FLUSH_S = 1.0
"""How long the end of the process waits for its last lines to be written."""

dropped_lines = DroppedLines()
"""Lines of this process that were not written: `queue_full`, `unwritable` or `repeated`."""


def configure() -> None:
    """Set up logging of the whole process, once."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        _stamp,
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared, processors=_last_steps()
    )
    handler = _LogLines(sys.stderr.fileno(), formatter)
    repeated = partial(dropped_lines.add, "repeated")
    handler.addFilter(CallerLineFilter(time.monotonic, repeated))
    handler.addFilter(RepeatedWarningFilter(time.monotonic, repeated))
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    logging.captureWarnings(capture=True)
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread


class _LogLines(logging.Handler):
    """A handler that formats a line and leaves the writing to a thread."""

    def __init__(self, fd: int, formatter: logging.Formatter) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self._writer = LogWriter(fd, self._gap_line, dropped_lines.add)

    def emit(self, record: logging.LogRecord) -> None:
        """Have the record written; an error is logged for one that cannot be formatted."""
        try:
            line = self.format(record)
        except Exception as error:
            lost = {"level": "error", "event": "log_line_lost"}
            line = json.dumps({**lost, "logger": record.name, "why": str(error)})
        self._writer.put(line)

    def flush(self) -> None:
        """Wait a bounded time for what was logged; `logging.shutdown` calls it, at the end too."""
        self._writer.flush(_FLUSH_S)

    def _gap_line(self, count: int) -> str:
        event: dict[str, object] = {
            "event": "log_lines_dropped",
            "count": count,
            "why": "the log was not read in time",
            "logger": "log",
            "level": "warning",
        }
        stamped = _stamp(None, "warning", event)
        # Marked as structlog marks its own, so that the formatter takes its fields.
        return self.format(
            logging.makeLogRecord({"msg": stamped, "_logger": None, "_name": "warning"})
        )


def _last_steps() -> list[structlog.typing.Processor]:
    clean = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if sys.stderr.isatty():
        console = structlog.dev.ConsoleRenderer(
            colors=not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        )
        return [clean, redact, cut_to_size, _escape_control_characters, console]
    return [clean, redact, cut_to_size, structlog.processors.JSONRenderer()]


def _escape_control_characters(_: object, __: str, event: Any) -> Any:
    """The event without control characters; only tracebacks may have several lines."""
    return {
        key: _printable(value, "\n" if key in ("exception", "stack") else "")
        if isinstance(value, str)
        else value
        for key, value in event.items()
    }


def _printable(text: str, allowed: str) -> str:
    return "".join(c if c.isprintable() or c in allowed else ascii(c)[1:-1] for c in text)


def _log_uncaught(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    logger = structlog.get_logger("process")
    if issubclass(kind, KeyboardInterrupt):
        logger.info("interrupted")
        return
    logger.critical("uncaught_exception", exc_info=(kind, error, traceback))


def _log_uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None:
        _log_uncaught(args.exc_type, args.exc_value, args.exc_traceback)
