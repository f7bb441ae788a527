"""Where log lines go: JSON to standard error, or readable text when that is a terminal.

Lines of the standard library's loggers take the same road from WARNING up; the SDK's DEBUG would
print signed headers.
"""

from __future__ import annotations

import logging
import sys

import structlog


def configure() -> None:
    """Set up logging of the whole process, once."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=_last_steps())
    )
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    for name in ("asyncio", "aiohttp", "botocore", "aiobotocore", "boto3", "urllib3"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _last_steps() -> list[structlog.typing.Processor]:
    clean = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if sys.stderr.isatty():
        return [clean, structlog.dev.ConsoleRenderer()]
    return [clean, structlog.processors.JSONRenderer()]
