"""The accelerator's data plane over real loopback sockets."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import pytest

from controller.sandbox.emulator.accelerator.endpoint_checks import EndpointChecks, EndpointHealth
from controller.sandbox.emulator.accelerator.operations import GlobalAccelerator
from controller.sandbox.emulator.accelerator.relay import AcceleratorRelay
from controller.sandbox.emulator.accelerator.store import AcceleratorStore
from controller.sandbox.emulator.checkers.single_probe import ProbeResult, Target
from controller.sandbox.emulator.geography import source_address
from tests.sandbox.emulator.builders import Clock

EU, US = "127.0.10.1", "127.0.30.1"
STATIC = "127.0.99.1"
ALLOCATIONS = {EU: "eipalloc-0000000007f000a01", US: "eipalloc-0000000007f001e01"}

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux answers on all of 127.0.0.0/8 unasked"
)


class Accelerator:
    """One accelerator with an endpoint in Ireland and one in Virginia, deployed at once."""

    def __init__(self, port: int) -> None:
        self.clock = Clock()
        self.store = AcceleratorStore(self.clock, deployed_after_s=0.0)
        self.health = EndpointHealth()
        self.call = GlobalAccelerator(self.store, self.health.state).operations
        arn = self._create("Accelerator", Name="a")["AcceleratorArn"]
        ports = [{"FromPort": port, "ToPort": port}]
        listener = self._create("Listener", AcceleratorArn=arn, PortRanges=ports)["ListenerArn"]
        self.groups = {
            address: self._create(
                "EndpointGroup",
                ListenerArn=listener,
                EndpointGroupRegion=region,
                EndpointConfigurations=[{"EndpointId": ALLOCATIONS[address]}],
            )["EndpointGroupArn"]
            for address, region in ((EU, "eu-west-1"), (US, "us-east-1"))
        }
        self.relay = AcceleratorRelay(self.store, self.health.routable, Random(1))

    def _create(self, kind: str, **params: Any) -> dict[str, Any]:
        token = params.get("EndpointGroupRegion", kind)
        reply = self.call[f"Create{kind}"](params | {"IdempotencyToken": token})
        created: dict[str, Any] = reply[kind]
        return created

    def dial(self, address: str, percentage: float) -> None:
        """Set the dial of an endpoint's group."""
        params = {
            "EndpointGroupArn": self.groups[address],
            "TrafficDialPercentage": percentage,
        }
        self.call["UpdateEndpointGroup"](params)


@asynccontextmanager
async def endpoints(*addresses: str) -> AsyncIterator[int]:
    """Servers on one port of each address that answer `<address> <request>`."""
    servers: list[asyncio.Server] = []
    port = 0

    def greet(address: str) -> Callable[..., Any]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(address.encode() + b" " + await reader.read())
            await writer.drain()
            writer.close()

        return serve

    for address in addresses:
        servers.append(await asyncio.start_server(greet(address), address, port))
        port = servers[0].sockets[0].getsockname()[1]
    try:
        yield port
    finally:
        for server in servers:
            server.close()


