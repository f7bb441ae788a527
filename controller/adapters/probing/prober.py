"""The Prober port, over the network."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Self

from controller.adapters.probing.address_families import HasRoute, has_route
from controller.adapters.probing.network_target import NetworkTarget
from controller.adapters.probing.reactor import Reactor
from controller.adapters.probing.resolver import Lookup, Resolver, look_up, parsed_address
from controller.adapters.probing.shared_resources import SharedResources
from controller.adapters.probing.socket_budget import SocketLimits
from controller.adapters.probing.sockets import keep_timestamps_on
from controller.model.configuration import Endpoint
from controller.model.health import ResolvedAddresses
from controller.ports import ProbeListener
from controller.settings.references import NO_REFERENCES, References


class NetworkProber:
    """Implements the Prober port; use it with `async with`.

    HTTPS always verifies the certificate and its name, as users' browsers do. Probes follow no
    redirect, keep no cookie and request no compression.
    """

    def __init__(
        self,
        references: References = NO_REFERENCES,
        lookup: Lookup = look_up,
        has_route: HasRoute = has_route,
    ) -> None:
        """`lookup` resolves a name in a thread; `has_route` looks at this host's routes."""
        self._references = references
        self._lookup = lookup
        self._has_route = has_route

    def apply(self, references: References) -> None:
        """Use these secrets and authorities from the next probe on."""
        self._shared.apply(references)

    def limit_sockets(self, limits: SocketLimits) -> None:
        """Keep to these limits from the next probe on."""
        self._shared.sockets.limits = limits

    async def __aenter__(self) -> Self:
        self._timestamps = keep_timestamps_on()
        self._reactor = Reactor()
        self._resolver = Resolver(self._lookup)
        self._shared = SharedResources(
            self._reactor, self._resolver, self._references, self._has_route
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._shared.sockets.close()
        self._reactor.close()
        self._timestamps.close()
        self._resolver.close()

    def target(self, endpoint: Endpoint, listener: ProbeListener) -> NetworkTarget:
        """See the port."""
        return NetworkTarget(self._shared, endpoint, listener)

    def address_target(
        self, endpoint: Endpoint, address: str, listener: ProbeListener
    ) -> NetworkTarget:
        """See the port."""
        return NetworkTarget(self._shared, endpoint, listener, parsed_address(address))

    @property
    def missing_families(self) -> tuple[str, ...]:
        """See the port."""
        return self._shared.families.missing

    def known_addresses(self) -> Mapping[str, ResolvedAddresses]:
        """See the port."""
        return self._resolver.known_addresses()

    def restore_addresses(self, earlier: Mapping[str, ResolvedAddresses]) -> None:
        """See the port."""
        self._resolver.restore(earlier)
