"""The first part of a target: what it asks, of which address, and how it gets connected.

One address is connected to; the several of a name are probed by the listener one by one, or race
(`address_race`). What follows a connection is for `network_target`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import partial

from controller.adapters.probing import resolver
from controller.adapters.probing.address_families import Addresses, family_of
from controller.adapters.probing.address_race import AddressRace
from controller.adapters.probing.failure_causes import (
    ProbeFinding,
    Telling,
    could_not_run,
    finding_of,
)
from controller.adapters.probing.probe_connection import ProbeConnection
from controller.adapters.probing.probe_request import address_of, request_of
from controller.adapters.probing.resolver import ResolvedName
from controller.adapters.probing.shared_resources import SharedResources
from controller.adapters.probing.socket_budget import NO_SOCKET
from controller.adapters.probing.sockets import Address
from controller.adapters.probing.tls_trust import TlsTrust
from controller.model.configuration import Endpoint
from controller.model.health import NotRunCause
from controller.ports import ProbeListener


class ConnectingTarget(ABC):
    """Implements the part of RaceHost that is about getting connected. Slots: there are many.

    `_active` is the connection whose probe runs; None while several race to become it.
    """

    __slots__ = (
        "_active",
        "_address",
        "_endpoint",
        "_listener",
        "_preferred_address",
        "_prepared_for",
        "_race",
        "_resolved_name",
        "_shared",
        "expected",
        "reactor",
        "request",
        "server_name",
        "trust",
    )

    request: bytes
    server_name: str
    trust: TlsTrust | None

    def __init__(
        self,
        shared: SharedResources,
        endpoint: Endpoint,
        listener: ProbeListener,
        address: Address | None,
    ) -> None:
        self._shared = shared
        self._endpoint = endpoint
        self._listener = listener
        self._prepared_for = -1
        """The `generation` of the shared resources that the request was made from."""
        self._address = address
        """The only address to probe; None before `_prepare` if the URL contains it, and always if
        the URL contains a name."""
        self._resolved_name: ResolvedName | None = None
        """The endpoint's name when its URL contains one."""
        self._preferred_address: Address | None = None
        """Of a name with several addresses: the one that was connected to first, last time."""
        self._race: AddressRace | None = None
        """The attempt over several addresses that runs now."""
        self._active: ProbeConnection | None = None
        self.reactor = shared.reactor
        self.expected = shared.expectation(endpoint)

    # -- for the subclass to implement: ConnectionOwner

    @abstractmethod
    def on_finding(self, connection: ProbeConnection, finding: ProbeFinding, now: float) -> None:
        """See the protocol."""

    @abstractmethod
    def on_timeout(self, connection: ProbeConnection, now: float) -> None:
        """See the protocol."""

    @abstractmethod
    def on_stale(self, connection: ProbeConnection, now: float) -> None:
        """See the protocol."""

    @abstractmethod
    def on_idle_closed(self, connection: ProbeConnection) -> None:
        """See the protocol."""

    # -- connecting

    def start_connecting(self, connection: ProbeConnection, now: float) -> None:
        """Resolve and connect, once there is a socket.

        Errors are reported after `start_probe` has returned.
        """
        if not self._shared.sockets.may_open(self._endpoint):
            self._shared.sockets.wait(connection.max_timeout_s, partial(self._on_turn, connection))
            return
        try:
            if self._prepared_for != self._shared.generation:
                self._prepare()
        except KeyError as error:
            finding = could_not_run(f"{error.args[0]} has not been read", NotRunCause.SETTINGS)
            self.reactor.call_soon(self.on_finding, connection, finding, now)
            return
        except ValueError as error:
            self.reactor.call_soon(self.on_finding, connection, finding_of(error), now)
            return
        address = self._address
        try:
            if address is None:
                self._resolve(connection, now)
            else:
                connection.connect(address, now)
                self.reactor.set_deadline(connection, connection.deadline)
        except Exception as error:
            finding = self.finding_of_address(error, connection.address)
            self.reactor.call_soon(self.on_finding, connection, finding, now)

    def _on_turn(self, connection: ProbeConnection, has_socket: bool) -> None:
        """Begin the probe, which waited for a socket; the wait is no part of its timeout."""
        if connection is not self._active:
            return
        now = self.reactor.time()
        if not has_socket:
            self.on_finding(connection, NO_SOCKET, now)
            return
        connection.begin(now, connection.timeout_s, connection.max_timeout_s)
        self.start_connecting(connection, now)

    def _resolve(self, connection: ProbeConnection, now: float) -> None:
        """Connect to the name's addresses, or wait for them until the probe's timeout."""
        assert self._resolved_name is not None, "a URL contains an address or a name"
        addresses = self._resolved_name.addresses(partial(self._on_resolved, connection))
        if addresses is None:
            self.reactor.set_deadline(connection, connection.deadline)
        else:
            self._connect(connection, addresses, now)

    def _prepare(self) -> None:
        """Make the request from the present secrets and CAs. Raises ValueError and KeyError."""
        endpoint, address = self._endpoint, address_of(self._endpoint)
        is_tcp = address.scheme == "tcp"
        self.request = b"" if is_tcp else request_of(endpoint, self._shared.secrets)
        self.server_name = address.server_name
        is_tls = address.scheme == "https"
        self.trust = (
            self._shared.authorities.trust(endpoint.ca_file, endpoint.certificates)
            if is_tls
            else None
        )
        if self._address is None:
            self._address = resolver.literal_address(address.host, address.port)
        if self._address is None:
            self._resolved_name = self._shared.resolver.name(address.host, address.port)
        self._prepared_for = self._shared.generation

    def _connect(self, connection: ProbeConnection, addresses: Addresses, now: float) -> None:
        """Connect to one of the name's addresses. Raises OSError."""
        if len(addresses) > 1:
            addresses = self._shared.families.usable(addresses)
        if len(addresses) > 1:
            self._connect_to_any(connection, addresses, now)
            return
        connection.connect(addresses[0], now)
        self.reactor.set_deadline(connection, connection.deadline)

    def _connect_to_any(
        self, connection: ProbeConnection, addresses: Addresses, now: float
    ) -> None:
        """Let the listener probe each address, or else let them race, the last winner first."""
        self._active = None
        connection.close()
        if self._listener.on_addresses(tuple(map(resolver.address_text, addresses))):
            return
        preferred = self._preferred_address
        first = addresses.index(preferred) if preferred in addresses else 0
        self._race = AddressRace(self, connection, addresses[first:] + addresses[:first])
        self._race.start(now)

    def _on_resolved(self, connection: ProbeConnection, addresses: Addresses | Exception) -> None:
        if connection is not self._active:
            return
        now = self.reactor.time()
        if isinstance(addresses, Exception):
            self.on_finding(connection, finding_of(addresses), now)
            return
        try:
            self._connect(connection, addresses, now)
        except OSError as error:
            self.on_finding(connection, self.finding_of_address(error, connection.address), now)

    # -- RaceHost

    def finding_of_address(self, error: Exception, address: Address | None) -> ProbeFinding:
        """The finding of an exception; of a missing route it says whether the family has none."""
        finding = finding_of(error)
        if finding.cause is not NotRunCause.NO_ROUTE or address is None:
            return finding
        if not self._shared.families.is_missing(address):
            return finding
        return could_not_run(f"no {family_of(address)} route from here", NotRunCause.NO_FAMILY)

    def on_race_won(self, connection: ProbeConnection) -> None:
        """The connection that was made first carries the probe."""
        self._race, self._active = None, connection
        self._preferred_address = connection.address

    def on_race_lost(self, connection: ProbeConnection, finding: ProbeFinding, now: float) -> None:
        """Report the most telling outcome."""
        self._race, self._active = None, connection
        if finding.telling is Telling.SILENCE:
            self.on_timeout(connection, now)
            if connection.is_late:
                self.reactor.set_deadline(connection, connection.deadline)
        else:
            self.on_finding(connection, finding, now)

    def end_race(self) -> None:
        """End an attempt over several addresses without a result."""
        if self._race is not None:
            self._race.close()
            self._race = None
