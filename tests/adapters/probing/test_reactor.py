"""Deadlines and events of probes, when our own event loop is late."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from controller.adapters.probing import probe_connection, reactor
from controller.adapters.probing.prober import NetworkProber
from controller.model.configuration import Endpoint
from controller.model.health import ProbeOutcome, ProbeResult
from tests.adapters.probing.asking import DEADLINE_S, OK, Asker, until
from tests.adapters.probing.servers import KeepAlive, served
from tests.loops.small import logged
from tests.stopwatch import Stopwatch

GENEROUS_S = 30.0


@contextmanager
def serving_in_a_thread(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that answers although our event loop stands still; told its listening socket."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    thread = threading.Thread(target=serve, args=(listener,))
    thread.start()
    try:
        yield "{}:{}".format(*listener.getsockname())
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def answering_after(takes_s: float) -> Callable[[socket.socket], None]:
    """One connection after the other, until the listener ends."""

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                made, _ = listener.accept()
            except OSError:
                return
            with made:
                made.recv(4096)
                time.sleep(takes_s)
                made.sendall(OK)

    return serve


def _was_asked(made: socket.socket) -> bool:
    try:
        return bool(made.recv(4096))
    except ConnectionResetError:
        return False


def stand_still(seconds: float) -> None:
    """What a long computation does to the event loop."""
    time.sleep(seconds)


async def test_an_answer_that_came_in_time_is_not_late_because_we_are() -> None:
    """Read first, called late afterwards; its latency is what the kernel saw."""
    with serving_in_a_thread(answering_after(0.05)) as address:
        async with NetworkProber() as prober:
            asker = Asker(prober, Endpoint(probe=f"http://{address}/"))
            probe = asyncio.ensure_future(asker.ask(0.6))
            await asyncio.sleep(0.02)
            stand_still(0.8)
            result = await probe

    assert result.outcome is ProbeOutcome.PASSED
    assert 0.05 <= result.latency_s < 0.6


Span = tuple[float, float]
"""Between which readings of the monotonic clock something happened."""


def answering_in_bursts(
    count: int, gaps_s: tuple[float, ...], answered: list[Span]
) -> Callable[[socket.socket], None]:
    """Keeps so many connections. Whenever all of them have asked it answers them, in as many bursts
    as there are gaps, each so long after the one before; it notes when each was answered last."""
    each = count // len(gaps_s)

    def serve(listener: socket.socket) -> None:
        with ExitStack() as closing:
            made = [closing.enter_context(listener.accept()[0]) for _ in range(count)]
            while all([_was_asked(one) for one in made]):
                answered.clear()
                for burst, gap_s in enumerate(gaps_s):
                    time.sleep(gap_s)
                    for one in made[burst * each : (burst + 1) * each]:
                        before = time.monotonic()
                        one.sendall(OK)
                        answered.append((before, time.monotonic()))

    return serve


async def test_answers_that_are_read_together_keep_their_own_latencies() -> None:
    """Not each is stamped: what came between two stamps near each other came with them. Bursts are
    30 ms apart, and groups of stamps lie across them."""
    count, gaps_s = 60, (0.03,) * 5
    answered: list[Span] = []
    with serving_in_a_thread(answering_in_bursts(count, gaps_s, answered)) as address:
        async with NetworkProber() as prober:
            endpoint = Endpoint(probe=f"http://{address}/", keep_alive=True)
            askers = [Asker(prober, endpoint) for _ in range(count)]
            for asker in askers:
                asker.target.ask(DEADLINE_S, DEADLINE_S)
                await asyncio.sleep(0)
            for asker in askers:
                await asker.next_answer()
            asking_since = time.monotonic()
            for asker in askers:
                asker.target.ask(GENEROUS_S, GENEROUS_S)
            await asyncio.sleep(0.01)
            asked = (asking_since, time.monotonic())
            while len(answered) < count:
                stand_still(0.05)
            latencies = [(await asker.next_answer()).latency_s for asker in askers]
            for asker in askers:
                asker.target.close()

    # Whoever was not given a processor meanwhile has noted it: the spans are longer then.
    for index, (latency_s, span) in enumerate(zip(latencies, answered, strict=True)):
        assert span[0] - asked[1] - 0.005 <= latency_s <= span[1] - asked[0] + 0.005, index


async def test_a_busy_prober_may_end_while_a_probe_is_being_begun(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing of it is looked for any more."""
    monkeypatch.setattr(reactor, "_BUSY_S", 0.1)
    with raising_in_callbacks() as errors:
        async with served(KeepAlive()) as address:
            async with NetworkProber() as prober:
                asker = Asker(prober, Endpoint(probe=f"http://{address}/", keep_alive=True))
                await asker.ask()
                asker.target.ask(DEADLINE_S, DEADLINE_S)
            await asyncio.sleep(0.2)

    assert errors == []
    assert asker.unasked == 0


