"""A probe loop alone, over endpoints whose answers a test writes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from controller.loops.active_settings import ActiveSettings
from controller.loops.probing.endpoint_monitor import ProbeObserver
from controller.loops.probing.probe_loop import ProbeLoop
from controller.model.configuration import Endpoint, EndpointId, Settings
from controller.model.health import HealthState, ProbeOutcome, ProbeResult, ReferenceKind
from tests.fakes.clock import FakeClock
from tests.fakes.prober import FakeProber
from tests.loops.small import WEST, in_background, region, small, weighted

KNOWN_BAD = "tcp://198.51.100.9:9"
"""The address of a known-bad reference target."""
KNOWN_GOOD = ("tcp://198.51.100.1:1", "tcp://198.51.100.2:1", "tcp://198.51.100.3:1")
FAST = {"interval_s": 1, "deadline_s": 1, "confirm_gaps_s": [0.2], "fresh_for_s": 10}
QUICK = {"down_after": 3, "forgive_after": 2, "up_after": 3, "up_for_s": 0}


def with_known_bad(settings: Settings) -> Settings:
    """The same settings with KNOWN_BAD."""
    targets = settings.reference_targets.model_copy(update={"known_bad": (KNOWN_BAD,)})
    return settings.model_copy(update={"reference_targets": targets})


class Bench:
    """A probe loop over the endpoints of one region, with its wake-ups and observed results."""

    def __init__(
        self,
        *endpoints: dict[str, object],
        known_good: tuple[str, ...] = (),
        known_bad: tuple[str, ...] = (),
        probing: dict[str, Any] = FAST,
        health: dict[str, Any] = QUICK,
        settings: Settings | None = None,
    ) -> None:
        given = endpoints or ({},)
        names = "abcdefgh"[: len(given)]
        nouns = {n: {"probe": probe(n), **e} for n, e in zip(names, given, strict=True)}
        shop = weighted()
        shop["regions"] = {WEST: region(**nouns)}
        shop["pools"]["world"]["regions"] = [WEST]
        settings = settings or small(
            services={"shop": shop},
            reference_targets={"known_good": known_good, "known_bad": known_bad},
            probing=probing,
            health=health,
        )
        self.clock = FakeClock()
        self.prober = FakeProber(self.clock)
        self.wakes: list[float] = []
        self.told: list[tuple[EndpointId | ReferenceKind, ProbeOutcome]] = []
        self.active_settings = ActiveSettings(settings)
        self.probing = ProbeLoop(
            self.active_settings, self.prober, self.clock, self._wake, self._observer
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with in_background(self.probing.run()):
            yield

    def fail(self, name: str) -> None:
        self.prober.answer(probe(name), ProbeOutcome.FAILED, "refused")

    def answer_in_turn(self, name: str, letters: str) -> None:
        """The next answers of an endpoint: `+` passes, `-` fails, `o` could not be run."""
        outcomes = {
            "+": ProbeOutcome.PASSED,
            "-": ProbeOutcome.FAILED,
            "o": ProbeOutcome.COULD_NOT_RUN,
        }
        for letter in letters:
            self.prober.answer_next(probe(name), outcomes[letter])

    def asked(self, address: str) -> list[float]:
        """When an address was asked, to the millisecond."""
        return [round(at, 3) for at, asked in self.prober.asked if asked == address]

    def state(self, name: str) -> HealthState:
        return self.probing.health[EndpointId("shop", WEST, name)]

    def _wake(self) -> None:
        self.wakes.append(round(self.clock.monotonic(), 3))

    def _observer(self, observed: EndpointId | ReferenceKind, endpoint: Endpoint) -> ProbeObserver:
        return lambda result: self.tell(observed, result)

    def tell(self, observed: EndpointId | ReferenceKind, result: ProbeResult) -> None:
        """The observer of every probe."""
        self.told.append((observed, result.outcome))


def probe(name: str) -> str:
    return f"tcp://{name}.test:1"
