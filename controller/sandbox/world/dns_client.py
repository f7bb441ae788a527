"""How the sandbox's users resolve a name: one UDP question with the user's client subnet.

Stands for a public resolver that passes EDNS client subnet (RFC 7871) on to Route 53. What such a
resolver keeps, and for how long, is the user's matter.
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
"""Shorter than the second between two requests, so that a user never asks twice at once."""


class NoAnswerError(Exception):
    """The name server was silent or could not answer; this says nothing about the name."""


@dataclass(frozen=True, slots=True)
class ResolvedAddress:
    """The first address of a name and how long it may be kept; None when the name has none."""

    address: str | None
    ttl_s: float


Ask = Callable[[str, str], Awaitable[ResolvedAddress]]
"""Resolve a name for somebody in a country, or raise NoAnswerError."""


class DnsClient:
    """Asks one name server."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port

    async def ask(self, name: str, country: str) -> ResolvedAddress:
        """The A record of a name as somebody in the country sees it, or NoAnswerError."""
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
