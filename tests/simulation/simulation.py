"""One simulation: the production daemon, a world around it, faults, and what must always hold."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from controller.sandbox.seeding.stack import seed_through
from tests.simulation.aws import Arrival, SimulatedAws
from tests.simulation.daemon import SimulatedDaemon
from tests.simulation.ending_oracles import EndingOracles, StateOracles
from tests.simulation.faults import ALL_KINDS, Disk, Faults
from tests.simulation.journal import Journal, Violation
from tests.simulation.loop import Pid, SimulatedLoop
from tests.simulation.operators import Operators
from tests.simulation.regions import HealthCheckers, Regions
from tests.simulation.running_oracles import RunningOracles
from tests.simulation.worlds import WORLDS
from tests.simulation.write_oracles import WriteOracles

_MEMORY = Path("/dev/shm")
"""State files are kept in memory where there is such a place: fsync is not what is tested."""
_FIRST_FAULT_S = 60.0


@dataclass(frozen=True)
class Plan:
    """What one simulation is made of; equal plans run equally."""

    seed: int
    faults_s: float = 900.0
    """So long faults happen."""
    settle_s: float = 300.0
    """So long everything is well afterwards, before one looks whether all is as it was."""
    mean_s: float = 30.0
    """Between two faults, on average."""
    world: str = "three"
    kinds: Sequence[str] = ALL_KINDS
    excuses: bool = True
    """Whether known faults of the daemon are excused and counted."""
    hash_steps: bool = False
    """Whether every callback is part of the digest."""


class Simulation:
    """Runs a plan once."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan = plan
        settings = WORLDS[plan.world]()
        disk = Disk(self._random("disk"))
        self.loop = loop = SimulatedLoop(self._crashed, disk.act_s, hash_steps=plan.hash_steps)
        loop.set_exception_handler(self._unhandled)
        self.journal = journal = Journal(loop.time, loop.stop)
        self.regions = Regions(loop, settings, self._random("probes"))
        self.writes = WriteOracles(loop, settings, self.regions, journal)
        self.aws = SimulatedAws(loop, settings, self._random("aws"), self._arrived)
        self.daemon = SimulatedDaemon(
            loop,
            settings,
            self.aws,
            self.regions,
            journal,
            self._random("daemon"),
            folder / "gtc.sqlite",
        )
        self.operators = Operators(
            loop, settings, self.aws, self.daemon, journal, self._random("operators")
        )
        self.faults = Faults(
            loop,
            self.regions,
            self.aws,
            self.daemon,
            self.operators,
            disk,
            journal,
            self._random("faults"),
        )
        self._running = RunningOracles(loop, self.daemon, self.operators, self.faults, self.writes)
        self.writes.excuses = plan.excuses
        self._ending = EndingOracles(self.aws, self.daemon, self.operators, journal)
        self._checkers = HealthCheckers(loop, self.regions, self.aws.stores)
        self._settings = settings

    def run(self) -> None:
        """To the end or the first violation, which is in the journal; then `close` it."""
        plan, loop = self.plan, self.loop
        loop.run_until_complete(loop.world_task(seed_through(self.aws.clients(), self._settings)))
        self.aws.look()
        self._ending.start = self.aws.standing
        self.writes.begin(self.aws, self.daemon, self.operators)
        loop.later(0.0, self.daemon.boot)
        loop.later(0.0, self._checkers.look)
        loop.later(1.0, self._running.look)
        loop.later(_FIRST_FAULT_S, self.faults.begin, plan.kinds, plan.mean_s)
        loop.later(_FIRST_FAULT_S + plan.faults_s, self._heal)
        loop.later(_FIRST_FAULT_S + plan.faults_s + plan.settle_s, self._end)
        loop.run_forever()

    def close(self) -> None:
        """Kill what runs, and look through the state file."""
        self.daemon.end()
        if self.journal.violation is None:
            oracles = StateOracles(self.aws, self.daemon, self.journal)
            try:
                self.loop.run_until_complete(self.loop.world_task(oracles.look()))
            except Violation as error:
                self.journal.fail(error)
        self.loop.bury()

    def _heal(self) -> None:
        self.journal.note("HEAL")
        self.faults.end()
        self.daemon.thaw()
        self.daemon.spare()
        self.daemon.boot()

    def _end(self) -> None:
        self._ending.look()
        self.loop.stop()

    def _random(self, name: str) -> Random:
        """A separate random generator for each part: one more draw here moves nothing there."""
        return Random(f"{name}:{self.plan.seed}")

    def _crashed(self, pid: Pid) -> None:
        self.daemon.crashed(pid)

    def _arrived(self, arrival: Arrival) -> None:
        self.writes.arrived(arrival)

    def _unhandled(self, loop: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
        """X1: every exception raised is handled."""
        error = context.get("exception")
        if isinstance(error, Violation):
            self.journal.fail(error)
        elif error is not None:
            text = f"X1 nobody handled {error!r} ({context.get('message')})"
            self.journal.fail(Violation(text))


@contextmanager
def state_folder() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    folder = Path(tempfile.mkdtemp(dir=_MEMORY if _MEMORY.is_dir() else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
