"""A prober whose answers are written by the test."""

from __future__ import annotations

from collections import defaultdict, deque
from datetime import datetime

from controller.model.configuration import Endpoint
from controller.model.health import NotRunCause, ProbeOutcome, ProbeResult
from controller.ports import Clock, ProbeListener, TimerHandle


class FakeProber:
    """Fulfils Prober. Every probe passes at once until a test sets another answer.

    Can be told, by the endpoint's `probe` address:
    - `answer(probe, outcome, detail)`: answer so from now on;
    - `answer_next(probe, outcome, detail)`: answer so once, before anything told by `answer`;
    - `hang(probe)`: take the whole deadline from now on, then fail;
    - `slow(probe, takes_s)`: take so long from now on, whatever the answer;
    - `answer_late(probe)`: what was given up at last answers after all;
    - `disturb(probe)`: the kept connection ends;
    - `resolve(probe, *addresses)`: its name has these addresses from now on; with two or more each
      is told what to answer by its own text, as in `answer("192.0.2.1:80", …)`;
    - `not_run_cause`: why probes cannot be run that are told so;
    - `missing_families`: the address families that the host lacks.
    - `certificate_ends_at`: every answer shows a certificate that ends then.
    It notes calls: `asked`, (monotonic seconds, probe) in order.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.addresses: dict[str, tuple[str, ...]] = {}
        self.not_run_cause: NotRunCause | None = None
        self.missing_families: tuple[str, ...] = ()
        self._steady: dict[str, tuple[ProbeOutcome, str]] = {}
        self._next: defaultdict[str, deque[tuple[ProbeOutcome, str]]] = defaultdict(deque)
        self._hanging: set[str] = set()
        self._takes_s: dict[str, float] = {}
        self._targets: dict[str, FakeTarget] = {}
        self.certificate_ends_at: datetime | None = None
        self.asked: list[tuple[float, str]] = []

    def answer(self, probe: str, outcome: ProbeOutcome, detail: str = "") -> None:
        self._hanging.discard(probe)
        self._steady[probe] = (outcome, detail or outcome.value)

    def answer_next(self, probe: str, outcome: ProbeOutcome, detail: str = "") -> None:
        self._next[probe].append((outcome, detail or outcome.value))

    def hang(self, probe: str) -> None:
        self._hanging.add(probe)

    def slow(self, probe: str, takes_s: float) -> None:
        self._takes_s[probe] = takes_s

    def answer_late(self, probe: str) -> None:
        result = ProbeResult(ProbeOutcome.PASSED, self.clock.monotonic(), 1.0, "200")
        self._targets[probe].listener.on_late_result(result)

    def disturb(self, probe: str) -> None:
        self._targets[probe].listener.on_disconnect()

    def resolve(self, probe: str, *addresses: str) -> None:
        self.addresses[probe] = addresses

    def target(self, endpoint: Endpoint, listener: ProbeListener) -> FakeTarget:
        made = self._targets[endpoint.probe] = FakeTarget(self, endpoint.probe, listener)
        return made

    def address_target(
        self, endpoint: Endpoint, address: str, listener: ProbeListener
    ) -> FakeTarget:
        made = FakeTarget(self, endpoint.probe, listener, address)
        self._targets[address] = made
        return made

    def takes_s(self, probe: str, max_timeout_s: float) -> float:
        """How long the next probe takes."""
        if probe in self._hanging and not self._next[probe]:
            return max_timeout_s
        return self._takes_s.get(probe, 0.0)

    def finding(self, probe: str, max_timeout_s: float) -> tuple[ProbeOutcome, str]:
        """What a probe finds that is answered now."""
        if self._next[probe]:
            return self._next[probe].popleft()
        if probe in self._hanging:
            return ProbeOutcome.FAILED, f"no answer in {max_timeout_s:g} s"
        return self._steady.get(probe, (ProbeOutcome.PASSED, "200"))


class FakeTarget:
    """Fulfils Target."""

    def __init__(
        self, prober: FakeProber, probe: str, listener: ProbeListener, address: str = ""
    ) -> None:
        self._prober = prober
        self._probe = address or probe
        self._address = address
        self.listener = listener
        self._answer: TimerHandle | None = None

    def start_probe(self, min_timeout_s: float, max_timeout_s: float) -> None:
        assert self._answer is None, "asked again before it was answered"
        clock = self._prober.clock
        addresses = self._prober.addresses.get(self._probe, ())
        if len(addresses) > 1 and self.listener.on_addresses(addresses):
            return
        address = self._address or (addresses[0] if addresses else "")
        started = clock.monotonic()
        self._prober.asked.append((started, self._probe))

        def tell() -> None:
            self._answer = None
            ended = clock.monotonic()
            outcome, detail = self._prober.finding(self._probe, max_timeout_s)
            ends_at = self._prober.certificate_ends_at
            cause = self._prober.not_run_cause
            if outcome is not ProbeOutcome.COULD_NOT_RUN:
                cause = None
            self.listener.on_result(
                ProbeResult(outcome, ended, ended - started, detail, ends_at, address, cause)
            )

        self._answer = clock.call_at(
            started + self._prober.takes_s(self._probe, max_timeout_s), tell
        )

    def close(self) -> None:
        if self._answer is not None:
            self._answer.cancel()
            self._answer = None
