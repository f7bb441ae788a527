"""The name server's messages: flags, EDNS, truncation, refusals, and the output of dig."""

import asyncio
import shutil
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import pytest
from dns import asyncquery, edns, flags, message, opcode, rcode, rdatatype
from dns.message import Message

from controller.sandbox.emulator.geography import client_subnet, source_address
from controller.sandbox.emulator.route53.dns_answers import View
from controller.sandbox.emulator.route53.name_server import DnsServer, Responder
from tests.sandbox.emulator.builders import (
    REGIONS,
    SERVICE,
    Clock,
    change,
    simple,
    submit,
    tree_records,
    zone_store,
)

EU = {REGIONS["eu-west-1"], REGIONS["eu-central-1"]}
LONG = '"' + "x" * 200 + '"'


def responder() -> Responder:
    """The record tree, all healthy, with some more records."""
    clock = Clock()
    store = zone_store(clock)
    many = simple("big.example.com", LONG, "TXT")
    many["ResourceRecords"] = [{"Value": LONG.replace("x", c)} for c in "abcdefgh"]
    extra = [many, simple("fence.example.com", '"epoch=1"', "TXT")]
    submit(store, *(change("CREATE", record) for record in (*tree_records(), *extra)))
    clock.advance(60)
    view = View(store.served_zones(), lambda check: True, lambda name: ())
    return Responder(lambda: view, Random(1))


def ask(
    query: Message, client: str = "127.0.0.1", over_udp: bool = True, to: Responder | None = None
) -> Message:
    """The response to one message."""
    wire = (to or responder()).respond(query.to_wire(), client, over_udp)
    assert wire is not None
    return message.from_wire(wire)


def addresses(response: Message) -> set[str]:
    """The answered values."""
    return {item.to_text() for answer in response.answer for item in answer}


def with_subnet(name: str, country: str) -> Message:
    """A query with a country's client subnet."""
    option = edns.ECSOption.from_text(client_subnet(country))
    return message.make_query(name, "A", use_edns=0, options=[option])


def test_an_answer_is_authoritative_and_keeps_the_querys_spelling() -> None:
    """AA set, RA not; mixed case is answered in the same case; TTL and value as stored."""
    response = ask(message.make_query("FeNcE.eXample.com", "TXT"))
    assert response.flags & flags.AA
    assert not response.flags & flags.RA
    assert response.answer[0].to_text() == 'FeNcE.eXample.com. 60 IN TXT "epoch=1"'


def test_a_client_subnet_decides_and_is_echoed_with_its_scope() -> None:
    """RFC 7871: a tailored answer has the source prefix as scope, any other has scope 0."""
    tree = responder()
    for _ in range(20):
        response = ask(with_subnet(SERVICE, "DE"), to=tree)
        assert addresses(response) <= EU
    (option,) = response.options
    assert isinstance(option, edns.ECSOption)
    assert (option.address, option.srclen, option.scopelen) == ("192.0.2.0", 28, 28)
    untailored = ask(with_subnet(f"eu.{SERVICE}", "DE"), to=tree)
    assert [o.scopelen for o in untailored.options if isinstance(o, edns.ECSOption)] == [0]


def test_without_a_client_subnet_the_senders_address_decides() -> None:
    """A resolver in Germany gets the bound pool, plain loopback the default record."""
    tree = responder()
    query = message.make_query(SERVICE, "A")
    german = [addresses(ask(query, source_address("DE", 1), to=tree)) for _ in range(40)]
    unknown = [addresses(ask(query, to=tree)) for _ in range(80)]
    assert set().union(*german) == EU
    assert set().union(*unknown) == set(REGIONS.values())


def test_negative_answers_carry_the_soa() -> None:
    """RFC 2308: NXDOMAIN for no name, NOERROR without answers for another type."""
    for name, kind, code in (("no.example.com", "A", rcode.NXDOMAIN), (SERVICE, "MX", 0)):
        response = ask(message.make_query(name, kind))
        assert response.rcode() == code
        assert response.answer == []
        assert response.authority[0].rdtype == rdatatype.SOA
        assert response.flags & flags.AA


