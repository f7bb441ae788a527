"""A process that is late, again and again, holds none of it against endpoints.

While something keeps the event loop or the interpreter busy, every step of a probe is noticed late:
the connection, each part of a handshake, the answer, the end of a kept connection.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import timedelta

import pytest

from controller.adapters.probing import reactor, sockets
from controller.adapters.probing.prober import NetworkProber
from controller.model.configuration import Endpoint
from controller.model.health import ProbeOutcome, ProbeResult
from controller.settings.references import NO_REFERENCES, References
from tests.adapters.probing.asking import OK, Asker
from tests.adapters.probing.authority import Authority

TIMEOUT_S = 0.3
DAY = timedelta(days=1)


@contextmanager
def answering(
    context: ssl.SSLContext | None = None, *, requests: int = 1000
) -> Iterator[tuple[str, list[float]]]:
    """A server with threads of its own; its address, and how long it took each time to answer.

    It closes a connection after so many requests.
    """
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    took_s: list[float] = []

    def serve(made: socket.socket) -> None:
        began = time.monotonic()
        with suppress(OSError), closing(context.wrap_socket(made, True) if context else made) as it:
            for _ in range(requests):
                if not it.recv(4096):
                    return
                it.sendall(OK)
                took_s.append(time.monotonic() - began)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield "{}:{}".format(*listener.getsockname()), took_s
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


async def asked_while_late(
    late_s: float,
    probe: str,
    *,
    times: int = 1,
    references: References = NO_REFERENCES,
    **keys: str,
) -> list[ProbeResult]:
    """Results of probes while each turn of the event loop comes so late."""
    endpoint = Endpoint.model_validate({"probe": probe, "keep_alive": times > 1, **keys})
    results = []
    async with NetworkProber(references) as prober:
        asker = Asker(prober, endpoint)
        for _ in range(times):
            asking = asyncio.ensure_future(asker.ask(TIMEOUT_S))
            while not asking.done():
                await asyncio.sleep(0)
                time.sleep(late_s)  # noqa: ASYNC251 - what blocks the loop
            results.append(asking.result())
        asker.target.close()
    return results


def assert_not_ours(results: list[ProbeResult]) -> None:
    """All passed, in the time that loopback takes."""
    assert [(one.outcome, one.detail) for one in results if one.outcome != "passed"] == []
    assert max(one.latency_s for one in results) < 0.15


@pytest.mark.parametrize(("scheme", "late_s"), [("http", 1.1), ("tcp", 0.35)])
async def test_a_new_connection(scheme: str, late_s: float) -> None:
    """Above a second, too: only where a SYN was repeated does a connection take that long."""
    with answering() as (address, _):
        path = "/" if scheme == "http" else ""
        assert_not_ours(await asked_while_late(late_s, f"{scheme}://{address}{path}"))


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
async def test_a_handshake(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Each of its steps waits for us."""
    authority = Authority(tmp_path_factory.mktemp("tls") / "authority")
    context = authority.context("IP:127.0.0.1", begins_in=-DAY, ends_in=DAY)
    file = str(authority.file)
    references = References({}, {file: authority.file.read_text()})
    with answering(context) as (address, _):
        assert_not_ours(
            await asked_while_late(0.35, f"https://{address}/", references=references, ca_file=file)
        )


async def test_a_kept_connection() -> None:
    """The same for each of its probes."""
    with answering() as (address, _):
        assert_not_ours(await asked_while_late(0.2, f"http://{address}/", times=2))


async def test_a_kept_connection_that_its_server_closes() -> None:
    """The probe that begins anew has time left, however late we saw that it had to."""
    with answering(requests=1) as (address, _):
        results = await asked_while_late(0.4, f"http://{address}/", times=2)
    assert [one.outcome for one in results] == [ProbeOutcome.PASSED] * 2


def test_clocks_are_compared_though_another_thread_has_its_turn_between(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is lost between both clocks moves no answer."""
    lost = iter([0.05, 0.02])
    true_offset = time.time() - time.monotonic()
    now = time.time

    def late() -> float:
        found = now()
        for seconds in lost:
            time.sleep(seconds)
            break
        return found

    monkeypatch.setattr(time, "time", late)
    assert reactor._wall_clock_offset_s() == pytest.approx(true_offset, abs=0.005)


@pytest.mark.parametrize(
    ("took_s", "rtt_us", "repeats", "delay_s"),
    [
        (0.2, 1_000, 0, 0.199),
        (1.3, 1_000, 0, 1.299),
        (1.3, 1_000, 1, 0.299),
        (1.0, 1_000, 1, 0.0),
        (3.5, 1_000, 2, 0.499),
        (0.2, 0, 0, 0.0),
        (0.2, 300_000, 0, 0.0),
    ],
)
def test_a_lost_syn_is_told_from_our_lateness(
    took_s: float, rtt_us: int, repeats: int, delay_s: float
) -> None:
    """By how often the kernel has repeated it."""

    class Made:
        def getsockopt(self, *_: int) -> bytes:
            return (
                bytes(68) + rtt_us.to_bytes(4, "little") + bytes(28) + repeats.to_bytes(4, "little")
            )

    found = sockets.connect_notice_delay_s(Made(), took_s)  # type: ignore[arg-type] # all it needs
    assert found == pytest.approx(delay_s)
