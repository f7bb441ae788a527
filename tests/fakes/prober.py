"""A prober whose answers are written by the test."""

from __future__ import annotations

from collections import defaultdict, deque

from controller.model.configuration import Endpoint
from controller.model.health import ProbeOutcome, ProbeResult
from controller.ports import Clock


class FakeProber:
    """Fulfils Prober. Everything passes until it is told otherwise.

    Can be told, by the endpoint's `probe` address:
    - `answer(probe, outcome, detail)`: answer so from now on;
    - `answer_next(probe, outcome, detail)`: answer so once, before anything told by `answer`;
    - `hang(probe)`: take the whole deadline from now on, then fail.
    Tells what it was asked: `asked`, (monotonic seconds, probe) in order.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._steady: dict[str, tuple[ProbeOutcome, str]] = {}
        self._next: defaultdict[str, deque[tuple[ProbeOutcome, str]]] = defaultdict(deque)
        self._hanging: set[str] = set()
        self.asked: list[tuple[float, str]] = []

    def answer(self, probe: str, outcome: ProbeOutcome, detail: str = "") -> None:
        self._hanging.discard(probe)
        self._steady[probe] = (outcome, detail or outcome.value)

    def answer_next(self, probe: str, outcome: ProbeOutcome, detail: str = "") -> None:
        self._next[probe].append((outcome, detail or outcome.value))

    def hang(self, probe: str) -> None:
        self._hanging.add(probe)

    async def probe(self, endpoint: Endpoint, deadline_s: float) -> ProbeResult:
        started = self._clock.monotonic()
        self.asked.append((started, endpoint.probe))
        if self._next[endpoint.probe]:
            outcome, detail = self._next[endpoint.probe].popleft()
        elif endpoint.probe in self._hanging:
            await self._clock.sleep(deadline_s)
            outcome, detail = ProbeOutcome.FAILED, f"no answer in {deadline_s:g} s"
        else:
            outcome, detail = self._steady.get(endpoint.probe, (ProbeOutcome.PASSED, "200"))
        ended = self._clock.monotonic()
        return ProbeResult(outcome, ended, ended - started, detail)
