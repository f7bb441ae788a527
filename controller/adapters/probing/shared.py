"""What all endpoints of one prober share."""

from __future__ import annotations

from controller.adapters.probing.answer import Expectation
from controller.adapters.probing.reactor import Reactor
from controller.adapters.probing.resolver import Resolver
from controller.adapters.probing.trust import Authorities
from controller.model.configuration import Endpoint
from controller.settings.references import References


class Shared:
    """The reactor, the resolver, the secrets, the authorities."""

    def __init__(self, reactor: Reactor, resolver: Resolver, references: References) -> None:
        self.reactor = reactor
        self.resolver = resolver
        self.secrets = references.secrets
        self.authorities = Authorities(references.authorities)
        self.generation = 0
        """Counts how often secrets and authorities were replaced."""
        self._expectations: dict[tuple[object, ...], Expectation] = {}

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
