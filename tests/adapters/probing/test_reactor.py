"""Deadlines and events of probes while the event loop is late."""

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
    """A server that answers while our event loop is blocked; `serve` gets its listening socket."""
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
    """Serves one connection after another, until the listener closes."""

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


def block_the_loop(seconds: float) -> None:
    """Block the event loop as a long computation does."""
    time.sleep(seconds)


async def test_an_answer_that_came_in_time_is_not_late_because_we_are() -> None:
    """It is read before the deadline is checked; the kernel's timestamp gives its latency."""
    with serving_in_a_thread(answering_after(0.05)) as address:
        async with NetworkProber() as prober:
            asker = Asker(prober, Endpoint(probe=f"http://{address}/"))
            probe = asyncio.ensure_future(asker.ask(0.6))
            await asyncio.sleep(0.02)
            block_the_loop(0.8)
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
    """Not every answer has a timestamp read: those between two close timestamps get the second one.
    Bursts are 30 ms apart, and groups of timestamps span them."""
    count, gaps_s = 60, (0.03,) * 5
    answered: list[Span] = []
    with serving_in_a_thread(answering_in_bursts(count, gaps_s, answered)) as address:
        async with NetworkProber() as prober:
            endpoint = Endpoint(probe=f"http://{address}/", keep_alive=True)
            askers = [Asker(prober, endpoint) for _ in range(count)]
            for asker in askers:
                asker.target.start_probe(DEADLINE_S, DEADLINE_S)
                await asyncio.sleep(0)
            for asker in askers:
                await asker.next_answer()
            asking_since = time.monotonic()
            for asker in askers:
                asker.target.start_probe(GENEROUS_S, GENEROUS_S)
            await asyncio.sleep(0.01)
            asked = (asking_since, time.monotonic())
            while len(answered) < count:
                block_the_loop(0.05)
            latencies = [(await asker.next_answer()).latency_s for asker in askers]
            for asker in askers:
                asker.target.close()

    # Whoever was not given a processor meanwhile has noted it: the spans are longer then.
    for index, (latency_s, span) in enumerate(zip(latencies, answered, strict=True)):
        assert span[0] - asked[1] - 0.005 <= latency_s <= span[1] - asked[0] + 0.005, index


async def test_a_busy_prober_may_end_while_a_probe_is_being_begun(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No further poll happens."""
    monkeypatch.setattr(reactor, "_BUSY_POLL_S", 0.1)
    with raising_in_callbacks() as errors:
        async with served(KeepAlive()) as address:
            async with NetworkProber() as prober:
                asker = Asker(prober, Endpoint(probe=f"http://{address}/", keep_alive=True))
                await asker.ask()
                asker.target.start_probe(DEADLINE_S, DEADLINE_S)
            await asyncio.sleep(0.2)

    assert errors == []
    assert asker.unasked == 0


@contextmanager
def raising_in_callbacks() -> Iterator[list[dict[str, Any]]]:
    """The errors that the event loop reports."""
    errors: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: errors.append(context))
    try:
        yield errors
    finally:
        loop.set_exception_handler(None)


async def test_time_lost_before_the_request_is_added_to_the_timeout() -> None:
    """The connection was made at once but noticed late."""
    with serving_in_a_thread(answering_after(0.05)) as address:
        async with NetworkProber() as prober:
            asker = Asker(prober, Endpoint(probe=f"http://{address}/"))
            probe = asyncio.ensure_future(asker.ask(0.6))
            await asyncio.sleep(0)
            block_the_loop(0.8)
            result = await probe

    assert result.outcome is ProbeOutcome.PASSED
    assert 0.05 <= result.latency_s < 0.6


async def test_deadlines_of_many_probes_are_kept_each() -> None:
    """In any order."""
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
    """When it gets a result it closes another target, as a reload does."""

    other: Asker

    def on_result(self, result: ProbeResult) -> None:
        super().on_result(result)
        self.other.target.close()

    def on_disconnect(self) -> None:
        super().on_disconnect()
        self.other.target.close()


def two(prober: NetworkProber, address: str) -> tuple[EndsAnother, EndsAnother]:
    """Two targets; the first that gets a result closes the other."""
    endpoint = Endpoint(probe=f"http://{address}/", keep_alive=True)
    first, second = EndsAnother(prober, endpoint), EndsAnother(prober, endpoint)
    first.other, second.other = second, first
    return first, second


async def test_a_target_closed_while_answers_are_processed_gets_no_result() -> None:
    """Both answers were read; the first result closes the other target."""
    may_answer = asyncio.Event()

    async def together(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await may_answer.wait()
        writer.write(OK)

    with logged() as lines:
        async with served(together) as address, NetworkProber() as prober:
            first, second = two(prober, address)
            for asker in (first, second):
                asker.target.start_probe(DEADLINE_S, DEADLINE_S)
            await asyncio.sleep(0.1)
            may_answer.set()
            await until(lambda: first.unasked + second.unasked > 0)
            await asyncio.sleep(0.05)

    assert first.unasked + second.unasked == 1
    assert lines == []


async def test_a_target_closed_while_connections_end_gets_no_call() -> None:
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
async def test_a_mistake_of_this_program_costs_no_other_target_its_result(
    monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """Of two probed together; the endpoint itself does not fail either."""
    server = KeepAlive()
    with logged() as lines:
        async with served(server) as address, NetworkProber() as prober:
            endpoint = Endpoint(probe=f"http://{address}/", keep_alive=True)
            askers = [Asker(prober, endpoint) for _ in range(2)]
            for asker in askers:
                await asker.ask()
            owner, name = {
                "reading": (probe_connection, "receive"),
                "sending": (probe_connection.ProbeConnection, "send_request"),
                "understanding": (probe_connection.ProbeConnection, "handle_data"),
            }[where]
            monkeypatch.setattr(owner, name, stumbling_once(getattr(owner, name)))
            for asker in askers:
                asker.target.start_probe(DEADLINE_S, DEADLINE_S)
            outcomes = [(await asker.next_answer()).outcome for asker in askers]

    assert sorted(outcomes) == [ProbeOutcome.COULD_NOT_RUN, ProbeOutcome.PASSED]
    assert [line["event"] for line in lines] == ["probe_mistake"]


def stumbling_once(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which raises at its first call."""
    mistakes = iter([ZeroDivisionError("of ours")])

    def stumble(*given: Any) -> Any:
        for mistake in mistakes:
            raise mistake
        return function(*given)

    return stumble
