"""The datagrams that a service manager gets."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.adapters.sd_notify import ServiceManager


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """A manager's socket and its NOTIFY_SOCKET."""
    name = str(tmp_path / "notify") if request.param == "path" else f"@gtc-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as listening:
        listening.bind(name.replace("@", "\0", 1) if name.startswith("@") else name)
        yield listening, name


def test_each_step_is_one_datagram(manager: tuple[socket.socket, str]) -> None:
    """With the names of sd_notify(3), also to an abstract socket."""
    listening, name = manager
    notifier = ServiceManager({"NOTIFY_SOCKET": name})
    notifier.ready("listening")
    notifier.alive()
    notifier.stopping("soon")

    received = [listening.recv(1000).decode() for _ in range(3)]
    assert received == ["READY=1\nSTATUS=listening", "WATCHDOG=1", "STOPPING=1\nSTATUS=soon"]


def test_a_reload_says_when_it_began(manager: tuple[socket.socket, str]) -> None:
    """Type=notify-reload needs the monotonic clock in microseconds."""
    listening, name = manager
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000
    ServiceManager({"NOTIFY_SOCKET": name}).reloading()
    first, second = listening.recv(1000).decode().splitlines()

    assert first == "RELOADING=1"
    began = int(second.removeprefix("MONOTONIC_USEC="))
    assert before <= began <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000


def test_a_status_is_one_short_line_and_sent_when_it_changes(
    manager: tuple[socket.socket, str],
) -> None:
    """A text cannot add another assignment."""
    listening, name = manager
    notifier = ServiceManager({"NOTIFY_SOCKET": name})
    for _ in range(3):
        notifier.status("frozen\nMAINPID=1 " + "x" * 1000)
    assert listening.recv(5000).decode() == ("STATUS=frozen MAINPID=1 " + "x" * 1000)[:207]
    with pytest.raises(BlockingIOError):
        listening.recv(5000)


@pytest.mark.parametrize(
    ("environment", "every_s"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, None),
        ({"NOTIFY_SOCKET": "/nowhere"}, None),
        ({"NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "30000000"}, 10.0),
        ({"NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_heartbeats_are_sent_only_to_a_manager_with_a_watchdog(
    environment: dict[str, str], every_s: float | None
) -> None:
    """Three within the timeout, and only if it is meant for this process."""
    assert ServiceManager(environment).heartbeat_interval_s == every_s


def test_no_manager_or_a_stopped_one_causes_no_error(tmp_path: Path) -> None:
    """Notifying never fails."""
    for environment in ({}, {"NOTIFY_SOCKET": str(tmp_path / "gone")}):
        manager = ServiceManager(environment)
        manager.ready("x")
        manager.alive()
        manager.status("x")
        manager.stopping("x")
