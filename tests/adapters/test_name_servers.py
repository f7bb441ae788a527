"""DNS queries: flags, client subnet, round-robin, truncation, timeout, refusal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from controller.adapters.name_servers import DnsNameServers
from controller.model.configuration import AnswerSettings
from controller.model.errors import ProviderRejectedError, ProviderUnavailableError

NAME, SUBNET = "shop.example.test.", "192.0.2.0/24"
Reply = Callable[[dns.message.Message, bool], dns.message.Message | None]
"""Question and whether it came by UDP to answer."""


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, reply: Reply) -> None:
        self._reply = reply

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.DatagramTransport = transport  # type: ignore[assignment]  # asyncio does not declare it as one

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = self._reply(dns.message.from_wire(data), True)
        if answer is not None:
            self._transport.sendto(answer.to_wire(), addr)


@asynccontextmanager
async def server(reply: Reply) -> AsyncIterator[str]:
    """A name server on UDP and TCP; yields its address and port."""

    async def stream(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        size = int.from_bytes(await reader.readexactly(2))
        answer = reply(dns.message.from_wire(await reader.readexactly(size)), False)
        if answer is not None:
            wire = answer.to_wire()
            writer.write(len(wire).to_bytes(2) + wire)
            await writer.drain()
        writer.close()

    tcp = await asyncio.start_server(stream, "127.0.0.1", 0)
    port = tcp.sockets[0].getsockname()[1]
    udp, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: _Udp(reply), local_addr=("127.0.0.1", port)
    )
    async with tcp:
        yield f"127.0.0.1:{port}"
    udp.close()


def answering(*addresses: str) -> Reply:
    """A name server that always answers these addresses."""

    def reply(query: dns.message.Message, over_udp: bool) -> dns.message.Message:
        response = dns.message.make_response(query)
        response.answer.append(dns.rrset.from_text(NAME, 5, "IN", "A", *addresses))
        return response

    return reply


def asking(*servers: str, deadline_s: float = 2.0) -> DnsNameServers:
    """The adapter with these name servers; it does not ask AWS for others."""

    async def zone_servers(zone: str) -> Sequence[str]:
        raise ProviderRejectedError(zone)

    return DnsNameServers(zone_servers, AnswerSettings(name_servers=servers, deadline_s=deadline_s))


async def test_the_question_carries_the_users_subnet_and_asks_for_no_recursion() -> None:
    """As a resolver would send it to an authoritative server."""
    seen: list[dns.message.Message] = []

    def reply(query: dns.message.Message, over_udp: bool) -> dns.message.Message | None:
        seen.append(query)
        return answering("192.0.2.1", "192.0.2.2")(query, over_udp)

    async with server(reply) as address:
        found = await asking(address).ask("Z1", NAME, SUBNET)

    assert found == {"192.0.2.1", "192.0.2.2"}
    query = seen[0]
    assert not query.flags & dns.flags.RD
    assert query.question[0].to_text() == "shop.example.test. IN A"
    (option,) = query.options
    assert isinstance(option, dns.edns.ECSOption)
    assert (option.address, option.srclen, option.scopelen) == ("192.0.2.0", 24, 0)


async def test_a_truncated_answer_is_fetched_over_tcp() -> None:
    """A load balancer may have many addresses."""

    def reply(query: dns.message.Message, over_udp: bool) -> dns.message.Message | None:
        response = dns.message.make_response(query)
        if over_udp:
            response.flags |= dns.flags.TC
            return response
        return answering("192.0.2.7")(query, over_udp)

    async with server(reply) as address:
        assert await asking(address).ask("Z1", NAME, SUBNET) == {"192.0.2.7"}


async def test_servers_are_used_round_robin_and_a_silent_one_costs_one_query() -> None:
    """Half of the queries are answered while one of two servers is silent."""
    async with server(answering("192.0.2.1")) as good, server(lambda *_: None) as silent:
        port = asking(good, silent, deadline_s=0.2)
        outcomes = []
        for _ in range(4):
            try:
                outcomes.append(sorted(await port.ask("Z1", NAME, SUBNET)))
            except ProviderUnavailableError as error:
                outcomes.append([str(error)])

    silence = ["name server 127.0.0.1 is silent"]
    assert outcomes == [silence, ["192.0.2.1"]] * 2


@pytest.mark.parametrize("code", ["REFUSED", "SERVFAIL"])
async def test_a_server_that_cannot_answer_says_nothing_of_the_name(code: str) -> None:
    """Its error must not look like a name without addresses."""

    def reply(query: dns.message.Message, over_udp: bool) -> dns.message.Message:
        response = dns.message.make_response(query)
        response.set_rcode(dns.rcode.from_text(code))
        return response

    async with server(reply) as address:
        with pytest.raises(ProviderUnavailableError, match=f"answers {code} for {NAME}"):
            await asking(address).ask("Z1", NAME, SUBNET)


async def test_new_settings_query_other_servers() -> None:
    """After a reload."""
    async with server(answering("192.0.2.1")) as one, server(answering("192.0.2.2")) as other:
        port = asking(one)
        assert await port.ask("Z1", NAME, SUBNET) == {"192.0.2.1"}
        port.apply(AnswerSettings(name_servers=(other,)))
        assert await port.ask("Z1", NAME, SUBNET) == {"192.0.2.2"}


async def test_the_zones_name_servers_are_resolved_once() -> None:
    """AWS returns their names, this machine's resolver their addresses."""
    asked: list[str] = []

    async def zone_servers(zone: str) -> Sequence[str]:
        asked.append(zone)
        return ("localhost.",)

    port = DnsNameServers(zone_servers, AnswerSettings(deadline_s=0.5))
    for _ in range(2):
        with pytest.raises(ProviderUnavailableError, match=r"name server 127\.0\.0\.1"):
            await port.ask("Z1", NAME, SUBNET)  # nobody serves port 53 of this machine

    assert asked == ["Z1"]


async def test_any_name_is_resolved_by_this_machine() -> None:
    """For the target of an alias; every error of the resolver is the port's error."""
    port = asking()

    assert await port.resolve("localhost") == {"127.0.0.1"}
    with pytest.raises(ProviderUnavailableError, match="not resolved"):
        await port.resolve("nobody..invalid")
