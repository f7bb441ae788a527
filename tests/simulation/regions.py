"""What is true of the regions, and what a prober or Route 53's checkers see of it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from enum import Enum
from random import Random

from controller.model.configuration import Endpoint, Settings
from controller.model.health import ProbeOutcome, ProbeResult
from controller.ports import ProbeListener
from controller.sandbox.emulator.checkers.reports import CHECKERS, Observation
from controller.sandbox.emulator.stores import Stores
from tests.simulation.clock import EPOCH, ProcessClock
from tests.simulation.loop import SimulatedLoop

REFERENCE = "reference"
"""The place of every probed address that is in no region."""
LONG_AGO = -1e9
_CHECKED_EVERY_S = 10.0
_REFUSED_AFTER_S = 0.002
_FAILURES = 3
"""Route 53's default number of failed checks in a row."""
_GRAY_FAILS = 0.1
"""The part of probes that a gray region fails."""


class Condition(Enum):
    """How a region is."""

    WELL = "well"
    DEAD = "dead"
    """Refuses connections."""
    SILENT = "silent"
    """Answers nothing."""
    GRAY = "gray"
    """Fails a part and answers slowly."""


class Regions:
    """The truth about regions, and about the daemon's way to them."""

    def __init__(self, loop: SimulatedLoop, settings: Settings, rng: Random) -> None:
        self._loop = loop
        self._rng = rng
        self.place_of = {one.probe: number.region for number, one in settings.endpoints()}
        """Probed address to region."""
        self.names = sorted(set(self.place_of.values()))
        self._conditions = dict.fromkeys(self.names, (Condition.WELL, LONG_AGO))
        self.cut_off: set[str] = set()
        """Regions that the daemon cannot reach, though users can."""
        self.isolated = False
        """Whether the daemon reaches nothing at all, reference targets neither."""
        self.half_blind_to: str | None = None
        """The one region that it reaches as little as the reference targets."""
        self.failed_at: defaultdict[str, float] = defaultdict(lambda: LONG_AGO)
        """Region to when a probe last failed, in truth, for which the prober is not to blame."""
        self.probes = 0

    def condition(self, region: str) -> Condition:
        """How it is."""
        return self._conditions[region][0]

    def since(self, region: str) -> float:
        """Since when it is so."""
        return self._conditions[region][1]

    def set(self, region: str, condition: Condition) -> None:
        """It is so from now on."""
        self._conditions[region] = (condition, self._loop.time())

    def heal(self) -> None:
        """Everything is well and reachable."""
        self.cut_off.clear()
        self.isolated, self.half_blind_to = False, None
        for region in self.names:
            self.set(region, Condition.WELL)

    def failed_within(self, seconds: float, region: str) -> bool:
        """Whether a probe of it failed lately, the prober being able to ask."""
        return self._loop.time() - self.failed_at[region] < seconds

    def probe(self, place: str, patience_s: float) -> tuple[bool, float]:
        """Whether a probe that begins now passes, and after how long one knows."""
        self.probes += 1
        passed, takes_s = self._answer(place, patience_s)
        if not passed and not self._is_own_fault(place):
            self.failed_at[place] = self._loop.time() + takes_s
        return passed, takes_s

    def _answer(self, place: str, patience_s: float) -> tuple[bool, float]:
        if self._is_out_of_reach(place):
            return False, patience_s
        condition = Condition.WELL if place == REFERENCE else self.condition(place)
        match condition:
            case Condition.DEAD:
                return False, _REFUSED_AFTER_S
            case Condition.SILENT:
                return False, patience_s
            case Condition.GRAY:
                return self._rng.random() > _GRAY_FAILS, 0.05 + 0.3 * self._rng.random()
            case Condition.WELL:
                return True, 0.02 + 0.05 * self._rng.random()

    def _is_out_of_reach(self, place: str) -> bool:
        if self.isolated or place in self.cut_off:
            return True
        return self.half_blind_to is not None and place in (REFERENCE, self.half_blind_to)

    def _is_own_fault(self, place: str) -> bool:
        """All fails, or the reference targets and this one do, and the region itself is well."""
        if place == REFERENCE:
            return self.isolated
        if self.condition(place) is not Condition.WELL:
            return False
        return place == self.half_blind_to or (self.isolated and place not in self.cut_off)


class SimulatedProber:
    """Fulfils the Prober port."""

    def __init__(self, regions: Regions, clock: ProcessClock) -> None:
        self._regions = regions
        self._clock = clock

    def target(self, endpoint: Endpoint, listener: ProbeListener) -> SimulatedTarget:
        place = self._regions.place_of.get(endpoint.probe, REFERENCE)
        return SimulatedTarget(self._regions, self._clock, place, listener)

    def address_target(
        self, endpoint: Endpoint, address: str, listener: ProbeListener
    ) -> SimulatedTarget:
        return self.target(endpoint, listener)

    @property
    def missing_families(self) -> tuple[str, ...]:
        return ()


class SimulatedTarget:
    """Fulfils the Target port by what is true."""

    def __init__(
        self, regions: Regions, clock: ProcessClock, place: str, listener: ProbeListener
    ) -> None:
        self._regions = regions
        self._clock = clock
        self._place = place
        self._listener = listener
        self._alarm: asyncio.TimerHandle | None = None

    def start_probe(self, min_timeout_s: float, max_timeout_s: float) -> None:
        started = self._clock.monotonic()
        passed, takes_s = self._regions.probe(self._place, min_timeout_s)
        self._alarm = self._clock.call_at(started + takes_s, lambda: self._tell(started, passed))

    def close(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _tell(self, started: float, passed: bool) -> None:
        self._alarm = None
        now = self._clock.monotonic()
        outcome = ProbeOutcome.PASSED if passed else ProbeOutcome.FAILED
        detail = "200" if passed else "connection refused"
        self._listener.on_result(ProbeResult(outcome, now, now - started, detail))


class HealthCheckers:
    """Route 53's own: they reach every region, and a gray one passes."""

    def __init__(self, loop: SimulatedLoop, regions: Regions, stores: Stores) -> None:
        self._loop = loop
        self._regions = regions
        self._stores = stores
        self._region_of = {
            probe.split("//")[1].split(":")[0]: region for probe, region in regions.place_of.items()
        }

    def look(self) -> None:
        """All checks, now and every 10 s."""
        now = EPOCH.timestamp() + self._loop.time()
        for check_id, config in self._stores.health_checks.probed().items():
            region = self._region_of.get(config.ip_address or "")
            if region is None:
                continue
            passed = self._regions.condition(region) in (Condition.WELL, Condition.GRAY)
            status = "Success: HTTP Status Code 200, OK" if passed else "Failure: refused"
            for place in CHECKERS:
                seen = Observation(place, passed, status, now)
                self._stores.reports.record(check_id, seen, config.failure_threshold or _FAILURES)
        self._loop.later(_CHECKED_EVERY_S, self.look)
