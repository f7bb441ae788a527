"""One address of a name does not stand for all.

After prometheus/blackbox_exporter #1512 (a load balancer in several zones) and #1378. A name has
three addresses. When two accept connections and never answer, that is noticed; when the one asked
first does, the region is not drained while the other two answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from controller.adapters.clock import SystemClock
from controller.adapters.probing.prober import NetworkProber
from controller.adapters.probing.sockets import Address
from controller.loops.active_settings import ActiveSettings
from controller.loops.probing.probe_loop import ProbeLoop
from controller.model.configuration import EndpointId
from controller.model.health import HealthState, Verdict
from controller.planning.health.gray_failure import degraded_steps, describe_addresses
from tests.adapters.probing.asking import OK, until
from tests.adapters.probing.servers import Handler, hang, raw, served
from tests.loops.small import WEST, in_background, region, small, weighted

WEB = EndpointId("shop", WEST, "web")


class Balancer:
    """A load balancer's nodes behind one name; each answers until it is told to hang."""

    def __init__(self) -> None:
        self.hanging: set[int] = set()

    def node(self, number: int) -> Handler:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await (hang if number in self.hanging else raw(OK))(reader, writer)

        return handle

    @asynccontextmanager
    async def probed(self) -> AsyncIterator[ProbeLoop]:
        """A probe loop that asks the name, once the region is up."""
        async with AsyncExitStack() as stack:
            nodes: list[Address] = []
            for number in range(3):
                host = f"127.0.62.{number + 1}"
                at = await stack.enter_async_context(served(self.node(number), host=host))
                nodes.append((host, int(at.rpartition(":")[2])))
            shop = weighted()
            shop["regions"][WEST] = region(web={"probe": "http://lb.test:80/"})
            settings = ActiveSettings(
                small(
                    services={"shop": shop},
                    probing={"interval_s": 0.1, "deadline_s": 0.1, "deadline_least_s": 0.1},
                    health={"up_after": 2, "up_for_s": 0},
                )
            )
            prober = await stack.enter_async_context(
                NetworkProber(lookup=lambda host, port: tuple(nodes))
            )
            loop = ProbeLoop(settings, prober, SystemClock(), _ignore, lambda *_: _ignore)
            await stack.enter_async_context(in_background(loop.run()))
            await until(lambda: loop.health[WEB].verdict is Verdict.UP)
            yield loop


def _ignore(*_: object) -> None:
    """Nobody listens."""


def state(loop: ProbeLoop) -> HealthState:
    return loop.health[WEB]


@pytest.mark.parametrize("hanging", [{0}, {1}, {2}, {1, 2}, {0, 1}])
async def test_some_front_ends_that_hang_are_noticed_and_drain_nothing(hanging: set[int]) -> None:
    """Whichever they are; the region counts for no more than the part that answers."""
    balancer = Balancer()
    async with balancer.probed() as loop:
        balancer.hanging = hanging
        await until(lambda: _down(loop) == len(hanging))
        found = state(loop)

    assert found.verdict is Verdict.UP
    assert found.addresses is not None
    limits = small().health.gray
    assert degraded_steps(found, 0, limits) == {1: 2, 2: 3}[len(hanging)]
    said = describe_addresses(found.addresses)
    assert said.startswith(f"{len(hanging)} of 3 addresses fail: 127.0.62.")


async def test_all_front_ends_that_hang_are_a_dead_region() -> None:
    """And each is known."""
    balancer = Balancer()
    async with balancer.probed() as loop:
        balancer.hanging = {0, 1, 2}
        await until(lambda: state(loop).verdict is Verdict.DOWN)
        assert len(loop.addresses(WEB)) == 3


def _down(loop: ProbeLoop) -> int:
    addresses = state(loop).addresses
    return 0 if addresses is None else addresses.down
