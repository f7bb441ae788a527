"""An answer is as old as its arrival in the kernel, however late it is read."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from contextlib import suppress

import pytest

from controller.model.health import ProbeOutcome
from tests.adapters.probing.asking import OK, asking

_STANDS_STILL_S = 0.4
_CLOCKS_S = 0.2
"""By how much the kernel's stamp may differ: it is of another clock, read a moment later."""
_UNAVAILABLE = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"


class BlockingServer(threading.Thread):
    """Answers one request when told, in a thread: the event loop may stand still meanwhile."""

    def __init__(self, answer: bytes) -> None:
        super().__init__(daemon=True)
        self._answer = answer
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = "{}:{}".format(*self._listening.getsockname())
        self.asked, self.go, self.answered = (threading.Event() for _ in range(3))
        self.start()

    def run(self) -> None:
        connection, _ = self._listening.accept()
        with connection, self._listening, suppress(ConnectionError):
            connection.recv(4096)
            self.asked.set()
            self.go.wait(10)
            connection.sendall(self._answer)
            self.answered.set()
            connection.recv(1)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [(OK, ProbeOutcome.PASSED), (_UNAVAILABLE, ProbeOutcome.FAILED)],
    ids=["passes", "fails"],
)
async def test_an_answer_that_waited_in_the_kernel_is_not_new(
    answer: bytes, outcome: ProbeOutcome
) -> None:
    """The process stood still between its arrival and its reading."""
    server = BlockingServer(answer)
    async with asking(probe=f"http://{server.address}/") as asker:
        asker.target.start_probe(5.0, 5.0)
        await asyncio.to_thread(server.asked.wait, 10)
        server.go.set()
        assert server.answered.wait(10)
        arrived_by = time.monotonic()
        threading.Event().wait(_STANDS_STILL_S)
        result = await asker.next_answer()
    server.join(10)

    assert result.outcome is outcome
    assert result.at < arrived_by + _CLOCKS_S, "not as new as its reading"
