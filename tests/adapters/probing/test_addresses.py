"""Attempts over several addresses, and targets of one address, on real sockets.

Addresses of either family are made up; what each does is played by servers of 127.0.0.1, so that no
IPv6 is needed here.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from controller.adapters.probing import connection_setup
from controller.adapters.probing.address_families import (
    RECHECK_S,
    Addresses,
    AddressFamilies,
    has_route,
    interleaved,
)
from controller.adapters.probing.prober import NetworkProber
from controller.adapters.probing.resolver import address_text, look_up, parsed_address
from controller.adapters.probing.sockets import Address, start_connecting
from controller.model.configuration import Endpoint
from controller.model.health import NotRunCause, ProbeOutcome, ProbeResult
from tests.adapters.probing.asking import OK, Asker, given_up_after_s, until
from tests.adapters.probing.servers import Handler, hang, raw, served

FOURS: Addresses = tuple((f"192.0.2.{n}", 80) for n in (1, 2, 3))
SIXES: Addresses = tuple((f"2001:db8::{n}", 80, 0, 0) for n in (1, 2, 3))
FAILED, UNASKED, PASSED = ProbeOutcome.FAILED, ProbeOutcome.COULD_NOT_RUN, ProbeOutcome.PASSED


async def _reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    made = writer.get_extra_info("socket")
    made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")


async def _no_tls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mail.example.test ESMTP\r\n")
    await reader.read()


class Network:
    """What becomes of connections to made-up addresses."""

    def __init__(self) -> None:
        self.behind: dict[Address, Address | OSError] = {}
        """Made-up address to the server that plays it, or to the error of connecting."""
        self.asked: list[Address] = []

    def connect(self, address: Address, *, speaks_first: bool) -> socket.SocketType:
        """In the place of `start_connecting`."""
        self.asked.append(address)
        found = self.behind[address]
        if isinstance(found, OSError):
            raise found
        return start_connecting(found, speaks_first=speaks_first)

    def put(self, addresses: Addresses, behind: Address | OSError) -> None:
        """All of these are played so from now on."""
        self.behind.update(dict.fromkeys(addresses, behind))

    @asynccontextmanager
    async def asking(
        self, addresses: Addresses, scheme: str = "http", lacks: int = 0
    ) -> AsyncIterator[Asker]:
        """A name with these addresses; `lacks`: the length of addresses that have no route."""
        prober = NetworkProber(
            lookup=lambda host, port: addresses,
            has_route=lambda address: len(address) != lacks,
        )
        async with prober:
            asker = Asker(prober, Endpoint(probe=f"{scheme}://app.test:80"))
            yield asker
            asker.target.close()


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    made = Network()
    monkeypatch.setattr(connection_setup, "start_connecting", made.connect)
    return made


def refused() -> OSError:
    return OSError(errno.ECONNREFUSED, "refused")


def without_route() -> OSError:
    return OSError(errno.ENETUNREACH, "unreachable")


@asynccontextmanager
async def silent() -> AsyncIterator[Address]:
    """An address that answers no SYN: a listener whose queue is full."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        stuck = [socket.socket() for _ in range(3)]
        for one in stuck:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        try:
            yield full.getsockname()
        finally:
            for one in stuck:
                one.close()


def literal(text: str) -> Address:
    host, _, port = text.rpartition(":")
    return (host, int(port))


