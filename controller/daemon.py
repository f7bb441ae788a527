"""Composition root: builds adapters and loops, introduces them to each other, owns the TaskGroup.

Nothing is decided here. To see what runs, read `run` from top to bottom.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry

from controller import __version__
from controller.adapters.aws.budget import TokenBucket
from controller.adapters.aws.calls import Calls
from controller.adapters.aws.global_accelerator import GlobalAccelerators
from controller.adapters.aws.health_checks import Route53HealthChecks
from controller.adapters.aws.hosted_zones import Delegations
from controller.adapters.aws.route53 import Route53RecordSets
from controller.adapters.aws.session import AwsClients, aws_clients, require_endpoint_url
from controller.adapters.clock import SystemClock
from controller.adapters.dns_answers import DnsNameServers
from controller.adapters.probing.prober import NetworkProber
from controller.adapters.sd_notify import ServiceManager
from controller.adapters.signals import on_signal, stop_signals
from controller.adapters.sqlite import SqliteStore
from controller.adapters.task_dump import dump_tasks
from controller.api.app import build
from controller.api.context import Context
from controller.api.metrics import Metrics
from controller.api.server import serving
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
from controller.loops.probing import Probing
from controller.loops.reconciliation import CycleReport, Reconciliation
from controller.loops.recording import Recording
from controller.loops.reload import Reload
from controller.loops.residency_alarm import ResidencyAlarm
from controller.loops.supervision import Loop, LoopEndedError, supervised
from controller.loops.traffic import Traffic
from controller.loops.wake import Bell
from controller.model.configuration import EndpointId, Settings
from controller.model.errors import InvalidSettingsError, Problem
from controller.model.health import ProbeResult
from controller.ports import (
    Accelerators,
    Clock,
    HealthChecks,
    NameServers,
    Prober,
    RecordSets,
    Store,
)
from controller.settings import Loaded, Source

_log = structlog.get_logger("daemon")
_NOBODY = ServiceManager({})
"""A service manager that is not there."""


async def run(
    source: Source, loaded: Loaded, announce: Callable[[dict[str, object]], None]
) -> None:
    """Run the daemon until SIGTERM or SIGINT. `announce` is told once, when the API listens.

    `loaded` is what `source` said; a reload asks it again. Raises StateUnavailableError,
    EndpointUrlMissingError, OSError (the port is taken) before that, LoopEndedError after it.
    """
    settings = loaded.settings
    if settings.aws.require_endpoint_url:
        require_endpoint_url()
    clock = SystemClock()
    metrics = Metrics(CollectorRegistry(), settings)
    manager = ServiceManager(os.environ)
    stop = asyncio.Event()
    async with AsyncExitStack() as stack:
        stack.enter_context(stop_signals(stop.set))
        stack.enter_context(on_signal(signal.SIGUSR1, dump_tasks))
        store = await stack.enter_async_context(
            SqliteStore(Path(settings.state_path), metrics.state_error)
        )
        clients = await stack.enter_async_context(
            aws_clients(deadline_s=settings.aws.call_deadline_s)
        )
        prober = await stack.enter_async_context(NetworkProber(loaded.references))
        aws = _aws(settings, clients, clock, metrics)

        async def load() -> Loaded:
            return await asyncio.to_thread(source.load)

        def follow(again: Loaded) -> None:
            prober.use(again.references)
            aws.name_servers.use(again.settings.answers)

        house = House(
            settings,
            clock,
            store,
            prober,
            aws.records,
            aws.accelerators,
            aws.checks,
            aws.name_servers,
            metrics,
            load,
            (follow,),
        )
        stack.enter_context(on_signal(signal.SIGHUP, house.reload.signal))
        await house.load()
        url = await stack.enter_async_context(
            serving(
                build(house.context()),
                settings.api.host,
                settings.api.port,
                connections=settings.api.limits.connections,
            )
        )
        announce({"ready": "daemon", "url": url})
        manager.ready(f"{settings.mode.value}, admin API at {url}")
        _log.info("started", version=__version__, url=url, mode=settings.mode.value)
        await _until(stop, house, manager)
    _log.info("stopped")


async def _nothing_to_load() -> Loaded:
    problem = Problem("these settings did not come from a file")
    raise InvalidSettingsError("-", (problem,))


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
        bell = Bell()
        self.current = current = Current(settings)
        self._clock = clock
        self._store = store
        self._metrics = metrics
        self._started_at = clock.wall()
        self.traffic = Traffic(clock)
        self.figures = ReportedFigures(current, clock)
        self.live = Live(clock)
        self.expectations = Expectations(store)
        self.overrides = Overrides(current, store, clock, bell.ring, (self.live.override,))
        self.certificates = Certificates(current, clock)
        self.probing = Probing(current, prober, clock, bell.ring, self._probed)
        self.observation = Observation(current, records, accelerators, clock)
        recording = Recording(store, clock, (self.live.record,))
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
            Actuation(current, self.observation, records, accelerators, self.expectations),
            recording,
            bell,
            self.traffic,
            self.figures,
            self.check_opinions.latest,
            self.answered.latest,
            listeners=(
                metrics.cycle,
                self.live.cycle,
                self._follow,
                log_cycle,
                ResidencyAlarm().cycle,
                self.check_opinions.follow,
                self.answered.follow,
                ContradictionAlarm().cycle,
                OverloadAlarm().cycle,
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
            swapped=(self._follow_settings, *swapped),
            observe=metrics.reload,
        )

    async def load(self) -> None:
        """Take up what an earlier process left."""
        await self.expectations.load()
        await self.overrides.load()

    async def run(self, manager: ServiceManager = _NOBODY) -> None:
        """Run every loop until cancelled. Raises an ExceptionGroup of LoopEndedError."""

        def beat() -> None:
            manager.alive()
            manager.status(self._in_a_line())

        loops: dict[str, Loop] = {
            "probing": self.probing.run,
            "overrides": self.overrides.run,
            "check_opinions": self.check_opinions.run,
            "answered": self.answered.run,
            "follow_up": self.follow_up.run,
            "live": self.live.run,
            "audit_head": AuditHead(self._store, self._clock).run,
            "reload": lambda: self.reload.run(
                manager.reloading, lambda: manager.ready(self._in_a_line())
            ),
            "heartbeat": lambda: self.heartbeat.run(manager.beat_every_s, beat),
            "reconciliation": self.reconciliation.run,
        }
        async with asyncio.TaskGroup() as group:
            for name, loop in loops.items():
                group.create_task(supervised(name, loop), name=name)

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
            started_at=self._started_at,
        )

    def _probed(self, endpoint: EndpointId | None, result: ProbeResult) -> None:
        self._metrics.probe(endpoint, result)
        self.certificates.probe(endpoint, result)

    def _follow_settings(self, loaded: Loaded) -> None:
        """Other settings were put in force: whoever keeps something for each key adapts it."""
        self.probing.follow_settings()
        self.certificates.follow_settings()
        self.figures.follow_settings()
        self._metrics.follow(loaded.settings)

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


@dataclass(frozen=True, slots=True)
class _Aws:
    """What talks to AWS. One budget for all that asks Route 53's API."""

    records: Route53RecordSets
    accelerators: GlobalAccelerators
    checks: Route53HealthChecks
    name_servers: DnsNameServers


