"""Name resolution in the background, with a cache."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from controller.adapters.probing import resolver
from controller.adapters.probing.address_families import Addresses
from controller.adapters.probing.resolver import (
    Resolver,
    address_text,
    literal_address,
    look_up,
)
from controller.model.health import ProbeOutcome
from tests.adapters.probing.asking import OK, ask_once, asking, given_up_after_s, until
from tests.adapters.probing.servers import KeepAlive, hang, raw, served

ONE, TWO = ("192.0.2.1", 80), ("192.0.2.2", 80)


class Answers:
    """A system resolver with scripted answers; the last one stays."""

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
    """A resolver with these answers."""
    made = Resolver(answers)
    yield made
    made.close()


async def first(made: Resolver, host: str = "a.test") -> Addresses | Exception:
    """The result for a name without a cache entry."""
    results: asyncio.Future[Addresses | Exception] = asyncio.get_running_loop().create_future()
    name = made.name(host, 80)
    assert name.addresses(results.set_result) is None
    return await results


async def test_a_name_is_resolved_once_and_then_cached() -> None:
    """The next probe gets its addresses at once."""
    answers = Answers((ONE, TWO))
    async with resolving(answers) as made:
        name = made.name("a.test", 80)
        results = await first(made)
        again = name.addresses(lambda _: None)

    assert results == again == (ONE, TWO)
    assert answers.asked == 1


async def test_cached_addresses_are_used_during_a_refresh(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A slow resolver delays no probe; its answer counts from then on."""
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
    """A failing resolver is not the endpoint's fault; a name that does not exist is."""
    monkeypatch.setattr(resolver, "REFRESH_S", 0.0)
    answers = Answers((ONE,), trouble)
    async with resolving(answers) as made:
        name = made.name("a.test", 80)
        await first(made)
        name.addresses(lambda _: None)
        await until(lambda: answers.asked == 2)
        await asyncio.sleep(0.02)
        results: list[Addresses | Exception] = []
        known = name.addresses(results.append)
        if not stays:
            await until(lambda: results != [])

    assert known == ((ONE,) if stays else None)
    assert results == ([] if stays else [trouble])


async def test_a_name_that_cannot_be_resolved_is_not_resolved_for_each_probe() -> None:
    """Every waiting probe gets the error; the next lookup is a moment later."""
    answers = Answers(socket.gaierror(socket.EAI_NONAME, "no such name"))
    async with resolving(answers) as made:
        name = made.name("a.test", 80)
        for _ in range(5):
            assert isinstance(await first(made), socket.gaierror)

    assert answers.asked == 1
    assert name is not None


async def test_targets_with_one_name_share_a_cache_entry() -> None:
    """It is dropped with its last target."""
    async with resolving(Answers((ONE,))) as made:
        name = made.name("a.test", 80)
        assert made.name("a.test", 80) is name
        assert made.name("a.test", 81) is not name
        del name
        assert len(made._names) == 0


def test_addresses_need_no_resolver_and_names_are_no_addresses() -> None:
    """IPv4 and IPv6, with their text form."""
    four, six = literal_address("192.0.2.1", 80), literal_address("2001:db8::1", 443)
    assert four is not None
    assert six is not None
    assert (address_text(four), address_text(six)) == ("192.0.2.1:80", "[2001:db8::1]:443")
    assert literal_address("a.test", 80) is None
    assert literal_address("192.0.2", 80) is None


def test_the_system_resolves_this_machines_own_name() -> None:
    """Without duplicates, ready to connect to."""
    found = look_up("localhost", 80)

    assert len(found) == len(set(found))
    assert {address[0] for address in found} & {"127.0.0.1", "::1"}


@pytest.mark.parametrize("scheme", ["http", "tcp"])
async def test_a_name_without_address_does_not_resolve(scheme: str) -> None:
    """A name that is reserved never to exist (RFC 6761)."""
    result = await ask_once(probe=f"{scheme}://nowhere.invalid:80", max_timeout_s=20)

    assert (result.outcome, result.detail) == (ProbeOutcome.FAILED, "name does not resolve")


async def test_the_result_shows_the_address_behind_the_name() -> None:
    """So that an operator sees which host was probed."""
    async with served(raw(OK)) as address:
        port = int(address.rpartition(":")[2])
        answers = Answers((("127.0.0.1", port),))
        async with asking(ask=answers, probe=f"http://app.test:{port}/") as asker:
            result = await asker.ask()

    assert (result.outcome, result.address) == (ProbeOutcome.PASSED, address)


async def test_the_next_address_is_tried_when_one_refuses_and_remembered() -> None:
    """As browsers do; the address that answered is the first one from then on."""
    server = KeepAlive()
    async with served(server) as address:
        port = int(address.rpartition(":")[2])
        answers = Answers((("127.0.0.9", port), ("127.0.0.1", port)))
        async with asking(ask=answers, probe=f"http://app.test:{port}/") as asker:
            results = [await asker.ask() for _ in range(3)]

    assert {result.outcome for result in results} == {ProbeOutcome.PASSED}
    assert {result.address for result in results} == {address}


async def test_an_address_that_is_silent_costs_a_quarter_of_a_second() -> None:
    """The next one is tried beside it (RFC 8305), and first from then on."""
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
    assert 0.24 < result.latency_s < 1.5
    assert again.latency_s < 0.24


async def test_a_name_that_is_slow_to_resolve_fails_by_the_deadline() -> None:
    """The resolver's thread continues; the probe does not wait for it."""
    answers = Answers((ONE,))
    answers.free.clear()
    async with asking(ask=answers, probe="http://app.test/") as asker:
        result = await asker.ask(0.1)
        answers.free.set()

    assert 0.1 <= given_up_after_s(result) < 5


async def test_a_target_closed_while_its_name_is_resolved_is_silent() -> None:
    """It makes no connection."""
    answers = Answers((ONE,))
    answers.free.clear()
    async with served(hang), asking(ask=answers, probe="http://app.test/") as asker:
        asker.target.start_probe(1.0, 1.0)
        asker.target.close()
        answers.free.set()
        await asyncio.sleep(0.05)

    assert asker.unasked == 0
