"""Composition root: builds adapters and loops, introduces them to each other, owns the TaskGroup.

Nothing is decided here. To see what runs, read `run` from top to bottom.
"""

from __future__ import annotations

import asyncio
import hashlib
import signal
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry

from controller import __version__
from controller.adapters.aws.budget import TokenBucket
from controller.adapters.aws.calls import Calls
from controller.adapters.aws.global_accelerator import GlobalAccelerators
from controller.adapters.aws.route53 import Route53RecordSets
from controller.adapters.aws.session import AwsClients, aws_clients, require_endpoint_url
from controller.adapters.clock import SystemClock
from controller.adapters.prober import AiohttpProber
from controller.adapters.sqlite import SqliteStore
from controller.api.app import build
from controller.api.context import Context
from controller.api.metrics import Metrics
from controller.api.server import serving
from controller.loops.actuation import Actuation
from controller.loops.expectations import Expectations
from controller.loops.follow_up import FollowUp
from controller.loops.observation import Observation
from controller.loops.overrides import Overrides
from controller.loops.probing import Probing
from controller.loops.reconciliation import CycleReport, Reconciliation
from controller.loops.recording import Recording
from controller.loops.traffic import Traffic
from controller.loops.wake import Bell
from controller.model.configuration import Settings
from controller.ports import Accelerators, Clock, Prober, RecordSets, Store

_log = structlog.get_logger("daemon")


async def run(settings: Settings, announce: Callable[[dict[str, object]], None]) -> None:
    """Run the daemon until SIGTERM or SIGINT. `announce` is told once, when the API listens.

    Raises StateUnavailableError, EndpointUrlMissingError, OSError (the port is taken) before that.
    """
    if settings.aws.require_endpoint_url:
        require_endpoint_url()
    clock = SystemClock()
    metrics = Metrics(CollectorRegistry(), settings)
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(SqliteStore(Path(settings.state_path)))
        clients = await stack.enter_async_context(
            aws_clients(deadline_s=settings.aws.call_deadline_s)
        )
        prober = await stack.enter_async_context(AiohttpProber(clock))
        records, accelerators = _levers(settings, clients, clock, metrics)
        house = House(settings, clock, store, prober, records, accelerators, metrics)
        await house.load()
        url = await stack.enter_async_context(
            serving(build(house.context()), settings.api.host, settings.api.port)
        )
        announce({"ready": "daemon", "url": url})
        _log.info("started", version=__version__, url=url, mode=settings.mode.value)
        await _until_stopped(house)
    _log.info("stopped")


def settings_hash(settings: Settings) -> str:
    """A short name for exactly these settings."""
    return hashlib.sha256(settings.model_dump_json().encode()).hexdigest()[:12]


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
        metrics: Metrics,
    ) -> None:
        bell = Bell()
        self._settings = settings
        self._clock = clock
        self._store = store
        self._metrics = metrics
        self._started_at = clock.wall()
        self.traffic = Traffic(clock)
        self.expectations = Expectations(store)
        self.overrides = Overrides(settings, store, clock, bell.ring)
        self.probing = Probing(settings, prober, clock, bell.ring, metrics.probe)
        self.observation = Observation(settings, records, accelerators, clock)
        recording = Recording(store, clock)
        self.follow_up = FollowUp(
            settings, records, accelerators, recording, self.traffic, clock, metrics.propagation
        )
        self.reconciliation = Reconciliation(
            settings,
            clock,
            self.probing,
            self.observation,
            self.overrides,
            self.expectations,
            Actuation(settings, self.observation, records, accelerators, self.expectations),
            recording,
            bell,
            listeners=(metrics.cycle, self._follow, _log_cycle),
        )

    async def load(self) -> None:
        """Take up what an earlier process left."""
        await self.expectations.load()
        await self.overrides.load()

    async def run(self) -> None:
        """Run every loop until cancelled; one that ends unexpectedly ends all."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.probing.run())
            group.create_task(self.overrides.run())
            group.create_task(self.follow_up.run())
            group.create_task(self.reconciliation.run())

    def context(self) -> Context:
        """What the admin API may look at and ask."""
        return Context(
            settings=self._settings,
            settings_hash=settings_hash(self._settings),
            clock=self._clock,
            store=self._store,
            probing=self.probing,
            observation=self.observation,
            reconciliation=self.reconciliation,
            overrides=self.overrides,
            traffic=self.traffic,
            metrics=self._metrics,
            started_at=self._started_at,
        )

    def _follow(self, report: CycleReport) -> None:
        if report.record is not None and report.written:
            self.follow_up.follow(report.record)


def _levers(
    settings: Settings, clients: AwsClients, clock: Clock, metrics: Metrics
) -> tuple[RecordSets, Accelerators]:
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

    route53 = Route53RecordSets(clients.route53, calls("route53"), clock)
    return route53, GlobalAccelerators(
        clients.global_accelerator, calls("globalaccelerator"), clock
    )


async def _until_stopped(house: House) -> None:
    stop = asyncio.Event()
    with _signals(stop):
        async with asyncio.TaskGroup() as group:
            running = group.create_task(house.run())
            await stop.wait()
            _log.info("stopping")
            running.cancel()


@contextmanager
def _signals(stop: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def _log_cycle(report: CycleReport) -> None:
    """One line for each decision kept."""
    if report.record is None:
        return
    _log.info(
        "decision",
        decision_id=report.record.id,
        trigger=report.record.trigger,
        changes=[
            f"{c.position} {c.before.weight}→{c.after.weight}" for c in report.decision.changes
        ],
        outcomes=[w.outcome.status.value for w in report.written],
        holds=sorted({h.reason.value for p in report.decision.plans for h in p.held}),
    )
