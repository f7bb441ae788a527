"""Probes endpoints over the network as the probe loop does, one at a time."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from controller.adapters.probing.prober import NetworkProber
from controller.adapters.probing.resolver import Lookup, look_up
from controller.model.configuration import Endpoint
from controller.model.health import ProbeOutcome, ProbeResult
from controller.ports import Prober, Target
from controller.settings.references import NO_REFERENCES, References

DEADLINE_S = 0.5
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Asker:
    """One probed endpoint; implements ProbeListener."""

    target: Target

    def __init__(self, prober: Prober, endpoint: Endpoint, address: str = "") -> None:
        """`address`: the only one to ask."""
        self.prober = prober
        self._answers: asyncio.Queue[ProbeResult] = asyncio.Queue()
        self.late: list[ProbeResult] = []
        self.disturbances = 0
        self.splits = False
        """Whether it would probe each address of a name itself."""
        self.addresses: list[tuple[str, ...]] = []
        self.target = (
            prober.address_target(endpoint, address, self)
            if address
            else prober.target(endpoint, self)
        )

    async def ask(
        self, max_timeout_s: float = DEADLINE_S, min_timeout_s: float | None = None
    ) -> ProbeResult:
        """The result of one probe; with one bound alone, the timeout does not adapt."""
        self.target.start_probe(
            max_timeout_s if min_timeout_s is None else min_timeout_s, max_timeout_s
        )
        assert self._answers.empty(), "answered before ask returned, or twice"
        return await self.next_answer()

    async def next_answer(self) -> ProbeResult:
        """The result of a probe that was started elsewhere."""
        return await self._answers.get()

    def on_result(self, result: ProbeResult) -> None:
        self._answers.put_nowait(result)

    def on_late_result(self, result: ProbeResult) -> None:
        self.late.append(result)

    def on_addresses(self, addresses: tuple[str, ...]) -> bool:
        self.addresses.append(addresses)
        return self.splits

    def on_disconnect(self) -> None:
        self.disturbances += 1

    @property
    def unasked(self) -> int:
        """The number of results that were not read."""
        return self._answers.qsize()


async def until(happened: Callable[[], bool], within_s: float = 5.0) -> None:
    """Wait until the condition holds; fail if it does not in time."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    while not happened():
        assert loop.time() - started < within_s, f"not within {within_s:g} s"
        await asyncio.sleep(0.005)


def given_up_after_s(result: ProbeResult) -> float:
    """The timeout of a silent endpoint's probe, from its result. A busy machine adds the time that
    it lost before the request, so it may be longer than the deadline."""
    assert result.outcome is ProbeOutcome.FAILED, result
    said = re.fullmatch(r"no answer in ([0-9.]+) s", result.detail)
    assert said is not None, result.detail
    return float(said[1])


@asynccontextmanager
async def asking(
    references: References = NO_REFERENCES, ask: Lookup = look_up, **endpoint: Any
) -> AsyncIterator[Asker]:
    """An endpoint with a separate prober."""
    async with NetworkProber(references, ask) as prober:
        asker = Asker(prober, Endpoint.model_validate(endpoint))
        yield asker
        asker.target.close()


async def ask_once(
    max_timeout_s: float = DEADLINE_S, references: References = NO_REFERENCES, **endpoint: Any
) -> ProbeResult:
    """The result of one probe of this endpoint."""
    async with asking(references, **endpoint) as asker:
        return await asker.ask(max_timeout_s)
