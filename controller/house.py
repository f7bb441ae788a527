"""Composition root: the loops, introduced to each other and to their ports.

Nothing is decided here. What the ports are made of, and what the process does, is `daemon`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from functools import partial

import structlog

from controller.adapters.sd_notify import ServiceManager
from controller.api.context import Context
from controller.api.metrics import Metrics
from controller.loops.actuation import Actuation
from controller.loops.answered import AnsweredShares
from controller.loops.audit_head import AuditHead
from controller.loops.certificates import Certificates
from controller.loops.check_opinions import CheckOpinions
from controller.loops.contradiction_alarm import ContradictionAlarm
from controller.loops.current import Current
from controller.loops.cycle_log import log_cycle
from controller.loops.expectations import Expectations
from controller.loops.figures import ReportedFigures
from controller.loops.follow_up import FollowUp
from controller.loops.heartbeat import Heartbeat
from controller.loops.live import Live
from controller.loops.observation import Observation
from controller.loops.overload_alarm import OverloadAlarm
from controller.loops.overrides import Overrides
from controller.loops.probing import Observers, Probing
from controller.loops.reconciliation import CycleReport, Reconciliation
from controller.loops.recording import Recording
from controller.loops.reload import Reload, plainly
from controller.loops.residency_alarm import ResidencyAlarm
from controller.loops.supervision import Loop, Supervision
from controller.loops.traffic import Traffic
from controller.loops.void_alarm import VoidAlarm
from controller.loops.wake import Bell
from controller.loops.watch import ProbeObserver
from controller.model.configuration import Endpoint, EndpointId, Settings
from controller.model.errors import InvalidSettingsError, Problem, StateUnavailableError
from controller.model.health import Canary, ProbeResult
from controller.ports import (
    Accelerators,
    Clock,
    HealthChecks,
    NameServers,
    Prober,
    RecordSets,
    Store,
)
from controller.settings import Loaded

_log = structlog.get_logger("daemon")
_LOAD_WITHIN_S = 5.0
"""How long a start waits for the state file before the admin API answers without it."""
_LOAD_AGAIN_S = 1.0
_NOBODY = ServiceManager({})
"""A service manager that is not there."""


async def _nothing_to_load() -> Loaded:
    problem = Problem("these settings did not come from a file")
    raise InvalidSettingsError("-", (problem,))


def observers(metrics: Metrics, certificates: Certificates, supervision: Supervision) -> Observers:
    """Who is told what becomes of an endpoint's probes: metrics, and of HTTPS who warns."""
    warned = supervision.guarded("certificates", certificates.probe, None)

    def of(observed: EndpointId | Canary, endpoint: Endpoint) -> ProbeObserver:
        count = metrics.probes(observed)
        if isinstance(observed, Canary) or not endpoint.probe.startswith("https:"):
            return count
        warn = partial(warned, observed)

        def count_and_warn(result: ProbeResult) -> None:
            count(result)
            warn(result)

        return count_and_warn

    return of


