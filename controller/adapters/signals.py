"""What the process does when it is told something by kill(2) or Ctrl-C.

The first SIGTERM or SIGINT asks for an orderly end. A second SIGINT ends the process at once, also
when the event loop is stuck, and so does the end itself when it takes too long (a disk that hangs
keeps the thread of the state store for ever). Nothing is lost by that: what was acknowledged is on
disk, and traffic stays as it is.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

_log = structlog.get_logger("signals")
INTERRUPTED = 128 + signal.SIGINT
_STOP_WITHIN_S = 5.0
"""Far more than an orderly end takes; service managers wait longer."""


@contextmanager
def stop_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Within it, SIGTERM and SIGINT call `stop` once; from then on the end may not take long."""
    loop = asyncio.get_running_loop()
    watch = threading.Timer(_STOP_WITHIN_S, _end_by_force)
    watch.daemon = True

    def begin_to_stop() -> None:
        if watch.is_alive():
            return
        watch.start()
        # Not the loop's own handler: this one runs while the loop is blocked, too.
        loop.remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, _end_at_once)
        stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, begin_to_stop)
    try:
        yield
    finally:
        watch.cancel()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


@contextmanager
def on_signal(number: signal.Signals, act: Callable[[], None]) -> Iterator[None]:
    """Within it, the event loop calls `act` for every such signal."""
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
    os._exit(1)
