"""Questions on the wire: flags, client subnet, turns, truncation, silence, refusal."""

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
    """A name server on UDP and TCP; its address and port."""

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
    """Always these addresses."""

    def reply(query: dns.message.Message, over_udp: bool) -> dns.message.Message:
        response = dns.message.make_response(query)
        response.answer.append(dns.rrset.from_text(NAME, 5, "IN", "A", *addresses))
        return response

    return reply


def asking(*servers: str, deadline_s: float = 2.0) -> DnsNameServers:
    """The adapter before these servers; AWS is not asked for others."""

    async def nobody(zone: str) -> Sequence[str]:
        raise ProviderRejectedError(zone)

    return DnsNameServers(nobody, AnswerSettings(name_servers=servers, deadline_s=deadline_s))


async def test_the_question_carries_the_users_subnet_and_asks_for_no_recursion() -> None:
    """As a resolver would pass it on; the zone's own server answers from what it has."""
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


async def test_servers_take_turns_and_a_silent_one_costs_one_question() -> None:
    """Half of the questions are answered while one of two is silent."""
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
    """It is not asked in vain only: its answer must not look like a name without addresses."""

    def reply(query: dns.message.Message, over_udp: bool) -> dns.message.Message:
        response = dns.message.make_response(query)
        response.set_rcode(dns.rcode.from_text(code))
        return response

    async with server(reply) as address:
        with pytest.raises(ProviderUnavailableError, match=f"answers {code} for {NAME}"):
            await asking(address).ask("Z1", NAME, SUBNET)


async def test_other_settings_ask_other_servers() -> None:
    """After a reload."""
    async with server(answering("192.0.2.1")) as one, server(answering("192.0.2.2")) as other:
        port = asking(one)
        assert await port.ask("Z1", NAME, SUBNET) == {"192.0.2.1"}
        port.use(AnswerSettings(name_servers=(other,)))
        assert await port.ask("Z1", NAME, SUBNET) == {"192.0.2.2"}


async def test_the_zones_own_servers_are_found_by_their_names_once() -> None:
    """AWS names them, this machine's resolver knows their addresses."""
    asked: list[str] = []

    async def delegation(zone: str) -> Sequence[str]:
        asked.append(zone)
        return ("localhost.",)

    port = DnsNameServers(delegation, AnswerSettings(deadline_s=0.5))
    for _ in range(2):
        with pytest.raises(ProviderUnavailableError, match=r"name server 127\.0\.0\.1"):
            await port.ask("Z1", NAME, SUBNET)  # nobody serves port 53 of this machine

    assert asked == ["Z1"]


async def test_any_name_is_resolved_by_this_machine() -> None:
    """What an alias leads to; a name that is none is no answer, whatever the resolver raises."""
    port = asking()

    assert await port.resolve("localhost") == {"127.0.0.1"}
    with pytest.raises(ProviderUnavailableError, match="not resolved"):
        await port.resolve("nobody..invalid")