@contextmanager
def raising_in_callbacks() -> Iterator[list[dict[str, Any]]]:
    """What the event loop complains of."""
    errors: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: errors.append(context))
    try:
        yield errors
    finally:
        loop.set_exception_handler(None)


async def test_time_that_we_lost_before_asking_is_not_the_endpoints() -> None:
    """Connected at once, but noticed late: the probe is given that time back."""
    with serving_in_a_thread(answering_after(0.05)) as address:
        async with NetworkProber() as prober:
            asker = Asker(prober, Endpoint(probe=f"http://{address}/"))
            probe = asyncio.ensure_future(asker.ask(0.6))
            await asyncio.sleep(0)
            stand_still(0.8)
            result = await probe

    assert result.outcome is ProbeOutcome.PASSED
    assert 0.05 <= result.latency_s < 0.6


async def test_deadlines_of_many_probes_are_kept_each() -> None:
    """They need no order among them."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as mute:
        probe = "http://{}:{}/".format(*mute.getsockname())
        async with NetworkProber() as prober:
            askers = [Asker(prober, Endpoint(probe=probe)) for _ in range(40)]
            waits = [0.05 + 0.01 * (index * 7 % 20) for index in range(40)]
            watch = Stopwatch().start()
            results = await asyncio.gather(
                *(asker.ask(wait) for asker, wait in zip(askers, waits, strict=True))
            )

    for result, wait in zip(results, waits, strict=True):
        assert result.outcome is ProbeOutcome.FAILED
        assert wait - 0.001 <= result.latency_s < wait + 0.15 + watch.waited_s()


class EndsAnother(Asker):
    """When it hears anything it forgets another endpoint, as a reload does."""

    other: Asker

    def answered(self, result: ProbeResult) -> None:
        super().answered(result)
        self.other.target.close()

    def disturbed(self) -> None:
        super().disturbed()
        self.other.target.close()


def two(prober: NetworkProber, address: str) -> tuple[EndsAnother, EndsAnother]:
    """Two endpoints of which the one that hears something first ends the other."""
    endpoint = Endpoint(probe=f"http://{address}/", keep_alive=True)
    first, second = EndsAnother(prober, endpoint), EndsAnother(prober, endpoint)
    first.other, second.other = second, first
    return first, second


async def test_who_is_forgotten_while_answers_are_looked_at_hears_nothing() -> None:
    """Both answers have come and were read; the first one heard ends the other."""
    may_answer = asyncio.Event()

    async def together(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await may_answer.wait()
        writer.write(OK)

    with logged() as lines:
        async with served(together) as address, NetworkProber() as prober:
            first, second = two(prober, address)
            for asker in (first, second):
                asker.target.ask(DEADLINE_S, DEADLINE_S)
            await asyncio.sleep(0.1)
            may_answer.set()
            await until(lambda: first.unasked + second.unasked > 0)
            await asyncio.sleep(0.05)

    assert first.unasked + second.unasked == 1
    assert lines == []


async def test_who_is_forgotten_while_connections_end_hears_nothing() -> None:
    """Both kept connections end at once."""
    server = KeepAlive()
    with logged() as lines:
        async with served(server) as address, NetworkProber() as prober:
            first, second = two(prober, address)
            for asker in (first, second):
                asker.other = Asker(prober, Endpoint(probe=f"http://{address}/"))
                await asker.ask()
            first.other, second.other = second, first
            server.hang_up()
            await until(lambda: first.disturbances + second.disturbances > 0)
            await asyncio.sleep(0.05)

    assert first.disturbances + second.disturbances == 1
    assert lines == []


@pytest.mark.parametrize("where", ["reading", "sending", "understanding"])
async def test_a_mistake_of_ours_costs_nobody_else_an_answer(
    monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """Of two that are asked, and answer, together: the endpoint itself does not pay either."""
    server = KeepAlive()
    with logged() as lines:
        async with served(server) as address, NetworkProber() as prober:
            endpoint = Endpoint(probe=f"http://{address}/", keep_alive=True)
            askers = [Asker(prober, endpoint) for _ in range(2)]
            for asker in askers:
                await asker.ask()
            owner, name = {
                "reading": (probe_connection, "read"),
                "sending": (probe_connection.ProbeConnection, "send"),
                "understanding": (probe_connection.ProbeConnection, "hear"),
            }[where]
            monkeypatch.setattr(owner, name, stumbling_once(getattr(owner, name)))
            for asker in askers:
                asker.target.ask(DEADLINE_S, DEADLINE_S)
            outcomes = [(await asker.next_answer()).outcome for asker in askers]

    assert sorted(outcomes) == [ProbeOutcome.COULD_NOT_RUN, ProbeOutcome.PASSED]
    assert [line["event"] for line in lines] == ["probe_mistake"]


def stumbling_once(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same, but for a mistake when it is first called."""
    mistakes = iter([ZeroDivisionError("of ours")])

    def stumble(*given: Any) -> Any:
        for mistake in mistakes:
            raise mistake
        return function(*given)

    return stumble
