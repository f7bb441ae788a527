"""Signal handling.

The first SIGTERM or SIGINT starts an orderly end. A second SIGINT ends the process at once, even
when the event loop is blocked; so does a timer when the orderly end takes too long (a disk that
hangs blocks the state store's thread for ever). No data is lost: acknowledged changes are on disk,
and traffic stays as it is.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

_log = structlog.get_logger("signals")
INTERRUPTED = 128 + signal.SIGINT
_STOP_WITHIN_S = 5.0
"""Far longer than an orderly end takes, and shorter than service managers wait."""


@contextmanager
def stop_signals(stop: Callable[[], None]) -> Iterator[None]:
    """A context in which SIGTERM and SIGINT call `stop` once and start the timer for the end."""
    loop = asyncio.get_running_loop()
    force_timer = threading.Timer(_STOP_WITHIN_S, _end_by_force)
    force_timer.daemon = True

    def begin_to_stop() -> None:
        if force_timer.is_alive():
            return
        force_timer.start()
        # A handler of the signal module also runs while the event loop is blocked.
        loop.remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, _end_at_once)
        stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, begin_to_stop)
    try:
        yield
    finally:
        force_timer.cancel()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


@contextmanager
def handle_signal(number: signal.Signals, act: Callable[[], None]) -> Iterator[None]:
    """A context in which the event loop calls `act` for every such signal."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(number, act)
    try:
        yield
    finally:
        loop.remove_signal_handler(number)


def _end_at_once(*_: object) -> None:
    os._exit(INTERRUPTED)


def _end_by_force() -> None:
    _log.error("stop_forced", after_s=_STOP_WITHIN_S)
    logging.shutdown()
    os._exit(1)
