"""The daemon as a simulated process: the production composition, without signals and sockets."""

from __future__ import annotations

import asyncio
import sqlite3
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from prometheus_client import CollectorRegistry

from controller.adapters.aws.assembly import aws_adapters
from controller.adapters.sqlite.store import SqliteStore
from controller.api.metrics.daemon_metrics import DaemonMetrics
from controller.composition import Controller, Ports, ReloadSource, compose
from controller.model.configuration import Settings
from controller.settings import LoadedSettings
from controller.settings.references import NO_REFERENCES
from tests.fakes.name_servers import FakeNameServers
from tests.simulation.aws import SimulatedAws
from tests.simulation.clock import ProcessClock
from tests.simulation.journal import Journal, Violation
from tests.simulation.loop import Pid, SimulatedLoop
from tests.simulation.regions import LONG_AGO, Regions, SimulatedProber

_DOWN_S = (2.0, 40.0)
"""How long a supervisor takes to start a crashed daemon again."""
_STORED_S = 10.0
"""By then a disk that is well has taken in what was to be stored."""
_ROOM = 2**30
"""Pages of a disk that is not full."""


@dataclass
class Life:
    """When the process did not simply run."""

    booted_at: float = LONG_AGO
    thawed_at: float = LONG_AGO
    frozen: list[tuple[float, float]] = field(default_factory=list)
    """From and until when it stood still."""
    slow_disk: list[tuple[float, float]] = field(default_factory=list)
    full_disk: list[tuple[float, float]] = field(default_factory=list)
    """From and until when its disk was slow, or full."""
    crashes: list[float] = field(default_factory=list)

    def crashed_near(self, at: float) -> bool:
        """Whether it was killed within 10 s; by then a disk that is well has taken in all."""
        return any(abs(at - crash) < _STORED_S for crash in self.crashes)

    def lost_to_the_disk(self, at: float) -> bool:
        """Whether it was killed before a full or slow disk had taken in what was known then.

        Users come first, the state file second.
        """
        return self._lost_to([*self.slow_disk, *self.full_disk], at)

    def lost_to_a_slow_disk(self, at: float) -> bool:
        """The same of what it was about to write: on a full disk there is a reserve for that."""
        return self._lost_to(self.slow_disk, at)

    def _lost_to(self, trouble: list[tuple[float, float]], at: float) -> bool:
        waits = [until for since, until in trouble if since - _STORED_S < at < until]
        return any(at < crash < max(waits) + _STORED_S for crash in self.crashes if waits)


