"""DNS queries to a zone's name servers, as a resolver sends them on behalf of users.

One UDP query with the users' subnet (EDNS client subnet, RFC 7871; Route 53 Developer Guide, *How
Amazon Route 53 uses EDNS0 to estimate the location of a user*), repeated over TCP when the answer
is truncated. Queries bypass resolvers and so their caches. Servers are used round-robin: a silent
one costs one query.
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

ZoneServers = Callable[[str], Awaitable[Sequence[str]]]
"""Hosted zone id to the host names of its name servers. Raises as `NameServers.ask` does."""


class DnsNameServers:
    """Implements the NameServers port."""

    def __init__(self, zone_servers: ZoneServers, settings: AnswerSettings) -> None:
        self._zone_servers = zone_servers
        self._settings = settings
        self._addresses: dict[str, tuple[tuple[str, int], ...]] = {}
        self._next_server = 0

    def apply(self, settings: AnswerSettings) -> None:
        """Use these settings from now on."""
        self._settings = settings
        self._addresses.clear()

    async def ask(self, hosted_zone_id: str, name: str, subnet: str) -> frozenset[str]:
        """The addresses that one of the zone's name servers answers to users in this subnet."""
        servers = await self._servers(hosted_zone_id)
        self._next_server += 1
        host, port = servers[self._next_server % len(servers)]
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
        """The addresses of any name, from this machine's resolver."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._settings.deadline_s):
                found = await loop.getaddrinfo(
                    name, None, family=socket.AF_INET, type=socket.SOCK_STREAM
                )
        except TimeoutError as error:
            raise ProviderUnavailableError(f"{name} was not resolved in time") from error
        except (OSError, UnicodeError) as error:  # UnicodeError: the name is not valid in DNS
            raise ProviderUnavailableError(f"{name} is not resolved: {error}") from error
        return frozenset(str(address[0]) for *_, address in found)

    async def _servers(self, hosted_zone_id: str) -> tuple[tuple[str, int], ...]:
        """The zone's name servers as (address, port); AWS's names are resolved once."""
        if self._settings.name_servers:
            return tuple(map(host_and_port, self._settings.name_servers))
        if hosted_zone_id not in self._addresses:
            names = await self._zone_servers(hosted_zone_id)
            found = [sorted(await self.resolve(name.rstrip("."))) for name in names]
            self._addresses[hosted_zone_id] = tuple(
                (address, DNS_PORT) for addresses in found for address in addresses
            )
        return self._addresses[hosted_zone_id]


def _question(name: str, subnet: str) -> dns.message.Message:
    users = ip_network(subnet)
    option = dns.edns.ECSOption(str(users.network_address), users.prefixlen)
    # No flags: authoritative servers are not asked to recurse.
    return dns.message.make_query(name, "A", use_edns=0, options=[option], flags=0)


def _addresses(response: dns.message.Message) -> frozenset[str]:
    return frozenset(
        record.address
        for records in response.answer
        if records.rdtype == dns.rdatatype.A
        for record in records
    )
