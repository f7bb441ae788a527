"""What goes wrong, at random times: one method for each kind of fault."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from random import Random

from tests.simulation.aws import SERVICES, SimulatedAws
from tests.simulation.daemon import SimulatedDaemon
from tests.simulation.journal import Journal
from tests.simulation.loop import SimulatedLoop
from tests.simulation.operators import Operators
from tests.simulation.regions import Condition, Regions

ALL_KINDS = (
    *("region",) * 3,
    "all_regions",
    "path",
    "isolation",
    "half_blindness",
    *("aws",) * 2,
    "lost_answers",
    "late_writes",
    *("crash",) * 2,
    "freeze",
    "wall_clock",
    "slow_disk",
    "full_disk",
    *("order",) * 2,
    "hand_edit",
    "slow_answers",
    "broken_pages",
)
"""Kinds of faults; one named several times is as many times as likely."""
_FOR_S = (5.0, 90.0)
_CRASH_WITHIN_STEPS = 1500
_SLOW_ACT_S = 2.0
_ACT_S = (0.0003, 0.0005, 0.004)


class Disk:
    """How long an act of the state file takes."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self.is_slow = False

    def act_s(self) -> float:
        """The next one."""
        return _SLOW_ACT_S if self.is_slow else self._rng.choice(_ACT_S)


class Faults:
    """Chooses one fault after another, and takes back what ends."""

    def __init__(
        self,
        loop: SimulatedLoop,
        regions: Regions,
        aws: SimulatedAws,
        daemon: SimulatedDaemon,
        operators: Operators,
        disk: Disk,
        journal: Journal,
        rng: Random,
    ) -> None:
        self._loop = loop
        self._regions = regions
        self._aws = aws
        self._daemon = daemon
        self._operators = operators
        self._disk = disk
        self._journal = journal
        self._rng = rng
        self._kinds: Sequence[str] = ()
        self.happened = 0
        self.wall_clock_at = -1e9
        """When the wall clock last jumped."""

    def begin(self, kinds: Sequence[str], mean_s: float) -> None:
        """From now on something of these kinds happens every `mean_s` seconds on average."""
        self._kinds = kinds
        self._next(mean_s)

    def end(self) -> None:
        """Nothing new happens, and all that goes on ends now."""
        self._kinds = ()
        self._aws.troubles.end()
        self._disk.is_slow = False
        self._regions.heal()

    def _next(self, mean_s: float) -> None:
        if not self._kinds:
            return
        kind, for_s = self._rng.choice(self._kinds), self._rng.uniform(*_FOR_S)
        self.happened += 1
        self._journal.counts[kind] += 1
        self._journal.note("FAULT", kind, round(for_s, 1))
        happen: Callable[[float], None] = getattr(self, kind)
        happen(for_s)
        self._loop.later(self._rng.expovariate(1 / mean_s), self._next, mean_s)

    def region(self, for_s: float) -> None:
        """One region fails, in one of its ways."""
        how = self._rng.choice([Condition.DEAD, Condition.SILENT, Condition.GRAY])
        self._break(self._rng.choice(self._regions.names), how, for_s * 3)

    def all_regions(self, for_s: float) -> None:
        """All regions die at once."""
        for region in self._regions.names:
            self._break(region, Condition.DEAD, for_s)

    def path(self, for_s: float) -> None:
        """The daemon alone does not reach one or two regions."""
        for region in self._rng.sample(self._regions.names, self._rng.randint(1, 2)):
            self._regions.cut_off.add(region)
            self._loop.later(for_s, self._regions.cut_off.discard, region)

    def isolation(self, for_s: float) -> None:
        """The daemon reaches nothing."""
        self._regions.isolated = True
        self._loop.later(for_s, setattr, self._regions, "isolated", False)

    def half_blindness(self, for_s: float) -> None:
        """It loses the reference targets and one region: its own way is likelier at fault."""
        if self._regions.half_blind_to is None:
            self._regions.half_blind_to = self._rng.choice(self._regions.names)
            self._loop.later(for_s, setattr, self._regions, "half_blind_to", None)

    def aws(self, for_s: float) -> None:
        """An API hangs, or fails a part of all calls."""
        troubles, service = self._aws.troubles, self._rng.choice(SERVICES)
        if self._rng.random() < 0.3:
            troubles.hanging.add(service)
            self._loop.later(for_s, troubles.hanging.discard, service)
        else:
            troubles.failing[service] = self._rng.choice([0.3, 0.9, 1.0])
            self._loop.later(for_s, troubles.failing.pop, service, None)

    def lost_answers(self, for_s: float) -> None:
        """Writes are carried out, and their answers never come."""
        self._aws.troubles.lost = 0.4
        self._loop.later(for_s, setattr, self._aws.troubles, "lost", 0.0)

    def late_writes(self, for_s: float) -> None:
        """Writes arrive when their sender has given up."""
        self._aws.troubles.late = 0.3
        self._loop.later(for_s, setattr, self._aws.troubles, "late", 0.0)

    def slow_answers(self, for_s: float) -> None:
        """Every call takes a part of its deadline, which is 3 s or more."""
        self._aws.troubles.slowest_s = self._rng.uniform(0.5, 2.9)
        self._loop.later(for_s, setattr, self._aws.troubles, "slowest_s", 0.0)

    def broken_pages(self, for_s: float) -> None:
        """Listings of zones fail after their first page."""
        self._aws.troubles.breaks_pages = True
        self._loop.later(for_s, setattr, self._aws.troubles, "breaks_pages", False)

    def crash(self, for_s: float) -> None:
        """kill -9, before any step; it is started again after a while."""
        self._daemon.crash_after(self._rng.randrange(_CRASH_WITHIN_STEPS))

    def freeze(self, for_s: float) -> None:
        """The process stands still, or the whole machine does and its clock with it."""
        self._daemon.freeze(for_s, stops_clock=self._rng.random() < 0.5)

    def wall_clock(self, for_s: float) -> None:
        """The date jumps by a second to a day, either way, for good."""
        self.wall_clock_at = self._loop.time()
        seconds = self._rng.choice([-1, 1]) * 10 ** self._rng.uniform(0, 5)
        self._daemon.clock.wall_error += timedelta(seconds=seconds)

    def slow_disk(self, for_s: float) -> None:
        """Every act of the state file takes seconds."""
        self._disk.is_slow = True
        self._daemon.disk_is_slow(for_s)
        self._loop.later(for_s, setattr, self._disk, "is_slow", False)

    def full_disk(self, for_s: float) -> None:
        """The state file cannot grow."""
        self._daemon.fill_disk(for_s)

    def order(self, for_s: float) -> None:
        """A person gives or withdraws an order."""
        self._operators.act()

    def hand_edit(self, for_s: float) -> None:
        """A person changes a record past the daemon."""
        self._operators.change_by_hand()

    def _break(self, region: str, how: Condition, for_s: float) -> None:
        if self._regions.condition(region) is Condition.WELL:
            self._regions.set(region, how)
            self._loop.later(for_s, self._regions.set, region, Condition.WELL)
