"""The regional applications: their addresses, and breaking and healing regions while they run.

Addresses come from the settings' endpoints and known-good reference targets, so that the daemon
probes what users reach. The reference targets count as one more region: breaking it looks like a
fault of the prober's network.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Literal, assert_never
from urllib.parse import urlsplit

from controller.model.configuration import Settings
from controller.sandbox.errors import SandboxError
from controller.sandbox.world.listeners import HttpListener, Listener, TcpListener
from controller.sandbox.world.region_modes import Behaviour, RegionMode

REFERENCE_TARGETS = "reference-targets"
"""The region that the known-good reference targets count as."""


@dataclass(frozen=True, slots=True, order=True)
class ListenAddress:
    """The address of one endpoint."""

    scheme: Literal["http", "tcp"]
    host: str
    port: int


def address_of(probe: str) -> ListenAddress:
    """The address of a probe's URL. Raises SandboxError for https, which the sandbox lacks."""
    parts = urlsplit(probe)
    host = parts.hostname or ""
    match parts.scheme:
        case "http":
            return ListenAddress("http", host, parts.port or 80)
        case "tcp":
            return ListenAddress("tcp", host, parts.port or 0)
    raise SandboxError(
        f"{probe}: the sandbox's regions speak http and tcp only; use http:// or tcp://"
    )


def addresses(settings: Settings) -> dict[str, tuple[ListenAddress, ...]]:
    """Region to its addresses, reference targets too. Raises SandboxError when two share one."""
    owners: dict[ListenAddress, str] = {}
    for region, address in _endpoint_addresses(settings):
        owner = owners.setdefault(address, region)
        if owner != region:
            raise SandboxError(
                f"{address.scheme}://{address.host}:{address.port} is an endpoint of {owner} "
                f"and of {region}; give each region an address of its own"
            )
    regions = dict.fromkeys(owners.values())
    return {name: tuple(a for a, owner in owners.items() if owner == name) for name in regions}


def region_addresses(settings: Settings) -> dict[str, str]:
    """Host address to region, to find where a request went; without the reference targets."""
    return {
        address.host: region
        for region, listen_addresses in addresses(settings).items()
        if region != REFERENCE_TARGETS
        for address in listen_addresses
    }


def _endpoint_addresses(settings: Settings) -> Iterator[tuple[str, ListenAddress]]:
    for endpoint_id, endpoint in settings.endpoints():
        yield endpoint_id.region, address_of(endpoint.probe)
    for probe in settings.reference_targets.known_good:
        yield REFERENCE_TARGETS, address_of(probe)


@dataclass(frozen=True, slots=True)
class RegionState:
    """A region's mode, and since when."""

    mode: RegionMode
    since: datetime


class SandboxRegions:
    """All regional applications of the sandbox."""

    def __init__(self, settings: Settings, *, rng: Random, now: Callable[[], datetime]) -> None:
        self._now = now
        self._behaviours: dict[str, Behaviour] = {}
        self._listeners: dict[str, tuple[Listener, ...]] = {}
        for name, listen_addresses in addresses(settings).items():
            behaviour = self._behaviours[name] = Behaviour(rng)
            self._listeners[name] = tuple(
                _listener(name, item, behaviour) for item in listen_addresses
            )
        self._since = dict.fromkeys(self._behaviours, now())
        self._switching = asyncio.Lock()

    @property
    def names(self) -> tuple[str, ...]:
        """All regions that can be broken, the reference targets last."""
        return tuple(self._behaviours)

    def state(self) -> dict[str, RegionState]:
        """The present mode of every region."""
        return {
            name: RegionState(behaviour.mode, self._since[name])
            for name, behaviour in self._behaviours.items()
        }

    async def open(self) -> None:
        """Listen on all addresses. Raises OSError when one is not available."""
        for name in self.names:
            await self._listen(name)

    async def close(self) -> None:
        """Close every listener."""
        for name in self.names:
            await self._stop_listening(name)

    async def set_mode(self, name: str, mode: RegionMode) -> None:
        """Change a region's mode.

        Raises SandboxError for an unknown region, OSError when a dead region's address is in use.
        """
        if name not in self._behaviours:
            raise SandboxError(f"no region is called {name!r}", self.names)
        async with self._switching:
            await self._switch(name, mode)

    async def _switch(self, name: str, mode: RegionMode) -> None:
        behaviour = self._behaviours[name]
        before = behaviour.mode
        if mode is before:
            return
        if mode is RegionMode.DEAD:
            await self._stop_listening(name)
        elif before is RegionMode.DEAD:
            await self._listen(name)
        behaviour.mode = mode
        self._since[name] = self._now()

    async def _listen(self, name: str) -> None:
        try:
            for listener in self._listeners[name]:
                await listener.open()
        except OSError:
            await self._stop_listening(name)  # a region listens everywhere or nowhere
            raise

    async def _stop_listening(self, name: str) -> None:
        await asyncio.gather(*(listener.close() for listener in self._listeners[name]))


def _listener(region: str, address: ListenAddress, behaviour: Behaviour) -> Listener:
    match address.scheme:
        case "http":
            return HttpListener(region, address.host, address.port, behaviour)
        case "tcp":
            return TcpListener(region, address.host, address.port, behaviour)
        case unreachable:
            assert_never(unreachable)
