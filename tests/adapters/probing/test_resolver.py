"""Names become addresses off the path of probes, and go on doing so."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from controller.adapters.probing import resolver
from controller.adapters.probing.resolver import Addresses, Resolver, literal, look_up, shown
from controller.model.health import ProbeOutcome
from tests.adapters.probing.asking import OK, ask_once, asking, given_up_after_s, until
from tests.adapters.probing.servers import KeepAlive, hang, raw, served

ONE, TWO = ("192.0.2.1", 80), ("192.0.2.2", 80)


class Answers:
    """A system resolver whose answers are written by the test; the last one stays."""

    def __init__(self, *answers: Addresses | Exception) -> None:
        self._answers = list(answers)
        self.asked = 0
        self.free = threading.Event()
        self.free.set()

    def __call__(self, host: str, port: int) -> Addresses:
        self.asked += 1
        assert self.free.wait(10)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


@asynccontextmanager
async def resolving(answers: Answers) -> AsyncIterator[Resolver]:
    """A resolver that asks these answers."""
    made = Resolver(answers)
    yield made
    made.close()


async def first(made: Resolver, host: str = "a.test") -> Addresses | Exception:
    """What is told of a name nobody has asked for yet."""
    told: asyncio.Future[Addresses | Exception] = asyncio.get_running_loop().create_future()
    name = made.name(host, 80)
    assert name.addresses(told.set_result) is None
    return await told


async def test_a_name_is_asked_once_and_then_known() -> None:
    """The next probe has its addresses at once."""
    answers = Answers((ONE, TWO))
    async with resolving(answers) as made:
        name = made.name("a.test", 80)
        told = await first(made)
        again = name.addresses(lambda _: None)

    assert told == again == (ONE, TWO)
    assert answers.asked == 1


async def test_what_is_known_is_used_while_it_is_asked_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A slow resolver delays no probe; what it says counts from then on."""
    monkeypatch.setattr(resolver, "REFRESH_S", 0.0)
    answers = Answers((ONE,), (TWO,))
    async with resolving(answers) as made:
        name = made.name("a.test", 80)
        await first(made)
        answers.free.clear()
        before = name.addresses(lambda _: None)
        answers.free.set()
        await until(lambda: name.addresses(lambda _: None) == (TWO,))

    assert before == (ONE,)


