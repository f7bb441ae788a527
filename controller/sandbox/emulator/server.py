"""The emulated AWS as one process: stores, gateway, name server, health checkers and relay.

The sandbox's supervisor starts it and reads its announcement. `serve` is the whole program;
`running` is the same for a test. A closed HTTP listener means to a client that AWS is gone; the
stores, the data plane and the control API keep running.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random

from controller.sandbox.emulator.accelerator.endpoint_checks import EndpointChecks
from controller.sandbox.emulator.accelerator.relay import AcceleratorRelay
from controller.sandbox.emulator.checkers.health_checkers import HealthCheckers
from controller.sandbox.emulator.control import ControlServer
from controller.sandbox.emulator.faults.active import Faults
from controller.sandbox.emulator.faults.layer import FaultLayer
from controller.sandbox.emulator.http.gateway import Call, Gateway, Services
from controller.sandbox.emulator.http.listener import HttpListener
from controller.sandbox.emulator.http.wire_messages import Result
from controller.sandbox.emulator.manual_edits import ManualEdits
from controller.sandbox.emulator.route53.dns_answers import resolve
from controller.sandbox.emulator.route53.name_server import DnsServer, Responder
from controller.sandbox.emulator.route53.records import normal_name
from controller.sandbox.emulator.stores import Stores

Announce = Callable[[dict[str, object]], None]


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Where to listen (port 0: any free port), and how many seconds changes take."""

    http_host: str = "127.0.0.1"
    http_port: int = 4566
    control_port: int = 4567
    dns_host: str = "127.0.0.1"
    dns_port: int = 10053
    insync_after_s: float = 2.0
    deployed_after_s: float = 2.0
    seed: int = 1


async def serve(options: ServerOptions, announce: Announce, stop: asyncio.Event) -> None:
    """Run until `stop` is set; call `announce` once, when everything listens.

    Raises OSError when a port is taken.
    """
    async with running(options) as aws:
        announce(
            {
                "ready": "aws",
                "url": aws.url,
                "dns": aws.dns_address,
                "control": aws.control_url,
            }
        )
        await stop.wait()


@asynccontextmanager
async def running(
    options: ServerOptions, clock: Callable[[], float] = time.time
) -> AsyncIterator["EmulatedAws"]:
    """A context with the emulated AWS listening; enter and leave it in the same task."""
    aws = EmulatedAws(options, clock)
    try:
        await aws.open()
        async with asyncio.TaskGroup() as group:
            workers = [group.create_task(work()) for work in aws.workers]
            try:
                yield aws
            finally:
                for worker in workers:
                    worker.cancel()
    finally:
        await aws.close()


class EmulatedAws:
    """All stores, sockets and workers, connected."""

    def __init__(self, options: ServerOptions, clock: Callable[[], float]) -> None:
        """`clock` gives seconds since 1970."""
        self._options = options
        self._rng = Random(options.seed)
        stores = Stores(clock, options.insync_after_s, options.deployed_after_s)
        self.health_checks = stores.health_checks
        self.zones = stores.zones
        self.accelerators = stores.accelerators
        self.view = stores.view
        services = stores.services()
        self.gateway = Gateway(self._dispatch, tuple(services), clock)
        self.http = HttpListener(self.gateway.handle, options.http_host, options.http_port)
        self.faults = Faults(ManualEdits(self.zones), self.http, clock)
        self._layer = FaultLayer(
            Services(services).dispatch, self.faults, self.zones, self.accelerators, clock
        )
        self._control = ControlServer(
            self.gateway.calls, self.faults, options.http_host, options.control_port
        )
        self._dns = DnsServer(Responder(self.view, self._rng))
        self._dns_port = options.dns_port
        checkers = HealthCheckers(
            self.health_checks, stores.reports, self._address_of, clock, self._rng
        )
        health = stores.endpoint_health
        endpoint_checks = EndpointChecks(self.accelerators, health, clock, self._rng)
        relay = AcceleratorRelay(self.accelerators, health.routable, self._rng)
        self.workers = (
            checkers.rounds.run,
            endpoint_checks.rounds.run,
            relay.run,
            self.faults.run,
            self._layer.run,
        )

    @property
    def url(self) -> str:
        """The URL of the APIs."""
        return f"http://{self.http.host}:{self.http.port}"

    @property
    def control_url(self) -> str:
        """The URL of the control API."""
        return f"http://{self._control.host}:{self._control.port}"

    @property
    def dns_address(self) -> str:
        """The address of the name server, as host:port."""
        return f"{self._options.dns_host}:{self._dns_port}"

    async def open(self) -> None:
        """Listen for DNS and HTTP. Raises OSError when a port is taken."""
        self._dns_port = await self._dns.start(self._options.dns_host, self._options.dns_port)
        await self._control.open()
        await self.http.open()

    async def close(self) -> None:
        """Stop listening, also if only some parts listen."""
        await self.http.close()
        await self._control.close()
        await self._dns.close()

    async def _dispatch(self, call: Call) -> Result:
        return await self._layer.dispatch(call)

    def _address_of(self, domain_name: str) -> str | None:
        answer = resolve(self.view(), normal_name(domain_name), "A", None, self._rng)
        is_address = answer.record is not None and answer.record.type == "A"
        return self._rng.choice(answer.record.values) if answer.record and is_address else None
