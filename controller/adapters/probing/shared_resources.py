"""What all endpoints of one prober share."""

from __future__ import annotations

from controller.adapters.probing.reactor import Reactor
from controller.adapters.probing.resolver import Resolver
from controller.adapters.probing.response_check import Expectation
from controller.adapters.probing.tls_trust import Authorities
from controller.model.configuration import Endpoint
from controller.settings.references import References

KEPT_FOR_S = 60.0
"""A kept connection is replaced after so long at most: it answers for a process that may take no
new ones, for an address that may be another by now, and for a certificate that may have changed."""
_SPREAD = 0.5
_GOLDEN_RATIO = (5**0.5 - 1) / 2


class SharedResources:
    """The reactor, the resolver, the secrets, the authorities."""

    def __init__(self, reactor: Reactor, resolver: Resolver, references: References) -> None:
        self.reactor = reactor
        self.resolver = resolver
        self.secrets = references.secrets
        self.authorities = Authorities(references.authorities)
        self.generation = 0
        """Counts how often secrets and authorities were replaced."""
        self._expectations: dict[tuple[object, ...], Expectation] = {}
        self._kept = 0
        """Counts the connections that were kept."""

    def use(self, references: References) -> None:
        """Send these secrets and trust these authorities from the next probe on."""
        self.secrets = references.secrets
        self.authorities = self.authorities.replaced(references.authorities)
        self.generation += 1
        self._expectations.clear()

    def expectation(self, endpoint: Endpoint) -> Expectation:
        """What the endpoint must answer; most endpoints must answer the same."""
        key = (endpoint.statuses, endpoint.body_contains)
        if key not in self._expectations:
            self._expectations[key] = Expectation(endpoint)
        return self._expectations[key]

    def keeping_s(self) -> float:
        """For how long the next connection is kept, spread evenly over the second half of the most.

        All begin within one interval, and that many handshakes at a time would keep every probe
        waiting. Multiples of the golden ratio lie evenly however many there are.
        """
        self._kept += 1
        return KEPT_FOR_S * (1.0 - _SPREAD * (self._kept * _GOLDEN_RATIO % 1.0))
