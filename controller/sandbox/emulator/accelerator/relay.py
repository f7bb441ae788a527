"""Global Accelerator's data plane: accepts connections on static addresses and relays them.

Follows the developer guide's *How Global Accelerator works* and *Listeners*; where a connection
goes is accelerator_routing's choice, made once for each connection, so that existing ones stay
when dials or health change. The client's place follows from its loopback source address. An
endpoint that cannot be reached closes the client's connection. Not emulated: UDP, client IP
preservation, affinity, the idle timeout of 340 s.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from random import Random

from controller.sandbox.emulator.accelerator.resources import EndpointGroup
from controller.sandbox.emulator.accelerator.routing import IsHealthy, routes
from controller.sandbox.emulator.accelerator.store import AcceleratorStore
from controller.sandbox.emulator.geography import location_of, nearest_first
from controller.sandbox.emulator.open_connections import Connections

TICK_S = 0.1
CONNECT_S = 4.0
_CHUNK_BYTES = 64 * 1024

Place = tuple[str, int]  # static address and port
_log = logging.getLogger(__name__)


class AcceleratorRelay:
    """Keeps a listening socket for each static address and port that is deployed."""

    def __init__(self, store: AcceleratorStore, is_healthy: IsHealthy, rng: Random) -> None:
        self._store = store
        self._is_healthy = is_healthy
        self._rng = rng
        self._servers: dict[Place, asyncio.Server] = {}
        self._refused: set[Place] = set()
        self._connections = Connections()

    async def run(self) -> None:
        """Listen and relay until cancelled; open connections end with it."""
        try:
            while True:
                await self.follow()
                await asyncio.sleep(TICK_S)
        finally:
            for server in self._servers.values():
                server.close()
            self._servers.clear()
            await self._connections.end()

    async def follow(self) -> None:
        """Open and close sockets so that they match what is deployed."""
        wanted = self.places()
        for place in self._servers.keys() - wanted:
            self._servers.pop(place).close()
        for place in wanted - self._servers.keys():
            await self._open(place)

    def places(self) -> set[Place]:
        """Every address and port that should accept connections."""
        return {
            (address, port)
            for accelerator in self._store.served()
            for address in accelerator.addresses
            for listener in accelerator.listeners
            for port in listener.ports
        }

    def choose(self, place: Place, client: str) -> str | None:
        """The endpoint address for a new connection from a client; None when there is none."""
        groups = {group.region: group for group in self._groups(place)}
        order = nearest_first(location_of(client), groups)
        found = routes([groups[region] for region in order], self._is_healthy)
        if not found:
            return None
        weights = [float(route.probability) for route in found]
        return self._rng.choices(found, weights)[0].endpoint.address

    def _groups(self, place: Place) -> list[EndpointGroup]:
        address, port = place
        return [
            group
            for accelerator in self._store.served()
            if address in accelerator.addresses
            for listener in accelerator.listeners
            if port in listener.ports
            for group in listener.groups
        ]

    async def _open(self, place: Place) -> None:
        try:
            self._servers[place] = await asyncio.start_server(self._accepted(place), *place)
        except OSError as error:
            if place not in self._refused:
                _log.warning("accelerator cannot listen on %s:%d: %s", *place, error)
            self._refused.add(place)
        else:
            self._refused.discard(place)

    def _accepted(
        self, place: Place
    ) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
        async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            client = writer.get_extra_info("peername")[0]
            endpoint = self.choose(place, client)
            with self._connections.serving():
                try:
                    if endpoint is not None:
                        await _relay(reader, writer, endpoint, place[1])
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
