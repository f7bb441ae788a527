"""What the name servers of a zone answer users: asked directly, in the users' name.

One UDP question with the users' subnet (EDNS client subnet, RFC 7871; Route 53 Developer Guide,
*How Amazon Route 53 uses EDNS0 to estimate the location of a user*), over TCP when the answer is
truncated. No resolver stands between, so no cache does either. The zone's servers take turns; one
that is silent costs one question.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import ip_network

import dns.asyncquery
import dns.edns
import dns.exception
import dns.message
import dns.rcode
import dns.rdatatype

from controller.model.configuration import AnswerSettings
from controller.model.configuration.answers import DNS_PORT, host_and_port
from controller.model.errors import ProviderUnavailableError

Delegation = Callable[[str], Awaitable[Sequence[str]]]
"""Hosted zone id to the host names of its name servers; raises as `NameServers.ask` does."""


class DnsNameServers:
    """Fulfils the NameServers port."""

    def __init__(self, delegation: Delegation, settings: AnswerSettings) -> None:
        self._delegation = delegation
        self._settings = settings
        self._addresses: dict[str, tuple[tuple[str, int], ...]] = {}
        self._turn = 0

    def use(self, settings: AnswerSettings) -> None:
        """Ask as these settings want it from now on."""
        self._settings = settings
        self._addresses.clear()

    async def ask(self, hosted_zone_id: str, name: str, subnet: str) -> frozenset[str]:
        """The addresses that one of the zone's name servers gives users in this subnet."""
        servers = await self._servers(hosted_zone_id)
        self._turn += 1
        host, port = servers[self._turn % len(servers)]
        try:
            async with asyncio.timeout(self._settings.deadline_s):
                response, _ = await dns.asyncquery.udp_with_fallback(
                    _question(name, subnet), host, port=port
                )
        except TimeoutError as error:
            raise ProviderUnavailableError(f"name server {host} is silent") from error
        except (OSError, dns.exception.DNSException) as error:
            raise ProviderUnavailableError(f"name server {host}: {error}") from error
        if response.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            code = dns.rcode.to_text(response.rcode())
            raise ProviderUnavailableError(f"name server {host} answers {code} for {name}")
        return _addresses(response)

    async def resolve(self, name: str) -> frozenset[str]:
        """The addresses of any name, as this machine's resolver has them."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._settings.deadline_s):
                found = await loop.getaddrinfo(
                    name, None, family=socket.AF_INET, type=socket.SOCK_STREAM
                )
        except TimeoutError as error:
            raise ProviderUnavailableError(f"{name} was not resolved in time") from error
        except (OSError, UnicodeError) as error:  # the latter for a name that cannot be one
            raise ProviderUnavailableError(f"{name} is not resolved: {error}") from error
        return frozenset(str(address[0]) for *_, address in found)

    async def _servers(self, hosted_zone_id: str) -> tuple[tuple[str, int], ...]:
        """Addresses and ports; the names of AWS's servers are resolved once."""
        if self._settings.name_servers:
            return tuple(map(host_and_port, self._settings.name_servers))
        if hosted_zone_id not in self._addresses:
            names = await self._delegation(hosted_zone_id)
            found = [sorted(await self.resolve(name.rstrip("."))) for name in names]
            self._addresses[hosted_zone_id] = tuple(
                (address, DNS_PORT) for addresses in found for address in addresses
            )
        return self._addresses[hosted_zone_id]


def _question(name: str, subnet: str) -> dns.message.Message:
    users = ip_network(subnet)
    option = dns.edns.ECSOption(str(users.network_address), users.prefixlen)
    # No flags: the zone's own servers are not asked to look further.
    return dns.message.make_query(name, "A", use_edns=0, options=[option], flags=0)


def _addresses(response: dns.message.Message) -> frozenset[str]:
    return frozenset(
        record.address
        for records in response.answer
        if records.rdtype == dns.rdatatype.A
        for record in records
    )
