"""DNS queries of the sandbox's users: one UDP query with the user's client subnet.

It stands for a public resolver that sends EDNS client subnet (RFC 7871) to Route 53. It caches
nothing; `users.CachedName` does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import dns.asyncquery
import dns.edns
import dns.exception
import dns.message
import dns.rcode
import dns.rdatatype

from controller.sandbox.emulator.geography import client_subnet

DEADLINE_S = 0.8
"""Below the second between two requests of a user, so that queries never overlap."""


class NoAnswerError(Exception):
    """The name server did not answer or could not; this says nothing about the name."""


@dataclass(frozen=True, slots=True)
class ResolvedAddress:
    """The first address of a name, None if it has none, and its TTL in seconds."""

    address: str | None
    ttl_s: float


Ask = Callable[[str, str], Awaitable[ResolvedAddress]]
"""Resolves a name for a user in a country (name, country). Raises NoAnswerError."""


class DnsClient:
    """Queries one name server."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port

    async def ask(self, name: str, country: str) -> ResolvedAddress:
        """The A record that a user in this country gets. Raises NoAnswerError."""
        subnet = dns.edns.ECSOption.from_text(f"{client_subnet(country)}/0")
        query = dns.message.make_query(name, "A", use_edns=0, options=[subnet])
        try:
            response = await dns.asyncquery.udp(
                query, self._host, port=self._port, timeout=DEADLINE_S
            )
        except (OSError, dns.exception.DNSException) as error:
            raise NoAnswerError(str(error)) from error
        return _first_address(response)


def _first_address(response: dns.message.Message) -> ResolvedAddress:
    if response.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        raise NoAnswerError(dns.rcode.to_text(response.rcode()))
    for records in response.answer:
        if records.rdtype == dns.rdatatype.A:
            return ResolvedAddress(records[0].address, records.ttl)
    return ResolvedAddress(None, 0)