@pytest.mark.parametrize(
    ("trouble", "stays"),
    [
        (socket.gaierror(socket.EAI_AGAIN, "try again"), True),
        (socket.gaierror(socket.EAI_FAIL, "failed"), True),
        (OSError("of ours"), True),
        (socket.gaierror(socket.EAI_NONAME, "no such name"), False),
        (UnicodeError("label too long"), False),
    ],
    ids=str,
)
async def test_addresses_outlive_the_resolvers_troubles_but_not_the_name(
    trouble: Exception, stays: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trouble with asking is not the endpoint's; that a name is gone is."""
    monkeypatch.setattr(resolver, "REFRESH_S", 0.0)
    answers = Answers((ONE,), trouble)
    async with resolving(answers) as made:
        name = made.name("a.test", 80)
        await first(made)
        name.addresses(lambda _: None)
        await until(lambda: answers.asked == 2)
        await asyncio.sleep(0.02)
        told: list[Addresses | Exception] = []
        known = name.addresses(told.append)
        if not stays:
            await until(lambda: told != [])

    assert known == ((ONE,) if stays else None)
    assert told == ([] if stays else [trouble])


async def test_a_name_that_cannot_be_resolved_is_not_asked_for_each_probe() -> None:
    """Every waiting probe is told; the resolver is asked again after a moment."""
    answers = Answers(socket.gaierror(socket.EAI_NONAME, "no such name"))
    async with resolving(answers) as made:
        name = made.name("a.test", 80)
        for _ in range(5):
            assert isinstance(await first(made), socket.gaierror)

    assert answers.asked == 1
    assert name is not None


async def test_one_name_is_asked_for_all_who_probe_it_and_forgotten_with_them() -> None:
    """Names of settings that are gone are nobody's business."""
    async with resolving(Answers((ONE,))) as made:
        name = made.name("a.test", 80)
        assert made.name("a.test", 80) is name
        assert made.name("a.test", 81) is not name
        del name
        assert len(made._names) == 0


def test_addresses_need_no_resolver_and_names_are_no_addresses() -> None:
    """IPv4 and IPv6, as shown to people."""
    four, six = literal("192.0.2.1", 80), literal("2001:db8::1", 443)
    assert four is not None
    assert six is not None
    assert (shown(four), shown(six)) == ("192.0.2.1:80", "[2001:db8::1]:443")
    assert literal("a.test", 80) is None
    assert literal("192.0.2", 80) is None


def test_the_system_resolves_this_machines_own_name() -> None:
    """Without duplicates, ready to connect to."""
    found = look_up("localhost", 80)

    assert len(found) == len(set(found))
    assert {address[0] for address in found} & {"127.0.0.1", "::1"}


@pytest.mark.parametrize("scheme", ["http", "tcp"])
async def test_a_name_without_address_does_not_resolve(scheme: str) -> None:
    """A name reserved never to exist (RFC 6761)."""
    result = await ask_once(probe=f"{scheme}://nowhere.invalid:80", most_s=20)

    assert (result.outcome, result.detail) == (ProbeOutcome.FAILED, "name does not resolve")


async def test_the_result_shows_the_address_behind_the_name() -> None:
    """So that a person sees who was asked."""
    async with served(raw(OK)) as address:
        port = int(address.rpartition(":")[2])
        answers = Answers((("127.0.0.1", port),))
        async with asking(ask=answers, probe=f"http://app.test:{port}/") as asker:
            result = await asker.ask()

    assert (result.outcome, result.address) == (ProbeOutcome.PASSED, address)


async def test_the_next_address_is_tried_when_one_refuses_and_remembered() -> None:
    """As a browser would; the one that was reached is the first to be asked from then on."""
    server = KeepAlive()
    async with served(server) as address:
        port = int(address.rpartition(":")[2])
        answers = Answers((("127.0.0.9", port), ("127.0.0.1", port)))
        async with asking(ask=answers, probe=f"http://app.test:{port}/") as asker:
            results = [await asker.ask() for _ in range(3)]

    assert {result.outcome for result in results} == {ProbeOutcome.PASSED}
    assert {result.address for result in results} == {address}


async def test_an_address_that_is_silent_costs_its_part_of_the_deadline() -> None:
    """A host without route for one family must not take the probe with it."""
    # A listener whose queue is full answers no SYN.
    full = socket.create_server(("127.0.0.8", 0), backlog=0)
    port = full.getsockname()[1]
    stuck = []
    for _ in range(3):
        waiting = socket.socket()
        waiting.setblocking(False)
        waiting.connect_ex(("127.0.0.8", port))
        stuck.append(waiting)
    server = await asyncio.start_server(raw(OK), "127.0.0.1", port)
    try:
        answers = Answers((("127.0.0.8", port), ("127.0.0.1", port)))
        async with server, asking(ask=answers, probe=f"http://app.test:{port}/") as asker:
            result = await asker.ask(2.0)
            again = await asker.ask(2.0)
    finally:
        for one in (full, *stuck):
            one.close()

    assert (result.outcome, result.address) == (ProbeOutcome.PASSED, f"127.0.0.1:{port}")
    assert 0.99 < result.latency_s < 2.0
    assert again.latency_s < 0.9


async def test_a_name_that_is_slow_to_resolve_fails_by_the_deadline() -> None:
    """The resolver's thread goes on; the probe does not wait for it."""
    answers = Answers((ONE,))
    answers.free.clear()
    async with asking(ask=answers, probe="http://app.test/") as asker:
        result = await asker.ask(0.1)
        answers.free.set()

    assert 0.1 <= given_up_after_s(result) < 5


async def test_a_target_closed_while_its_name_is_resolved_is_silent() -> None:
    """Nobody is connected to for nobody."""
    answers = Answers((ONE,))
    answers.free.clear()
    async with served(hang), asking(ask=answers, probe="http://app.test/") as asker:
        asker.target.ask(1.0, 1.0)
        asker.target.close()
        answers.free.set()
        await asyncio.sleep(0.05)

    assert asker.unasked == 0