@asynccontextmanager
async def relaying(accelerator: Accelerator, port: int) -> AsyncIterator[None]:
    """The running relay."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(accelerator.relay.run())
        await until_accepting(port, True)
        try:
            yield
        finally:
            task.cancel()


async def until_accepting(port: int, accepting: bool) -> None:
    """Wait until both static addresses accept connections, or refuse them."""
    async with asyncio.timeout(5):
        for address in (STATIC, "127.0.99.2"):
            while await accepts(address, port) is not accepting:  # noqa: ASYNC110  # a socket has no event
                await asyncio.sleep(0.02)


async def accepts(address: str, port: int) -> bool:
    """Whether a connection is accepted."""
    try:
        _, writer = await asyncio.open_connection(address, port)
    except ConnectionError:  # a listener that ends resets whom it had not accepted yet
        return False
    writer.transport.abort()
    return True


async def talk(port: int, country: str) -> str:
    """The answer to a client from a country; empty when its connection is closed."""
    source = (source_address(country, 1), 0)
    reader, writer = await asyncio.open_connection(STATIC, port, local_addr=source)
    try:
        writer.write(b"hello")
        writer.write_eof()
        return (await asyncio.wait_for(reader.read(), 5)).decode()
    except ConnectionError:
        return ""
    finally:
        writer.transport.abort()


async def test_clients_reach_their_nearest_endpoint_and_dials_move_new_ones() -> None:
    """Bytes pass both ways; a dial of 0 sends Germans to Virginia, 100 brings them back."""
    async with endpoints(EU, US) as port:
        accelerator = Accelerator(port)
        async with relaying(accelerator, port):
            assert await talk(port, "DE") == f"{EU} hello"
            assert await talk(port, "US") == f"{US} hello"
            accelerator.dial(EU, 0)
            assert await talk(port, "DE") == f"{US} hello"
            accelerator.dial(EU, 100)
            assert await talk(port, "DE") == f"{EU} hello"


async def test_a_dead_endpoint_closes_connections_until_it_is_known_to_be_unhealthy() -> None:
    """Before the check fails clients are disconnected; afterwards they fail over."""
    async with endpoints(US) as port:
        accelerator = Accelerator(port)
        async with relaying(accelerator, port):
            assert await talk(port, "DE") == ""
            job = (accelerator.groups[EU], ALLOCATIONS[EU])
            accelerator.health.record(job, False, threshold=3)
            assert await talk(port, "DE") == f"{US} hello"


async def test_sockets_follow_what_is_deployed() -> None:
    """Disabling the accelerator closes its addresses; the relay's end closes all."""
    async with endpoints(EU, US) as port:
        accelerator = Accelerator(port)
        async with relaying(accelerator, port):
            assert accelerator.relay.static_addresses() == {
                ("127.0.99.1", port),
                ("127.0.99.2", port),
            }
            arn = accelerator.store.all()[0].arn
            accelerator.call["UpdateAccelerator"]({"AcceleratorArn": arn, "Enabled": False})
            await until_accepting(port, False)
            accelerator.call["UpdateAccelerator"]({"AcceleratorArn": arn, "Enabled": True})
            await until_accepting(port, True)
        assert not await accepts(STATIC, port)


async def test_an_address_in_use_is_logged_once_and_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """When the other listener ends, the relay listens."""
    async with endpoints(STATIC) as port:
        accelerator = Accelerator(port)
        await accelerator.relay.update_sockets()
        await accelerator.relay.update_sockets()
        messages = [record.getMessage() for record in caplog.records]
        assert len([m for m in messages if f"cannot listen on {STATIC}:{port}" in m]) == 1
    async with relaying(accelerator, port):
        assert await talk(port, "DE") == ""


async def test_a_hanging_client_does_not_outlive_the_relay() -> None:
    """Open connections end when the relay ends."""
    async with endpoints(EU, US) as port:
        accelerator = Accelerator(port)
        async with relaying(accelerator, port):
            reader, writer = await asyncio.open_connection(STATIC, port)
            writer.write(b"half a sentence")
        try:
            assert await asyncio.wait_for(reader.read(), 2) == b""
        except ConnectionError:
            pass  # as good an end as end-of-stream
        finally:
            writer.transport.abort()


async def test_endpoint_health_turns_after_the_threshold_at_the_groups_interval() -> None:
    """The first result decides, then three in a row at 30 seconds; the API shows the state."""
    accelerator = Accelerator(9000)
    down: set[str] = set()

    async def scripted(target: Target) -> ProbeResult:
        return ProbeResult(target.address not in down, "scripted")

    monitor = EndpointChecks(
        accelerator.store, accelerator.health, accelerator.clock, Random(1), scripted
    )

    async def run(seconds: int) -> str:
        for _ in range(seconds):
            for job in monitor.rounds.due():
                await monitor.rounds.run_probe(job)
            accelerator.clock.advance(1)
        return accelerator.health.state(accelerator.groups[EU], ALLOCATIONS[EU])

    assert accelerator.health.state(accelerator.groups[EU], ALLOCATIONS[EU]) == "INITIAL"
    assert await run(31) == "HEALTHY"
    down.add(EU)
    assert await run(59) == "HEALTHY"
    assert await run(32) == "UNHEALTHY"
    described = accelerator.call["DescribeEndpointGroup"](
        {"EndpointGroupArn": accelerator.groups[EU]}
    )
    assert described["EndpointGroup"]["EndpointDescriptions"][0]["HealthState"] == "UNHEALTHY"
