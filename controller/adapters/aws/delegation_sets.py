"""Delegation sets: the four name servers of a hosted zone.

API Reference, *GetHostedZone*. Route 53 assigns them when it creates the zone; they never change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.adapters.aws.calls import AwsCalls
from controller.model.errors import ProviderRejectedError

if TYPE_CHECKING:
    from types_aiobotocore_route53 import Route53Client


class DelegationSets:
    """Names of zones' name servers; AWS is asked once for each zone."""

    def __init__(self, client: Route53Client, calls: AwsCalls) -> None:
        self._client = client
        self._calls = calls
        self._name_servers: dict[str, tuple[str, ...]] = {}

    async def name_servers(self, hosted_zone_id: str) -> tuple[str, ...]:
        """The zone's name servers. Raises ProviderUnavailableError or ProviderRejectedError."""
        if hosted_zone_id not in self._name_servers:
            answer = await self._calls.ask(
                "GetHostedZone", lambda: self._client.get_hosted_zone(Id=hosted_zone_id)
            )
            servers = answer.get("DelegationSet", {}).get("NameServers", [])
            if not servers:
                raise ProviderRejectedError(f"zone {hosted_zone_id} is private: nobody serves it")
            self._name_servers[hosted_zone_id] = tuple(servers)
        return self._name_servers[hosted_zone_id]
