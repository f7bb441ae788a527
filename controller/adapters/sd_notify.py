"""Notifications to the service manager: ready, alive, reloading, stopping.

systemd's sd_notify(3): datagrams to the AF_UNIX socket that `NOTIFY_SOCKET` names (a path, or an
abstract name after `@`). `WATCHDOG_USEC` is how long the manager waits for a heartbeat before it
kills the process. Without these variables every method does nothing.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping

import structlog

_log = structlog.get_logger("sd_notify")
_HEARTBEATS_PER_TIMEOUT = 3
"""Heartbeats within the watchdog's timeout: one or two may be lost."""
_LONGEST_STATUS = 200


class ServiceManager:
    """The service manager that started this process, if there is one."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        self._watchdog_us = _watchdog_us(environment)
        self._status = ""

    @property
    def heartbeat_interval_s(self) -> float | None:
        """Seconds between two heartbeats; None when the manager expects none."""
        if not self._address or not self._watchdog_us:
            return None
        return self._watchdog_us / 1e6 / _HEARTBEATS_PER_TIMEOUT

    def ready(self, status: str) -> None:
        """Report that the start or a reload is done."""
        self._notify("READY=1", _status_line(status))

    def status(self, text: str) -> None:
        """Report one line for `systemctl status`, if it differs from the last."""
        if text != self._status:
            self._status = text
            self._notify(_status_line(text))

    def alive(self) -> None:
        """Send a heartbeat."""
        self._notify("WATCHDOG=1")

    def reloading(self) -> None:
        """Report that a reload begins; `ready` reports its end, successful or not."""
        now_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000
        self._notify("RELOADING=1", f"MONOTONIC_USEC={now_us}")

    def stopping(self, status: str) -> None:
        """Report that the process is stopping."""
        self._notify("STOPPING=1", _status_line(status))

    def _notify(self, *lines: str) -> None:
        if not self._address:
            return
        address = self._address
        if address.startswith("@"):
            address = "\0" + address[1:]
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as out:
                out.sendto("\n".join(lines).encode(), address)
        except OSError as error:
            # A manager that restarts misses a message; steering must continue.
            _log.warning("service_manager_not_told", error=str(error), message=lines[0])


def _watchdog_us(environment: Mapping[str, str]) -> int:
    """WATCHDOG_USEC; 0 when it is not set, or meant for another process."""
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0
    text = environment.get("WATCHDOG_USEC", "")
    return int(text) if text.isdecimal() else 0


def _status_line(text: str) -> str:
    one_line = " ".join(text.split())
    return f"STATUS={one_line[:_LONGEST_STATUS]}"