class SimulatedDaemon:
    """One daemon and its state file, over any number of lives."""

    def __init__(
        self,
        loop: SimulatedLoop,
        settings: Settings,
        aws: SimulatedAws,
        regions: Regions,
        journal: Journal,
        rng: Random,
        state: Path,
    ) -> None:
        self._loop = loop
        self._settings = settings
        self._aws = aws
        self._regions = regions
        self._journal = journal
        self._rng = rng
        self.state = state
        self.clock = ProcessClock(loop, rng.uniform(0, 1e5))
        self.life = Life()
        self.boots = 0
        self.pid: Pid | None = None
        self._is_over = False
        self._controller: Controller | None = None
        self._store: SqliteStore | None = None

    @property
    def controller(self) -> Controller | None:
        """Its loops; None while it does not run, or has not come so far."""
        return self._controller

    @property
    def is_frozen(self) -> bool:
        """Whether it stands still."""
        return self.pid is not None and self._loop.is_frozen(self.pid)

    def boot(self) -> None:
        """Start it, unless it runs."""
        if self.pid is not None or self._is_over:
            return
        self.boots += 1
        self.life.booted_at = self._loop.time()
        self.pid, task = self._loop.spawn(self._main())
        self._journal.note("BOOT", self.pid)
        task.add_done_callback(self._ended)

    def crash_after(self, steps: int) -> None:
        """Kill it before this step from now."""
        if self.pid is not None:
            self._loop.crash_after(self.pid, steps)

    def spare(self) -> None:
        """Call off a crash that was planned."""
        if self.pid is not None:
            self._loop.spare(self.pid)

    def crashed(self, pid: Pid) -> None:
        """The loop killed it: the kernel lets go of its files, its supervisor starts it again."""
        assert pid == self.pid
        self._journal.note("CRASH", pid)
        self._journal.counts["crashed"] += 1
        self.life.crashes.append(self._loop.time())
        self.pid = self._controller = None
        self._abandon_state()
        self._loop.later(self._rng.uniform(*_DOWN_S), self.boot)

    def freeze(self, for_s: float, *, stops_clock: bool) -> None:
        """Let it stand still; `stops_clock`: its monotonic clock does as well, as in a suspend."""
        if self.pid is None or self.is_frozen:
            return
        self._loop.freeze(self.pid)
        now = self._loop.time()
        self.life.frozen.append((now, now + for_s))
        self._loop.later(for_s, self._thaw, self.pid, for_s if stops_clock else 0.0)

    def thaw(self) -> None:
        """Let it go on now."""
        if self.pid is not None and self.is_frozen:
            self._thaw(self.pid, 0.0)

    def fill_disk(self, for_s: float) -> None:
        """Leave SQLite no page to grow by; SQLite itself says so."""
        if self._controller is None or self._store is None:
            return
        store = self._store
        [[pages]] = ask_state(store, "PRAGMA page_count")
        ask_state(store, f"PRAGMA max_page_count = {pages}")
        now = self._loop.time()
        self.life.full_disk.append((now, now + for_s))
        self._loop.later(for_s, _make_room, store)

    def disk_is_slow(self, for_s: float) -> None:
        """Note that from now on its disk is slow."""
        now = self._loop.time()
        self.life.slow_disk.append((now, now + for_s))

    def end(self) -> None:
        """Kill it for good."""
        self._is_over = True
        if self.pid is not None:
            self._loop.kill(self.pid)
        self.pid = self._controller = None
        self._abandon_state()

    async def _main(self) -> None:
        settings, clock = self._settings, self.clock
        metrics = DaemonMetrics(CollectorRegistry(), settings)
        aws = aws_adapters(settings, self._aws.clients(), clock, metrics.aws_call)
        self._store = SqliteStore(self.state, metrics.state_error, executor=Executor)
        async with self._store as store:
            ports = Ports(
                clock,
                store,
                SimulatedProber(self._regions, clock),
                aws.records,
                aws.accelerators,
                aws.checks,
                FakeNameServers(),
            )
            controller = compose(settings, ports, metrics, ReloadSource(self._reload))
            await controller.load()
            self._controller = controller
            await controller.run()

    async def _reload(self) -> LoadedSettings:
        return LoadedSettings(self._settings, NO_REFERENCES)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """X2: it never ends by itself."""
        error = None if task.cancelled() else task.exception()
        self._journal.fail(Violation(f"X2 the daemon ended: {_cause(error)!r}"))

    def _thaw(self, pid: Pid, clock_lost_s: float) -> None:
        if not self._loop.is_frozen(pid):
            return
        self.clock.zero_s -= clock_lost_s
        self.life.thawed_at = self._loop.time()
        self._loop.thaw(pid)

    def _abandon_state(self) -> None:
        if self._store is not None:
            self._store.abandon()
            self._store = None


def ask_state(store: SqliteStore, statement: str) -> list[tuple[object, ...]]:
    """What the store's own connection answers."""
    assert store._connection is not None
    return store._connection.execute(statement).fetchall()


def _make_room(store: SqliteStore) -> None:
    with suppress(sqlite3.ProgrammingError):  # the daemon was killed meanwhile: it is closed
        ask_state(store, f"PRAGMA max_page_count = {_ROOM}")


def _cause(error: BaseException | None) -> BaseException | None:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return (error.__cause__ or error) if error else None
