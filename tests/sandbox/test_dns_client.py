"""The users' resolver against a small name server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from controller.sandbox.emulator.geography import client_subnet
from controller.sandbox.world.dns_client import DnsClient, NoAnswerError, ResolvedAddress
from tests.sandbox.worlds import free_port

Reply = Callable[[dns.message.Message], dns.message.Message | None]


class Server(asyncio.DatagramProtocol):
    """Answers each query as `reply` says; None is silence."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = self._reply(dns.message.from_wire(data))
        if answer is not None:
            self._transport.sendto(answer.to_wire(), addr)  # type: ignore[attr-defined]  # UDP


@asynccontextmanager
async def client_of(reply: Reply) -> AsyncIterator[DnsClient]:
    host, port = "127.0.73.1", free_port("127.0.73.1")
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: Server(reply), local_addr=(host, port)
    )
    try:
        yield DnsClient(host, port)
    finally:
        transport.close()


def answered(query: dns.message.Message, *addresses: str) -> dns.message.Message:
    response = dns.message.make_response(query)
    if addresses:
        name = query.question[0].name
        response.answer.append(dns.rrset.from_text(name, 5, "IN", "A", *addresses))
    return response


async def test_the_address_and_its_ttl_are_taken() -> None:
    """A user keeps one address and its TTL."""
    async with client_of(lambda query: answered(query, "127.0.71.1")) as client:
        assert await client.ask("shop.example.test.", "DE") == ResolvedAddress("127.0.71.1", 5)


async def test_one_of_several_addresses_is_taken() -> None:
    """The first one, as most programs do."""
    async with client_of(lambda query: answered(query, "127.0.71.1", "127.0.72.1")) as client:
        answer = await client.ask("shop.example.test.", "DE")
        assert answer.address in ("127.0.71.1", "127.0.72.1")


async def test_the_query_has_the_users_subnet() -> None:
    """So that one machine can query for users of all countries."""
    queries: list[dns.message.Message] = []

    def reply(query: dns.message.Message) -> dns.message.Message:
        queries.append(query)
        return answered(query, "127.0.71.1")

    async with client_of(reply) as client:
        await client.ask("shop.example.test.", "JP")
    (option,) = queries[0].options
    assert isinstance(option, dns.edns.ECSOption)
    assert f"{option.address}/{option.srclen}" == client_subnet("JP")


async def test_no_such_name_is_an_answer() -> None:
    """NXDOMAIN and an empty answer mean that there is no address."""

    def nxdomain(query: dns.message.Message) -> dns.message.Message:
        response = answered(query)
        response.set_rcode(dns.rcode.NXDOMAIN)
        return response

    for reply in (nxdomain, answered):
        async with client_of(reply) as client:
            assert (await client.ask("shop.example.test.", "DE")).address is None


async def test_refusal_and_silence_are_no_answer() -> None:
    """They say nothing about the name; silence costs at most 0.8 s."""

    def refused(query: dns.message.Message) -> dns.message.Message:
        response = answered(query)
        response.set_rcode(dns.rcode.REFUSED)
        return response

    async with client_of(refused) as client:
        with pytest.raises(NoAnswerError, match="REFUSED"):
            await client.ask("shop.example.test.", "DE")
    async with client_of(lambda query: None) as client, asyncio.timeout(1):
        with pytest.raises(NoAnswerError):
            await client.ask("shop.example.test.", "DE")


async def test_a_closed_port_is_no_answer() -> None:
    """A stopped name server is silence, not a crash."""
    client = DnsClient("127.0.73.1", free_port("127.0.73.1"))
    with pytest.raises(NoAnswerError):
        await client.ask("shop.example.test.", "DE")
