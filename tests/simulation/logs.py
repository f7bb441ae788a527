"""The daemon's log in a simulation: dropped, except for errors that no code expects."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import structlog

_ERROR = 40


@contextmanager
def unexpected_events() -> Iterator[list[MutableMapping[str, Any]]]:
    """Events with a traceback, as they are logged; rendering the others would take a third of the
    time."""
    kept: list[MutableMapping[str, Any]] = []

    def keep(_: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if method in ("exception", "critical") or event.get("exc_info"):
            kept.append(event)
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(
        processors=[keep],
        wrapper_class=structlog.make_filtering_bound_logger(_ERROR),
        cache_logger_on_first_use=False,
    )
    try:
        yield kept
    finally:
        structlog.configure(**before)
