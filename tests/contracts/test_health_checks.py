"""The contract of HealthChecks, for the fake and for the adapter on the emulated AWS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

import pytest

from controller.adapters.aws.health_checks import Route53HealthChecks
from controller.adapters.clock import SystemClock
from controller.model.errors import ProviderRejectedError, ProviderUnavailableError
from controller.model.second_opinions import CheckDefinition, CheckKind
from controller.ports import HealthChecks
from controller.sandbox.emulator.checkers.reports import CHECKERS
from tests.contracts.emulated import Emulated, emulated_aws
from tests.contracts.polling import eventually
from tests.fakes.health_checks import FakeHealthChecks
from tests.sandbox.emulator.builders import Clock

ENDPOINT = "00000000-0000-4000-8000-0000000e0001"
INVERTED = "00000000-0000-4000-8000-0000000e0002"
CALCULATED = "00000000-0000-4000-8000-0000000e0003"
ABSENT = "00000000-0000-4000-8000-0000000e0009"
DEFINITIONS = {
    ENDPOINT: CheckDefinition(CheckKind.ENDPOINT, 10, 2),
    INVERTED: CheckDefinition(CheckKind.ENDPOINT, 30, 3, inverted=True),
    CALCULATED: CheckDefinition(
        CheckKind.CALCULATED, children=(ENDPOINT, INVERTED), health_threshold=2
    ),
}


class World(Protocol):
    """The checks of DEFINITIONS; checkers have reported each endpoint as healthy."""

    @property
    def port(self) -> HealthChecks: ...

    async def fail(self, check_id: str) -> None:
        """Let every checker find the endpoint unhealthy, at once."""
        ...

    async def vanish(self) -> None:
        """Stop all answers of AWS."""
        ...


class HealthChecksContract:
    """The contract; subclasses choose the implementation."""

    def world(self) -> AbstractAsyncContextManager[World]:
        raise NotImplementedError

    @pytest.mark.parametrize("check_id", list(DEFINITIONS))
    async def test_a_definition_says_all_that_a_status_depends_on(self, check_id: str) -> None:
        """Interval, threshold, inversion, children."""
        async with self.world() as world:
            assert await world.port.definition(check_id) == DEFINITIONS[check_id]

    async def test_every_checker_reports_what_it_saw_last(self) -> None:
        """Passed or failed, when, and AWS's text."""
        async with self.world() as world:
            well = await world.port.reports(ENDPOINT)
            await world.fail(ENDPOINT)
            ill = await world.port.reports(ENDPOINT)

        assert len({report.checker for report in well}) == len(well) == 3
        assert all(report.passed and report.status.startswith("Success") for report in well)
        assert not any(report.passed for report in ill)
        assert all(report.status.startswith("Failure: ") for report in ill)
        assert all(report.at.tzinfo is not None for report in well)
        assert {report.checker for report in ill} == {report.checker for report in well}

    async def test_a_calculated_check_has_no_reports(self) -> None:
        """Route 53 has reports of endpoint checks only."""
        async with self.world() as world:
            with pytest.raises(ProviderRejectedError, match="InvalidInput"):
                await world.port.reports(CALCULATED)

    async def test_an_unknown_check_is_rejected(self) -> None:
        """Trying again would not help."""
        async with self.world() as world:
            with pytest.raises(ProviderRejectedError, match="NoSuchHealthCheck"):
                await world.port.definition(ABSENT)
            with pytest.raises(ProviderRejectedError, match="NoSuchHealthCheck"):
                await world.port.reports(ABSENT)

    async def test_silence_is_unavailable(self) -> None:
        """The next read may succeed."""
        async with self.world() as world:
            await world.vanish()
            with pytest.raises(ProviderUnavailableError):
                await world.port.definition(ENDPOINT)
            with pytest.raises(ProviderUnavailableError):
                await world.port.reports(ENDPOINT)


class _FakeWorld:
    def __init__(self) -> None:
        self.port = FakeHealthChecks(SystemClock())
        for check_id, definition in DEFINITIONS.items():
            self.port.define(check_id, definition)

    async def fail(self, check_id: str) -> None:
        self.port.fail(check_id)

    async def vanish(self) -> None:
        self.port.trouble.unavailable = True


class TestFakeHealthChecks(HealthChecksContract):
    """The fake that tests of the loops use."""

    @asynccontextmanager
    async def world(self) -> AsyncIterator[World]:
        yield _FakeWorld()


class _EmulatedWorld:
    """Checkers that probe a real endpoint when their clock says so."""

    def __init__(self, emulated: Emulated, clock: Clock) -> None:
        self._emulated = emulated
        self._clock = clock
        self._endpoint: asyncio.Server | None = None
        calls = emulated.calls("route53")
        self.port = Route53HealthChecks(emulated.clients.route53, calls, SystemClock())

    async def fill(self) -> None:
        self._endpoint = await asyncio.start_server(
            lambda reader, writer: writer.close(), "127.0.0.1", 0
        )
        port = self._endpoint.sockets[0].getsockname()[1]
        endpoint = {"Type": "TCP", "IPAddress": "127.0.0.1", "Port": port}
        fast = {"RequestInterval": 10, "FailureThreshold": 2}
        children = {"ChildHealthChecks": [ENDPOINT, INVERTED], "HealthThreshold": 2}
        await self.create(ENDPOINT, {**endpoint, **fast})
        await self.create(INVERTED, {**endpoint, "Inverted": True})
        await self.create(CALCULATED, {"Type": "CALCULATED", **children})
        await self._look(passed=True)

    async def fail(self, check_id: str) -> None:
        await self.close()
        await self._look(passed=False)

    async def vanish(self) -> None:
        await self._emulated.aws.http.close()

    async def close(self) -> None:
        if self._endpoint is not None:
            self._endpoint.close()
            await self._endpoint.wait_closed()

    async def create(self, check_id: str, config: Any) -> None:
        await self._emulated.clients.route53.create_health_check(
            CallerReference=f"id:{check_id}", HealthCheckConfig=config
        )

    async def _look(self, *, passed: bool) -> None:
        """Let every checker probe, and wait until all have this result."""
        store = self._emulated.aws.health_checks

        async def seen() -> bool:
            self._clock.advance(1)
            found = store.get_health_check_status({"HealthCheckId": ENDPOINT})
            statuses = [o["StatusReport"]["Status"] for o in found["HealthCheckObservations"]]
            return [s.startswith("Success") for s in statuses] == [passed] * len(CHECKERS)

        await eventually(seen)


class TestRoute53HealthChecks(HealthChecksContract):
    """The adapter, over HTTP, on the emulated AWS."""

    @asynccontextmanager
    async def world(self) -> AsyncIterator[World]:
        clock = Clock()
        async with emulated_aws(clock=clock) as emulated:
            world = _EmulatedWorld(emulated, clock)
            try:
                await world.fill()
                yield world
            finally:
                await world.close()

    @pytest.mark.parametrize("fault", ["throttle", "error-5xx"])
    async def test_faults_of_aws_reach_it(self, fault: str) -> None:
        """A read may fail, and succeed the next time."""
        async with emulated_aws() as emulated:
            world = _EmulatedWorld(emulated, Clock())
            await world.create(ENDPOINT, {"Type": "TCP", "IPAddress": "127.0.0.1", "Port": 1})
            await emulated.aws.faults.add(fault, times=1, operation="GetHealthCheckStatus")
            await world.port.definition(ENDPOINT)
            with pytest.raises(ProviderUnavailableError):
                await world.port.reports(ENDPOINT)
            await world.port.reports(ENDPOINT)
