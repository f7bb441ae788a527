"""Logging to standard error: JSON, or readable text when it is a terminal.

All lines of the process pass here: the daemon's, those of libraries from WARNING up (the SDK's
DEBUG would print signed headers), Python's warnings and uncaught exceptions. Secrets are removed
(`redaction`) and repeated warnings counted (`repeated_warnings`). JSON escapes everything beyond
printable ASCII, a terminal gets control characters escaped: no outside text can forge a line.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
from types import TracebackType
from typing import Any, TextIO

import structlog

from controller.adapters.redaction import redact
from controller.adapters.repeated_warnings import RepeatedWarningFilter

_NOISY = ("asyncio", "aiohttp", "botocore", "aiobotocore", "boto3", "urllib3", "py.warnings")


def configure() -> None:
    """Set up logging of the whole process, once."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = _LogLines(sys.stderr)
    handler.addFilter(RepeatedWarningFilter(time.monotonic))
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=_last_steps())
    )
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    logging.captureWarnings(capture=True)
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread


class _LogLines(logging.StreamHandler[TextIO]):
    """A handler that logs an error for a line that it cannot format, instead of a traceback."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        error = sys.exc_info()[1]
        if isinstance(error, OSError):
            return  # standard error is closed or the disk is full: it cannot be logged
        line = {
            "level": "error",
            "event": "log_line_lost",
            "logger": record.name,
            "why": str(error),
        }
        self.stream.write(json.dumps(line) + self.terminator)
        self.flush()


def _last_steps() -> list[structlog.typing.Processor]:
    clean = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if sys.stderr.isatty():
        console = structlog.dev.ConsoleRenderer(
            colors=not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        )
        return [clean, redact, _escape_control_characters, console]
    return [clean, redact, structlog.processors.JSONRenderer()]


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
