"""The emulated zones' name server, over UDP and TCP.

Follows RFC 1035 (messages), RFC 2308 (negative answers carry the SOA), RFC 6891 and RFC 7871
(EDNS, client subnet), and Route 53's developer guide, *How Amazon Route 53 uses EDNS0 to estimate
the location of a user*: without a client subnet the sender's address counts. dns_answers.py
decides what is answered. Not emulated: DNSSEC, zone transfer, rate limits.
"""

import asyncio
import struct
from collections.abc import Callable
from random import Random
from typing import cast

from dns import edns, exception, flags, message, opcode, rcode, rdataclass, rdatatype, rrset

from controller.sandbox.emulator.geography import location_of
from controller.sandbox.emulator.open_connections import OpenConnections
from controller.sandbox.emulator.route53.dns_answers import Answer, View, resolve
from controller.sandbox.emulator.route53.records import RecordSet, normal_name

MAX_UDP_BYTES = 1_232
_PLAIN_UDP_BYTES = 512
_MAX_TCP_BYTES = 65_535
_TCP_IDLE_S = 10.0


class Responder:
    """Answers single messages; DnsServer has the sockets."""

    def __init__(self, view: Callable[[], View], rng: Random) -> None:
        """`view` returns what is served now."""
        self.malformed = 0
        self._view = view
        self._rng = rng

    def respond(self, packet: bytes, client: str, over_udp: bool) -> bytes | None:
        """The answer to a packet from an address; None if it is not a query."""
        try:
            query = message.from_wire(packet)
        except (exception.DNSException, struct.error):
            self.malformed += 1
            return None
        if query.flags & flags.QR:
            self.malformed += 1
            return None
        response = message.make_response(query, our_payload=MAX_UDP_BYTES)
        response.flags &= ~(flags.RD | flags.RA)
        self._fill(response, query, client)
        return response.to_wire(max_size=_room(query, over_udp), prefer_truncation=True)

    def _fill(self, response: message.Message, query: message.Message, client: str) -> None:
        if query.opcode() != opcode.QUERY:
            response.set_rcode(rcode.NOTIMP)
        elif len(query.question) != 1:
            response.set_rcode(rcode.FORMERR)
        elif query.question[0].rdclass != rdataclass.IN or _is_meta(query.question[0].rdtype):
            response.set_rcode(rcode.REFUSED)
        else:
            self._answer(response, query, client)

    def _answer(self, response: message.Message, query: message.Message, client: str) -> None:
        question = query.question[0]
        subnet = _client_subnet(query)
        location = location_of(client if subnet is None else subnet.address)
        name = normal_name(question.name.to_text())
        kind = rdatatype.to_text(question.rdtype)
        answer = resolve(self._view(), name, kind, location, self._rng)
        response.set_rcode(rcode.from_text(answer.code))
        if answer.code != "REFUSED":
            response.flags |= flags.AA
        if answer.record is not None:
            response.answer.append(_rrset(question.name.to_text(), answer.record))
        if answer.soa is not None:
            response.authority.append(_rrset(answer.soa.name, answer.soa))
        if subnet is not None:
            _echo_subnet(response, subnet, answer)


def _rrset(name: str, record: RecordSet) -> rrset.RRset:
    return rrset.from_text(name, record.ttl_s or 0, "IN", record.type, *record.values)


def _is_meta(kind: rdatatype.RdataType) -> bool:
    return rdatatype.is_metatype(kind)


def _client_subnet(query: message.Message) -> edns.ECSOption | None:
    options = (option for option in query.options if isinstance(option, edns.ECSOption))
    return next(options, None)


def _echo_subnet(response: message.Message, subnet: edns.ECSOption, answer: Answer) -> None:
    scope = subnet.srclen if answer.tailored else 0
    option = edns.ECSOption(subnet.address, subnet.srclen, scope)
    response.use_edns(0, payload=MAX_UDP_BYTES, options=[option])


def _room(query: message.Message, over_udp: bool) -> int:
    if not over_udp:
        return _MAX_TCP_BYTES
    if query.edns < 0:
        return _PLAIN_UDP_BYTES
    return min(MAX_UDP_BYTES, max(_PLAIN_UDP_BYTES, query.payload))


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, responder: Responder) -> None:
        self._responder = responder
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # asyncio's own datagram transport is not declared as one in Python 3.11.
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = self._responder.respond(data, addr[0], over_udp=True)
        if answer is not None and self._transport is not None:
            self._transport.sendto(answer, addr)


class DnsServer:
    """The responder's sockets: UDP and TCP on one port."""

    def __init__(self, responder: Responder) -> None:
        self._responder = responder
        self._connections = OpenConnections()
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; port 0 takes a free one. Returns the port; raises OSError when it is taken."""
        self._tcp = await asyncio.start_server(self._stream, host, port)
        real_port = int(self._tcp.sockets[0].getsockname()[1])
        try:
            self._udp, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: _Datagrams(self._responder), local_addr=(host, real_port)
            )
        except OSError:
            self._tcp.close()
            raise
        return real_port

    async def close(self) -> None:
        """Stop listening and end all connections."""
        if self._udp is not None:
            self._udp.close()
        if self._tcp is not None:
            self._tcp.close()
        await self._connections.end()

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with self._connections.serving():
            try:
                await self._converse(reader, writer)
            except (OSError, EOFError, TimeoutError):
                return  # the client has closed or is silent: the connection ends
            finally:
                writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = writer.get_extra_info("peername")[0]
        while True:
            async with asyncio.timeout(_TCP_IDLE_S):
                size = struct.unpack("!H", await reader.readexactly(2))[0]
                packet = await reader.readexactly(size)
            answer = self._responder.respond(packet, client, over_udp=False)
            if answer is None:
                return
            writer.write(struct.pack("!H", len(answer)) + answer)
            await writer.drain()