class House:
    """The loops, introduced to each other and to their ports."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        store: Store,
        prober: Prober,
        records: RecordSets,
        accelerators: Accelerators,
        checks: HealthChecks,
        name_servers: NameServers,
        metrics: Metrics,
        load: Callable[[], Awaitable[Loaded]] = _nothing_to_load,
        swapped: Iterable[Callable[[Loaded], None]] = (),
    ) -> None:
        """`load` reads the settings again; `swapped` are told when others are put in force."""
        self._bell = bell = Bell()
        self._loading: asyncio.Task[None] | None = None
        self.supervision = supervision = Supervision(clock, metrics.advisory)
        guarded = supervision.guarded
        self.current = current = Current(settings)
        self._clock = clock
        self._store = store
        self._metrics = metrics
        self._started_at = clock.wall()
        self.traffic = Traffic(clock)
        self.figures = ReportedFigures(current, clock)
        self.live = Live(clock)
        self.expectations = Expectations(store)
        self.overrides = Overrides(
            current,
            store,
            clock,
            bell.ring,
            (guarded("live_overrides", self.live.override, None),),
        )
        self.certificates = Certificates(current, clock)
        self.probing = Probing(
            current,
            prober,
            clock,
            bell.ring,
            observers(metrics, self.certificates, supervision),
        )
        self.observation = Observation(current, records, accelerators, clock, bell.ring)
        self.recording = recording = Recording(
            store, clock, (guarded("live_records", self.live.record, None),)
        )
        self.actuation = Actuation(
            current, self.observation, records, accelerators, self.expectations, clock, bell
        )
        self.follow_up = FollowUp(
            current, records, accelerators, recording, self.traffic, clock, metrics.propagation
        )
        self.check_opinions = CheckOpinions(current, checks, self.observation, clock, bell.ring)
        self.answered = AnsweredShares(
            current, name_servers, self.observation, self.follow_up.is_spreading, clock
        )
        self.reconciliation = Reconciliation(
            current,
            clock,
            self.probing,
            self.observation,
            self.overrides,
            self.expectations,
            self.actuation,
            self.recording,
            bell,
            self.traffic,
            self.figures,
            guarded("check_opinions_latest", self.check_opinions.latest, {}),
            guarded("answered_latest", self.answered.latest, {}),
            listeners=(
                guarded("metrics", metrics.cycle, None),
                guarded("live_cycles", self.live.cycle, None),
                guarded("follow_up_begin", self._follow, None),
                guarded("cycle_log", log_cycle, None),
                guarded("residency_alarm", ResidencyAlarm().cycle, None),
                guarded("check_opinions_follow", self.check_opinions.follow, None),
                guarded("answered_follow", self.answered.follow, None),
                guarded("contradiction_alarm", ContradictionAlarm().cycle, None),
                guarded("overload_alarm", OverloadAlarm().cycle, None),
                guarded("void_alarm", VoidAlarm().cycle, None),
            ),
        )
        self.heartbeat = Heartbeat(current, clock, self.reconciliation, metrics.event_loop_lag)
        self.reload = Reload(
            load,
            current,
            self.observation,
            self.reconciliation,
            recording,
            store,
            clock,
            bell.ring,
            followers=(
                plainly(lambda loaded: metrics.follow(loaded.settings)),
                lambda loaded: self.probing.prepare(loaded.settings),
                plainly(lambda _: self.certificates.follow_settings()),
                plainly(lambda _: self.figures.follow_settings()),
                *map(plainly, swapped),
            ),
            observe=metrics.reload,
        )

    async def load(self) -> None:
        """Take up what an earlier process left; a store that hangs is waited for by `run`.

        Until then nothing is moved (`Reconciliation.unread`). Raises StateUnavailableError.
        """
        self._loading = asyncio.create_task(self._take_up())  # noqa: TID251 - `_end` gives it up
        if self._loading in (await asyncio.wait({self._loading}, timeout=_LOAD_WITHIN_S))[0]:
            return self._loading.result()
        _log.error("state_not_read", waited_s=_LOAD_WITHIN_S)

    async def _take_up(self) -> None:
        parts = (self.expectations, self.overrides)
        await asyncio.gather(*(part.load() for part in parts if not part.loaded))

    async def _go_on_loading(self) -> None:
        """Wait until what an earlier process left has been read, however long that takes."""
        while self.reconciliation.unread:
            try:
                await (self._loading or self._take_up())
            except StateUnavailableError as error:
                _log.error("state_not_read", error=str(error))
                await self._clock.sleep(_LOAD_AGAIN_S)
            self._loading = None
        self._bell.ring()

    async def run(self, manager: ServiceManager = _NOBODY) -> None:
        """Run every loop until cancelled. Raises an ExceptionGroup of LoopEndedError."""

        def beat() -> None:
            manager.alive()
            manager.status(self._in_a_line())

        vital: dict[str, Loop] = {
            "probing": self.probing.run,
            "overrides": self.overrides.run,
            "heartbeat": lambda: self.heartbeat.run(manager.beat_every_s, beat),
            "reconciliation": self.reconciliation.run,
        }
        advisory: dict[str, Loop] = {
            "check_opinions": self.check_opinions.run,
            "answered": self.answered.run,
            "follow_up": self.follow_up.run,
            "live": self.live.run,
            "audit_head": AuditHead(self._store, self._clock).run,
            "reload": lambda: self.reload.run(
                manager.reloading, lambda: manager.ready(self._in_a_line())
            ),
        }
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._go_on_loading(), name="loading")
                for name, loop in vital.items():
                    group.create_task(self.supervision.vital(name, loop), name=name)
                for name, loop in advisory.items():
                    group.create_task(self.supervision.advisory(name, loop), name=name)
        finally:
            await self._end()

    async def _end(self) -> None:
        """Give up what goes on behind the loops."""
        if self._loading is not None:
            self._loading.cancel()
            await asyncio.gather(self._loading, return_exceptions=True)
        for behind in (
            self.actuation,
            self.observation,
            self.overrides,
            self.expectations,
            self.recording,
            self.reload,
        ):
            await behind.end()

    def context(self) -> Context:
        """What the admin API may look at and ask."""
        return Context(
            current=self.current,
            reload=self.reload,
            clock=self._clock,
            store=self._store,
            probing=self.probing,
            observation=self.observation,
            reconciliation=self.reconciliation,
            overrides=self.overrides,
            traffic=self.traffic,
            figures=self.figures,
            live=self.live,
            heartbeat=self.heartbeat,
            metrics=self._metrics,
            supervision=self.supervision,
            started_at=self._started_at,
        )

    def _in_a_line(self) -> str:
        """How things stand, for `systemctl status`."""
        mode = self.current.settings.mode.value
        latest = self.reconciliation.latest
        if latest is None:
            return f"{mode}, no cycle yet"
        holds = sorted({h.reason.value for p in latest.decision.plans for h in p.held})
        return f"{mode}, cycle {latest.cycle}, holds: {', '.join(holds) or '-'}"

    def _follow(self, report: CycleReport) -> None:
        if report.record is not None and report.written:
            self.follow_up.follow(report.record)
