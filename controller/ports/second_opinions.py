"""Second opinions: Route 53's health checks of endpoints, and the DNS answers that users get."""

from __future__ import annotations

from typing import Protocol

from controller.model.second_opinions import CheckDefinition, CheckerReport


class HealthChecks(Protocol):
    """Route 53's own health checks."""

    async def definition(self, check_id: str) -> CheckDefinition:
        """The check's settings. Raises as `RecordSets.read` does."""
        ...

    async def reports(self, check_id: str) -> tuple[CheckerReport, ...]:
        """The last report of each checker of an endpoint check; waits for the API's rate limit.

        Raises as `RecordSets.read` does.
        """
        ...


class NameServers(Protocol):
    """DNS lookups. Both methods raise ProviderUnavailableError or ProviderRejectedError."""

    async def ask(self, hosted_zone_id: str, name: str, subnet: str) -> frozenset[str]:
        """The IPv4 addresses that one of the zone's name servers answers to users in `subnet`."""
        ...

    async def resolve(self, name: str) -> frozenset[str]:
        """The IPv4 addresses of any name, from this machine's resolver."""
        ...
