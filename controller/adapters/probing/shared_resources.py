"""The resources that all targets of one prober share."""

from __future__ import annotations

from controller.adapters.probing.address_families import AddressFamilies, HasRoute, has_route
from controller.adapters.probing.http.response_check import Expectation
from controller.adapters.probing.reactor import Reactor
from controller.adapters.probing.resolver import Resolver
from controller.adapters.probing.socket_budget import SocketBudget, SocketLimits
from controller.adapters.probing.tls_trust import CertificateAuthorities
from controller.model.configuration import Endpoint
from controller.settings.references import References

MAX_REUSE_S = 60.0
"""Seconds after which a kept connection is replaced at the latest: the server may refuse new
connections by now, the name's address or the certificate may have changed."""
_REUSE_SPREAD = 0.5
_GOLDEN_RATIO = (5**0.5 - 1) / 2


class SharedResources:
    """What all targets share: reactor, resolver, families, secrets, authorities, sockets."""

    def __init__(
        self,
        reactor: Reactor,
        resolver: Resolver,
        references: References,
        has_route: HasRoute = has_route,
    ) -> None:
        self.reactor = reactor
        self.resolver = resolver
        self.families = AddressFamilies(reactor.time, has_route)
        self.secrets = references.secrets
        self.authorities = CertificateAuthorities(references.authorities)
        self.sockets = SocketBudget(SocketLimits(), reactor)
        self.generation = 0
        """Number of times that secrets and authorities were replaced."""
        self._expectations: dict[tuple[object, ...], Expectation] = {}
        self._reused_connections = 0
        """Number of connections that were kept so far."""

    def apply(self, references: References) -> None:
        """Use these secrets and authorities from the next probe on."""
        self.secrets = references.secrets
        self.authorities = self.authorities.with_files(references.authorities)
        self.generation += 1
        self._expectations.clear()

    def expectation(self, endpoint: Endpoint) -> Expectation:
        """What the endpoint must answer; endpoints with equal expectations share one object."""
        key = (endpoint.statuses, endpoint.body_contains)
        if key not in self._expectations:
            self._expectations[key] = Expectation(endpoint)
        return self._expectations[key]

    def next_reuse_limit_s(self) -> float:
        """Seconds for which the next connection is kept: `MAX_REUSE_S / 2 <= s <= MAX_REUSE_S`.

        Connections begin within one interval; as many handshakes at one time would delay every
        probe. Multiples of the golden ratio modulo 1 (a Weyl sequence) are evenly spread for any
        number of connections: 0.62, 0.24, 0.85, 0.47, …
        """
        self._reused_connections += 1
        return MAX_REUSE_S * (
            1.0 - _REUSE_SPREAD * (self._reused_connections * _GOLDEN_RATIO % 1.0)
        )
