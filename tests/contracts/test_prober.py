"""The contract of Prober, for the fake and for the one on the network."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from controller.adapters.clock import SystemClock
from controller.adapters.probing.prober import NetworkProber
from controller.model.configuration import Endpoint
from controller.model.health import ProbeOutcome, ProbeResult
from controller.ports import Prober
from tests.adapters.probing.asking import Asker, given_up_after_s, until
from tests.adapters.probing.servers import KeepAlive, hang, served
from tests.fakes.methods import Method
from tests.fakes.prober import FakeProber


@dataclass
class World:
    """A prober, a healthy endpoint that keeps connections open, and a silent one."""

    prober: Prober
    well: Endpoint
    silent: Endpoint
    disturb: Callable[[], None]
    """End the connections that the endpoint that is well keeps."""


class ProberContract:
    """The contract; subclasses choose the implementation."""

    def world(self) -> AbstractAsyncContextManager[World]:
        """A new world for each test."""
        raise NotImplementedError

    async def test_a_probe_has_one_result_and_never_before_start_probe_returns(self) -> None:
        """The caller need not expect the result during the call."""
        async with self.world() as world:
            asker = Asker(world.prober, world.well)
            asker.target.start_probe(1.0, 1.0)
            assert asker.unasked == 0
            await until(lambda: asker.unasked > 0)
            await asyncio.sleep(0.05)
            assert asker.unasked == 1

    async def test_on_result_may_start_another_probe_at_once(self) -> None:
        """Confirmation probes do."""
        async with self.world() as world:
            asker = Asker(world.prober, world.well)
            on_result = Method(asker.on_result)
            asked = 0

            def answered_and_ask(result: ProbeResult) -> None:
                nonlocal asked
                asked += 1
                if asked < 5:
                    asker.target.start_probe(1.0, 1.0)

            on_result.replace(answered_and_ask)
            asker.target.start_probe(1.0, 1.0)
            await until(lambda: asked == 5)
            on_result.restore()
            assert (await asker.ask(1.0)).outcome is ProbeOutcome.PASSED

    async def test_silence_is_a_failure_after_the_deadline(self) -> None:
        """The detail has the timeout."""
        async with self.world() as world:
            result = await Asker(world.prober, world.silent).ask(0.1)

        assert 0.1 <= given_up_after_s(result) < 5
        assert 0.1 - 0.001 <= result.latency_s < 5

    async def test_a_closed_target_is_silent(self) -> None:
        """Also while a probe runs."""
        async with self.world() as world:
            askers = [Asker(world.prober, endpoint) for endpoint in (world.well, world.silent)]
            for asker in askers:
                asker.target.start_probe(0.05, 0.05)
                asker.target.close()
            await asyncio.sleep(0.15)

        assert [asker.unasked for asker in askers] == [0, 0]

    async def test_the_end_of_a_kept_connection_is_reported(self) -> None:
        """While no probe runs."""
        async with self.world() as world:
            asker = Asker(world.prober, world.well)
            await asker.ask(1.0)
            world.disturb()
            await until(lambda: asker.disturbances == 1)
            assert asker.unasked == 0
            assert (await asker.ask(1.0)).outcome is ProbeOutcome.PASSED


class TestFake(ProberContract):
    """The fake."""

    @asynccontextmanager
    async def world(self) -> AsyncIterator[World]:
        prober = FakeProber(SystemClock())
        well, silent = "http://192.0.2.1/", "http://192.0.2.2/"
        prober.hang(silent)
        yield World(
            prober,
            Endpoint(probe=well, keep_alive=True),
            Endpoint(probe=silent),
            lambda: prober.disturb(well),
        )


class TestNetwork(ProberContract):
    """The network, on loopback."""

    @asynccontextmanager
    async def world(self) -> AsyncIterator[World]:
        server = KeepAlive()
        async with (
            served(server) as well,
            served(hang) as silent,
            NetworkProber() as prober,
        ):
            yield World(
                prober,
                Endpoint(probe=f"http://{well}/", keep_alive=True),
                Endpoint(probe=f"http://{silent}/"),
                server.hang_up,
            )
