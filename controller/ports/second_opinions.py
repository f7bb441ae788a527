"""Second opinions: what others find of endpoints, and what users are answered."""

from __future__ import annotations

from typing import Protocol

from controller.model.second_opinions import CheckDefinition, CheckerReport


class HealthChecks(Protocol):
    """Route 53's own health checks."""

    async def definition(self, check_id: str) -> CheckDefinition:
        """How the check comes to its status. Raises as `RecordSets.read` does."""
        ...

    async def reports(self, check_id: str) -> tuple[CheckerReport, ...]:
        """What each checker of an endpoint check saw last; waits for its turn.

        Raises as `RecordSets.read` does.
        """
        ...


class NameServers(Protocol):
    """Who answers users. Both questions raise ProviderUnavailableError or ProviderRejectedError."""

    async def ask(self, hosted_zone_id: str, name: str, subnet: str) -> frozenset[str]:
        """The IPv4 addresses that one of the zone's name servers gives users in this subnet."""
        ...

    async def resolve(self, name: str) -> frozenset[str]:
        """The IPv4 addresses of any name, as this machine's resolver has them."""
        ...