def _aws(settings: Settings, clients: AwsClients, clock: Clock, metrics: Metrics) -> _Aws:
    aws = settings.aws

    def calls(service: str) -> Calls:
        budget = TokenBucket(
            rate=aws.calls_per_s,
            burst=aws.calls_burst,
            reserve=aws.calls_reserve,
            clock=clock,
        )
        return Calls(
            service,
            budget=budget,
            deadline_s=aws.call_deadline_s,
            clock=clock,
            observe=metrics.aws_call,
        )

    route53 = calls("route53")
    delegations = Delegations(clients.route53, route53)
    return _Aws(
        Route53RecordSets(clients.route53, route53, clock),
        GlobalAccelerators(clients.global_accelerator, calls("globalaccelerator"), clock),
        Route53HealthChecks(clients.route53, route53, clock),
        DnsNameServers(delegations.name_servers, settings.answers),
    )


async def _until(stop: asyncio.Event, house: House, manager: ServiceManager) -> None:
    """Run the loops until `stop` is set. Raises LoopEndedError."""
    try:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(house.run(manager), name="house")
            await stop.wait()
            _log.info("stopping")
            manager.stopping("stopping; traffic stays as it is")
            running.cancel()
    except BaseExceptionGroup as error:
        if error.subgroup(LoopEndedError) is None:
            raise
        manager.stopping("a loop ended; the log says which")
        raise LoopEndedError from error
