"""Who serves a hosted zone: the four name servers of its delegation set.

API Reference, *GetHostedZone*. Route 53 assigns them when the zone is made and never changes them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from controller.adapters.aws.calls import Calls
from controller.model.errors import ProviderRejectedError

if TYPE_CHECKING:
    from types_aiobotocore_route53 import Route53Client


class Delegations:
    """Names of the name servers, asked of AWS once for each zone."""

    def __init__(self, client: Route53Client, calls: Calls) -> None:
        self._client = client
        self._calls = calls
        self._known: dict[str, tuple[str, ...]] = {}

    async def name_servers(self, hosted_zone_id: str) -> tuple[str, ...]:
        """Host names. Raises ProviderUnavailableError or ProviderRejectedError."""
        if hosted_zone_id not in self._known:
            answer = await self._calls.ask(
                "GetHostedZone", lambda: self._client.get_hosted_zone(Id=hosted_zone_id)
            )
            servers = answer.get("DelegationSet", {}).get("NameServers", [])
            if not servers:
                raise ProviderRejectedError(f"zone {hosted_zone_id} is private: nobody serves it")
            self._known[hosted_zone_id] = tuple(servers)
        return self._known[hosted_zone_id]
