"""Probes that are given up before their answer comes."""

from __future__ import annotations

import asyncio

from controller.model.health import ProbeOutcome
from tests.adapters.probing.asking import OK, asking, given_up_after_s, until
from tests.adapters.probing.servers import served


class Slowing:
    """Answers after so long; can be told to take longer."""

    def __init__(self) -> None:
        self.takes_s = 0.0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(self.takes_s)
        writer.write(OK)


async def test_patience_follows_the_endpoint_and_a_late_answer_is_told() -> None:
    """Given up after the least time, since it answered in a millisecond before; then it answers."""
    server = Slowing()
    async with served(server) as address, asking(probe=f"http://{address}/") as asker:
        for _ in range(10):
            await asker.ask(2.0, least_s=0.05)
        server.takes_s = 0.2
        given_up = await asker.ask(2.0, least_s=0.05)
        assert asker.late == []
        await until(lambda: asker.late != [])

    assert 0.05 <= given_up_after_s(given_up) < 0.2
    assert asker.late[0].outcome is ProbeOutcome.PASSED
    assert 0.2 <= asker.late[0].latency_s < 2.0


async def test_a_late_answer_makes_the_next_probe_more_patient() -> None:
    """An endpoint that slows down is not called dead."""
    server = Slowing()
    async with served(server) as address, asking(probe=f"http://{address}/") as asker:
        for _ in range(10):
            await asker.ask(2.0, least_s=0.05)
        server.takes_s = 0.2
        failures = 0
        async with asyncio.timeout(10):
            while (await asker.ask(2.0, least_s=0.05)).outcome is not ProbeOutcome.PASSED:
                failures += 1
                await asyncio.sleep(0.2)

    assert 1 <= failures <= 2


async def test_nobody_listens_longer_than_the_deadline() -> None:
    """A late answer that is later than that tells nothing."""
    server = Slowing()
    async with served(server) as address, asking(probe=f"http://{address}/") as asker:
        await asker.ask(1.0, least_s=0.05)
        server.takes_s = 0.3
        await asker.ask(0.1, least_s=0.05)
        await asyncio.sleep(0.4)

    assert (asker.late, asker.unasked) == ([], 0)


async def test_a_late_answer_is_no_news_after_a_newer_one() -> None:
    """It is not counted as another success."""
    server = Slowing()
    async with served(server) as address, asking(probe=f"http://{address}/") as asker:
        await asker.ask(1.0, least_s=0.05)
        server.takes_s = 0.2
        await asker.ask(1.0, least_s=0.05)
        server.takes_s = 0.0
        await asker.ask(1.0, least_s=0.05)
        await asyncio.sleep(0.3)

    assert asker.late == []