@pytest.mark.parametrize(
    ("name", "kind"), [("other.test", "A"), (SERVICE, "ANY"), (SERVICE, "AXFR"), (".", "NS")]
)
def test_questions_outside_the_zones_and_for_everything_are_refused(name: str, kind: str) -> None:
    """REFUSED without the authoritative flag."""
    response = ask(message.make_query(name, kind))
    assert response.rcode() == rcode.REFUSED
    assert not response.flags & flags.AA


def test_other_opcodes_and_empty_questions_have_their_codes() -> None:
    """NOTIMP for a NOTIFY, FORMERR for a query without a question."""
    notify = message.make_query(SERVICE, "A")
    notify.set_opcode(opcode.NOTIFY)
    empty = message.make_query(SERVICE, "A")
    empty.question = []
    assert ask(notify).rcode() == rcode.NOTIMP
    assert ask(empty).rcode() == rcode.FORMERR


def test_a_large_answer_is_truncated_over_udp_only() -> None:
    """TC within 512 bytes without EDNS; whole over TCP."""
    query = message.make_query("big.example.com", "TXT", use_edns=False)
    small = ask(query)
    assert small.flags & flags.TC
    assert len(small.to_wire()) <= 512
    whole = ask(query, over_udp=False)
    assert not whole.flags & flags.TC
    assert len(whole.answer[0]) == 8


def test_malformed_packets_and_responses_are_counted_and_not_answered() -> None:
    """So that the server cannot be used to flood others with answers."""
    tree = responder()
    response = message.make_response(message.make_query(SERVICE, "A"))
    for packet in (b"", b"\x00", b"\xff" * 40, response.to_wire()):
        assert tree.respond(packet, "127.0.0.1", over_udp=True) is None
    assert tree.malformed == 4


@asynccontextmanager
async def server() -> AsyncIterator[int]:
    """The responder on a free port."""
    listening = DnsServer(responder())
    try:
        yield await listening.start("127.0.0.1", 0)
    finally:
        await listening.close()


async def test_udp_and_tcp_answer_on_one_port() -> None:
    """The same query over both; a TCP connection may carry several."""
    query = message.make_query("fence.example.com", "TXT")
    async with server() as port:
        over_udp = await asyncquery.udp(query, "127.0.0.1", 2, port=port)
        over_tcp = await asyncquery.tcp(query, "127.0.0.1", 2, port=port)
    assert over_udp.answer == over_tcp.answer


async def test_closing_ends_open_tcp_connections() -> None:
    """A silent client does not keep the server running."""
    async with server() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.sleep(0)
    assert await asyncio.wait_for(reader.read(), 2) == b""
    writer.close()


async def dig(port: int, *arguments: str) -> list[str]:
    """The output of dig, by lines."""
    command = ("dig", "@127.0.0.1", "-p", str(port), "+time=2", "+tries=1", *arguments)
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    printed, _ = await process.communicate()
    assert process.returncode == 0
    return printed.decode().splitlines()


@pytest.mark.skipif(shutil.which("dig") is None, reason="dig (bind9-dnsutils) is not installed")
async def test_dig_sees_the_tree_with_and_without_a_client_subnet() -> None:
    """A user's first commands: short answers, full answers, TCP."""
    async with server() as port:
        german = [
            await dig(port, "+short", "+subnet=" + client_subnet("DE"), SERVICE) for _ in range(10)
        ]
        anyone = [await dig(port, "+short", SERVICE) for _ in range(40)]
        full = await dig(port, "+tcp", "+subnet=" + client_subnet("DE"), SERVICE)
    assert {line for lines in german for line in lines} == EU
    assert Counter(line for lines in anyone for line in lines).keys() == set(REGIONS.values())
    text = "\n".join(full)
    assert "status: NOERROR" in text
    assert "flags: qr aa" in text
    assert "CLIENT-SUBNET: 192.0.2.0/28/28" in text
