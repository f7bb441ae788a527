"""Probes that time out before their answer comes."""

from __future__ import annotations

import asyncio

from controller.model.health import ProbeOutcome
from tests.adapters.probing.asking import OK, asking, given_up_after_s, until
from tests.adapters.probing.servers import served


class Slowing:
    """Answers after a delay that the test can increase."""

    def __init__(self) -> None:
        self.takes_s = 0.0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(self.takes_s)
        writer.write(OK)


async def test_the_timeout_adapts_and_a_late_answer_is_reported() -> None:
    """The timeout is the minimum after fast answers; then a slow answer comes late."""
    server = Slowing()
    async with served(server) as address, asking(probe=f"http://{address}/") as asker:
        for _ in range(10):
            await asker.ask(2.0, min_timeout_s=0.05)
        server.takes_s = 0.2
        given_up = await asker.ask(2.0, min_timeout_s=0.05)
        assert asker.late == []
        await until(lambda: asker.late != [])

    assert 0.05 <= given_up_after_s(given_up) < 0.2
    assert asker.late[0].outcome is ProbeOutcome.PASSED
    assert 0.2 <= asker.late[0].latency_s < 2.0


async def test_a_late_answer_makes_the_next_timeout_longer() -> None:
    """An endpoint that slows down does not count as dead."""
    server = Slowing()
    async with served(server) as address, asking(probe=f"http://{address}/") as asker:
        for _ in range(10):
            await asker.ask(2.0, min_timeout_s=0.05)
        server.takes_s = 0.2
        failures = 0
        async with asyncio.timeout(10):
            while (await asker.ask(2.0, min_timeout_s=0.05)).outcome is not ProbeOutcome.PASSED:
                failures += 1
                await asyncio.sleep(0.2)

    assert 1 <= failures <= 2


async def test_no_answer_is_accepted_after_the_maximum_timeout() -> None:
    """A later answer is not reported."""
    server = Slowing()
    async with served(server) as address, asking(probe=f"http://{address}/") as asker:
        await asker.ask(1.0, min_timeout_s=0.05)
        server.takes_s = 0.3
        await asker.ask(0.1, min_timeout_s=0.05)
        await asyncio.sleep(0.4)

    assert (asker.late, asker.unasked) == ([], 0)


async def test_a_late_answer_is_ignored_after_a_newer_one() -> None:
    """It does not count as another success."""
    server = Slowing()
    async with served(server) as address, asking(probe=f"http://{address}/") as asker:
        await asker.ask(1.0, min_timeout_s=0.05)
        server.takes_s = 0.2
        await asker.ask(1.0, min_timeout_s=0.05)
        server.takes_s = 0.0
        await asker.ask(1.0, min_timeout_s=0.05)
        await asyncio.sleep(0.3)

    assert asker.late == []