KINDS: dict[str, tuple[str, Handler | None, str]] = {
    "refused": ("http", None, "connection refused"),
    "silent": ("http", hang, "no answer in"),
    "reset": ("http", _reset, "connection reset"),
    "TLS failure": ("https", _no_tls, "TLS: WRONG_VERSION_NUMBER"),
    "wrong status": (
        "http",
        raw(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"),
        "HTTP 503",
    ),
}
"""What an address does to the scheme, the server and the words of the finding."""


@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.parametrize("names", ["A", "AAAA", "both"])
@pytest.mark.parametrize("kind", list(KINDS))
async def test_every_failure_is_found_at_every_address(
    network: Network, kind: str, names: str, number: int
) -> None:
    """What `tests/README.md` supposes of the engine; of dual-stack names the host lacks IPv6."""
    scheme, handler, words = KINDS[kind]
    fours, sixes = FOURS[:number], SIXES[:number]
    async with served(handler or hang) as served_at:
        network.put((*fours, *sixes), literal(served_at) if handler else refused())
        if names == "both":
            network.put(sixes, without_route())
        addresses = {"A": fours, "AAAA": sixes, "both": sixes + fours}[names]
        lacks = 4 if names == "both" else 0
        async with network.asking(addresses, scheme, lacks) as asker:
            found = await asker.ask(0.3 if kind == "silent" else 20)

    assert found.outcome is FAILED
    assert found.detail.startswith(words)
    assert found.address in map(address_text, fours if names == "both" else addresses)


@pytest.mark.parametrize("number", [1, 3])
async def test_a_family_without_route_is_left_out_and_said(network: Network, number: int) -> None:
    """Refused IPv4 with unroutable IPv6 is refused, in either order; IPv6 is never tried."""
    network.put(FOURS, refused())
    network.put(SIXES, without_route())
    for addresses in (FOURS[:number] + SIXES[:number], SIXES[:number] + FOURS[:number]):
        async with network.asking(addresses, lacks=4) as asker:
            found = await asker.ask()
            assert (found.outcome, found.detail) == (FAILED, "connection refused")
            assert asker.prober.missing_families == ("IPv6",)

    assert {len(address) for address in network.asked} == {2}


@pytest.mark.parametrize(
    ("lacks", "detail", "cause"),
    [
        (4, "no IPv6 route from here", NotRunCause.NO_FAMILY),
        (0, "no route from here", NotRunCause.NO_ROUTE),
    ],
)
@pytest.mark.parametrize("number", [1, 3])
async def test_addresses_that_no_route_leads_to_could_not_be_asked(
    network: Network, lacks: int, detail: str, cause: NotRunCause, number: int
) -> None:
    """With the address, so that its family is known, and whether the host has none at all."""
    network.put(SIXES, without_route())
    async with network.asking(SIXES[:number], lacks=lacks) as asker:
        found = await asker.ask()

    assert (found.outcome, found.detail, found.cause) == (UNASKED, detail, cause)
    assert found.address == "[2001:db8::1]:80"


RANKED = ("wrong", "refused", "silent", "without route")


@pytest.mark.parametrize("first", RANKED)
@pytest.mark.parametrize("second", RANKED)
async def test_the_most_telling_outcome_is_the_attempts(
    network: Network, first: str, second: str
) -> None:
    """An answer before a refusal before silence before what could not be asked; in any order."""
    words = ("HTTP 503", "connection refused", "no answer in 1 s", "no route from here")
    async with silent() as no_answer, served(KINDS["wrong status"][1] or hang) as wrong:
        behind = dict(
            zip(RANKED, (literal(wrong), refused(), no_answer, without_route()), strict=True)
        )
        network.put(FOURS[:1], behind[first])
        network.put(FOURS[1:2], behind[second])
        async with network.asking(FOURS[:2]) as asker:
            found = await asker.ask(1.0)

    assert found.detail == words[min(RANKED.index(first), RANKED.index(second))]
    assert found.outcome is (UNASKED if first == second == "without route" else FAILED)


async def test_a_silent_address_is_not_given_up_for_the_next(network: Network) -> None:
    """Both are tried beside each other; the winner comes first the next time."""
    async with silent() as no_answer, served(raw(OK)) as well:
        network.put(SIXES[:2], no_answer)
        network.put(FOURS[:1], literal(well))
        async with network.asking(SIXES[:2] + FOURS[:1]) as asker:
            first, again = await asker.ask(5.0), await asker.ask(5.0)

    assert [first.outcome, again.outcome] == [PASSED, PASSED]
    assert network.asked == [SIXES[0], FOURS[0], FOURS[0]]
    assert first.latency_s > 0.24


async def test_all_addresses_silent_are_given_up_at_the_timeout(network: Network) -> None:
    """Not at a multiple of it, and each was tried."""
    async with silent() as no_answer:
        network.put(FOURS, no_answer)
        async with network.asking(FOURS) as asker:
            found = await asker.ask(0.4)
            again = await asker.ask(0.4)

    assert given_up_after_s(found) == given_up_after_s(again) == 0.4
    assert network.asked == [*FOURS, *FOURS]


@pytest.mark.parametrize("scheme", ["http", "tcp"])
async def test_a_closed_target_ends_its_attempt(network: Network, scheme: str) -> None:
    """No connection is made any more, and nothing is reported."""
    async with silent() as no_answer:
        network.put(FOURS, no_answer)
        async with network.asking(FOURS, scheme) as asker:
            asker.target.start_probe(0.1, 0.1)
            await asyncio.sleep(0)
            asker.target.close()
            await asyncio.sleep(0.15)
            assert asker.unasked == 0


async def test_a_tcp_probe_passes_at_the_first_address_that_connects(network: Network) -> None:
    """There is no request that could make the difference."""
    async with served(hang) as well:
        network.put(FOURS[:1], refused())
        network.put(FOURS[1:2], literal(well))
        async with network.asking(FOURS[:2], "tcp") as asker:
            found = await asker.ask()

    assert (found.outcome, found.address) == (PASSED, "192.0.2.2:80")


async def test_a_listener_may_probe_each_address_itself(network: Network) -> None:
    """It is told all that can be used, families in turn, and asks them by targets of their own."""
    async with served(raw(OK)) as well:
        network.put(FOURS, literal(well))
        network.put(FOURS[1:2], refused())
        async with network.asking(SIXES + FOURS, lacks=4) as asker:
            asker.splits = True
            asker.target.start_probe(0.5, 0.5)
            await until(lambda: bool(asker.addresses))
            asker.target.start_probe(0.5, 0.5)
            found: list[ProbeResult] = []
            for text in asker.addresses[-1]:
                one = Asker(asker.prober, Endpoint(probe="http://app.test:80"), text)
                found.append(await one.ask())
                one.target.close()
            assert asker.unasked == 0

    assert set(asker.addresses) == {tuple(map(address_text, FOURS))}
    assert [(r.outcome, r.address) for r in found] == [
        (PASSED, "192.0.2.1:80"),
        (FAILED, "192.0.2.2:80"),
        (PASSED, "192.0.2.3:80"),
    ]


def test_families_alternate_beginning_with_the_resolvers_first() -> None:
    """RFC 8305, section 4, with a first address family count of 1."""
    a, b, c = SIXES
    assert interleaved((*SIXES, *FOURS[:1])) == (a, FOURS[0], b, c)
    assert interleaved(FOURS + SIXES) == (FOURS[0], a, FOURS[1], b, FOURS[2], c)
    assert interleaved(FOURS) == FOURS
    assert interleaved(()) == ()


class Routes:
    """Which addresses have a route, and how often that was looked up."""

    def __init__(self) -> None:
        self.families = {2, 4}
        self.looked_up = 0
        self.now = 0.0

    def __call__(self, address: Address) -> bool:
        self.looked_up += 1
        return len(address) in self.families

    def made(self) -> AddressFamilies:
        return AddressFamilies(lambda: self.now, self)


def test_a_missing_family_is_looked_up_again_after_a_while() -> None:
    """Not for every probe; it is said while it lasts."""
    routes = Routes()
    families = routes.made()
    routes.families = {2}
    for _ in range(100):
        assert families.usable(SIXES + FOURS) == FOURS
    looked_up = routes.looked_up
    assert looked_up <= 7
    assert families.missing == ("IPv6",)
    routes.families, routes.now = {2, 4}, RECHECK_S
    assert set(families.usable(SIXES + FOURS)) == {*SIXES, *FOURS}
    assert not families.missing


def test_a_family_over_which_something_answered_is_not_missing() -> None:
    """As in a network without a route to the rest of the world; until it has none there either."""
    now, answered = 0.0, FOURS[2]
    routed = {answered}
    families = AddressFamilies(lambda: now, lambda address: address in routed)
    assert families.is_missing(FOURS[0])
    families.note_answer(answered)
    families.note_answer(answered)
    assert not families.is_missing(FOURS[0])
    assert not families.missing
    routed.clear()
    now = RECHECK_S
    assert families.is_missing(FOURS[0])
    assert families.missing == ("IPv4",)


async def test_addresses_that_answer_prove_their_family(network: Network) -> None:
    """A withdrawn network is then no missing family."""
    async with served(raw(OK)) as well:
        network.put(FOURS[:1], literal(well))
        async with network.asking(FOURS[:1]) as asker:
            await asker.ask()
            assert not asker.prober.missing_families
            network.put(FOURS[:1], without_route())
            found = await asker.ask()

    assert (found.outcome, found.cause) == (UNASKED, NotRunCause.NO_ROUTE)


def test_an_address_without_route_of_a_family_that_has_one_is_kept() -> None:
    """Its region may have lost its network: that is for the quorum to say."""
    families = AddressFamilies(lambda: 0.0, lambda address: address not in FOURS[:1])

    assert families.usable(FOURS) == FOURS
    assert families.missing == ()


def test_a_name_whose_every_address_has_no_route_keeps_them() -> None:
    """The probe must say what is missing."""
    families = AddressFamilies(lambda: 0.0, lambda address: False)

    assert families.usable(SIXES) == SIXES


def test_the_kernel_knows_a_route_to_this_machine() -> None:
    """And looking for it sends nothing."""
    assert has_route(("127.0.0.1", 9))


@pytest.mark.parametrize("address", [("192.0.2.1", 80), ("2001:db8::1", 443, 0, 0)])
def test_an_address_is_read_as_it_was_written(address: Address) -> None:
    """The text is what ports and results have."""
    assert parsed_address(address_text(address)) == address
    with pytest.raises(ValueError, match="is no address"):
        parsed_address("app.test:80")


def test_a_look_up_without_descriptors_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """The C library says that the name does not exist, or EINVAL; neither is true."""

    def exhausted(*_: object) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    for error in (socket.gaierror(socket.EAI_NONAME, "x"), OSError(errno.EINVAL, "x")):
        with monkeypatch.context() as patched:
            patched.setattr(socket, "getaddrinfo", _raising(error))
            with pytest.raises(type(error)):
                look_up("app.test", 80)
            patched.setattr("os.open", exhausted)
            with pytest.raises(OSError, match="Too many open files"):
                look_up("app.test", 80)


def _raising(error: Exception) -> Callable[..., object]:
    def stumble(*_: object, **__: object) -> object:
        raise error

    return stumble
