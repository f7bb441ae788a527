"""Reports to the daemon, and the log while it does not answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from structlog.testing import capture_logs

from controller.model.traffic import Measurement
from controller.sandbox.world.reporting import Reporter
from controller.sandbox.world.user_traffic import TrafficSecond, UserTraffic

AT = datetime(2024, 1, 1, tzinfo=UTC)
SECOND = TrafficSecond(AT, (Measurement("shop", "world", "us-east-1", 7, 1),))


class Daemon:
    """Accepts measurements; answers with `status`."""

    def __init__(self) -> None:
        self.status = 204
        self.bodies: list[Any] = []

    async def take(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.json())
        return web.Response(status=self.status)


@pytest.fixture
async def daemon() -> Daemon:
    return Daemon()


@pytest.fixture
async def reporter(daemon: Daemon) -> AsyncIterator[Reporter]:
    app = web.Application()
    app.router.add_post("/v1/measurements/traffic", daemon.take)
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        yield Reporter(UserTraffic(), str(server.make_url("/")), session, lambda: AT)


async def test_a_second_is_posted_as_measurements(daemon: Daemon, reporter: Reporter) -> None:
    """The daemon gets the window and one entry for each service, pool and region."""
    await reporter.report(SECOND)
    entry = {
        "service": "shop",
        "pool": "world",
        "region": "us-east-1",
        "requests": 7,
        "errors": 1,
    }
    assert daemon.bodies == [{"window_s": 1.0, "measurements": [entry]}]


async def test_only_the_first_failure_and_the_recovery_are_logged(
    daemon: Daemon, reporter: Reporter
) -> None:
    """A daemon that is stopped for an hour causes two lines, not 3,600."""
    with capture_logs() as logs:
        for status in (204, 503, 503, 503, 204, 204):
            daemon.status = status
            await reporter.report(SECOND)
    assert [entry["log_level"] for entry in logs] == ["warning", "info"]
    assert "503" in logs[0]["detail"]


async def test_a_stopped_daemon_does_not_stop_the_reporter() -> None:
    """A refused connection is a failure like any other."""
    async with aiohttp.ClientSession() as session:
        reporter = Reporter(UserTraffic(), "http://127.0.0.1:1", session, lambda: AT)
        with capture_logs() as logs:
            await reporter.report(SECOND)
            await reporter.report(SECOND)
    assert len(logs) == 1
