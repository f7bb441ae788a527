"""Global Accelerator's data plane: accepts connections on static addresses and relays them.

Follows the developer guide's *How Global Accelerator works* and *Listeners*. routing.py chooses the
endpoint once per connection, so existing connections stay when dials or health change. The client's
location follows from its loopback source address. If the endpoint cannot be reached, the client's
connection is closed. Not emulated: UDP, client IP preservation, affinity, the idle timeout of
340 s.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from random import Random

from controller.sandbox.emulator.accelerator.resources import EndpointGroup
from controller.sandbox.emulator.accelerator.routing import IsHealthy, routes
from controller.sandbox.emulator.accelerator.store import AcceleratorStore
from controller.sandbox.emulator.geography import location_of, nearest_first
from controller.sandbox.emulator.open_connections import OpenConnections

TICK_S = 0.1
CONNECT_S = 4.0
_CHUNK_BYTES = 64 * 1024

StaticAddress = tuple[str, int]  # static address and port
_log = logging.getLogger(__name__)


class AcceleratorRelay:
    """Keeps a listening socket for each static address and port that is deployed."""

    def __init__(self, store: AcceleratorStore, is_healthy: IsHealthy, rng: Random) -> None:
        self._store = store
        self._is_healthy = is_healthy
        self._rng = rng
        self._servers: dict[StaticAddress, asyncio.Server] = {}
        self._unavailable: set[StaticAddress] = set()
        self._connections = OpenConnections()

    async def run(self) -> None:
        """Listen and relay until cancelled; open connections end with it."""
        try:
            while True:
                await self.update_sockets()
                await asyncio.sleep(TICK_S)
        finally:
            for server in self._servers.values():
                server.close()
            self._servers.clear()
            await self._connections.end()

    async def update_sockets(self) -> None:
        """Open and close listening sockets so that they match the deployed accelerators."""
        wanted = self.static_addresses()
        for socket_address in self._servers.keys() - wanted:
            self._servers.pop(socket_address).close()
        for socket_address in wanted - self._servers.keys():
            await self._open(socket_address)

    def static_addresses(self) -> set[StaticAddress]:
        """All addresses and ports that must accept connections."""
        return {
            (address, port)
            for accelerator in self._store.served()
            for address in accelerator.addresses
            for listener in accelerator.listeners
            for port in listener.ports
        }

    def choose_endpoint(self, socket_address: StaticAddress, client: str) -> str | None:
        """The endpoint address for a new connection from a client; None when there is none."""
        groups = {group.region: group for group in self._groups(socket_address)}
        order = nearest_first(location_of(client), groups)
        routes_found = routes([groups[region] for region in order], self._is_healthy)
        if not routes_found:
            return None
        weights = [float(route.probability) for route in routes_found]
        return self._rng.choices(routes_found, weights)[0].endpoint.address

    def _groups(self, socket_address: StaticAddress) -> list[EndpointGroup]:
        address, port = socket_address
        return [
            group
            for accelerator in self._store.served()
            if address in accelerator.addresses
            for listener in accelerator.listeners
            if port in listener.ports
            for group in listener.groups
        ]

    async def _open(self, socket_address: StaticAddress) -> None:
        try:
            self._servers[socket_address] = await asyncio.start_server(
                self._accepted(socket_address), *socket_address
            )
        except OSError as error:
            if socket_address not in self._unavailable:
                _log.warning("accelerator cannot listen on %s:%d: %s", *socket_address, error)
            self._unavailable.add(socket_address)
        else:
            self._unavailable.discard(socket_address)

    def _accepted(
        self, socket_address: StaticAddress
    ) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
        async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            client = writer.get_extra_info("peername")[0]
            endpoint = self.choose_endpoint(socket_address, client)
            with self._connections.serving():
                try:
                    if endpoint is not None:
                        await _relay(reader, writer, endpoint, socket_address[1])
                except (OSError, TimeoutError) as error:
                    _log.debug("connection from %s to %s ended: %s", client, endpoint, error)
                finally:
                    writer.transport.abort()

        return relay


async def _relay(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: str, port: int
) -> None:
    async with asyncio.timeout(CONNECT_S):
        endpoint_reader, endpoint_writer = await asyncio.open_connection(address, port)
    try:
        async with asyncio.TaskGroup() as directions:
            directions.create_task(_copy(reader, endpoint_writer))
            directions.create_task(_copy(endpoint_reader, writer))
    except* OSError as errors:
        _log.debug("relay to %s:%d broke: %s", address, port, errors.exceptions[0])
    finally:
        endpoint_writer.transport.abort()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while chunk := await source.read(_CHUNK_BYTES):
        target.write(chunk)
        await target.drain()
    if target.can_write_eof():
        target.write_eof()
