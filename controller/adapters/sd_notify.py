"""Tells a service manager how the process does: ready, alive, reloading, stopping.

systemd's sd_notify(3): datagrams to the AF_UNIX socket that `NOTIFY_SOCKET` names (a path, or an
abstract name after `@`). `WATCHDOG_USEC` is how long the manager waits for a sign of life before it
kills the process. Without the variables nothing is told and nothing fails.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping

import structlog

_log = structlog.get_logger("sd_notify")
_TELL_EARLY = 3
"""Signs of life within the manager's patience: one or two may be lost."""
_LONGEST_STATUS = 200


class ServiceManager:
    """The manager that started us, or nobody."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        self._patience_us = _patience_us(environment)
        self._status = ""

    @property
    def beat_every_s(self) -> float | None:
        """Seconds between two signs of life; None when nobody waits for them."""
        if not self._address or not self._patience_us:
            return None
        return self._patience_us / 1e6 / _TELL_EARLY

    def ready(self, status: str) -> None:
        """The start or a reload is done."""
        self._tell("READY=1", _status_line(status))

    def status(self, text: str) -> None:
        """One line for `systemctl status`; told when it differs from the last."""
        if text != self._status:
            self._status = text
            self._tell(_status_line(text))

    def alive(self) -> None:
        """A sign of life."""
        self._tell("WATCHDOG=1")

    def reloading(self) -> None:
        """A reload begins; `ready` tells its end, whatever came of it."""
        now_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000
        self._tell("RELOADING=1", f"MONOTONIC_USEC={now_us}")

    def stopping(self, status: str) -> None:
        """The end begins."""
        self._tell("STOPPING=1", _status_line(status))

    def _tell(self, *lines: str) -> None:
        if not self._address:
            return
        address = self._address
        if address.startswith("@"):
            address = "\0" + address[1:]
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as out:
                out.sendto("\n".join(lines).encode(), address)
        except OSError as error:
            # A manager that is restarted misses a message; steering goes on.
            _log.warning("service_manager_not_told", error=str(error), message=lines[0])


def _patience_us(environment: Mapping[str, str]) -> int:
    """WATCHDOG_USEC when it is meant for this process."""
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0
    text = environment.get("WATCHDOG_USEC", "")
    return int(text) if text.isdecimal() else 0


def _status_line(text: str) -> str:
    one_line = " ".join(text.split())
    return f"STATUS={one_line[:_LONGEST_STATUS]}"
