"""The daemon's process: adapters are made, the house runs until a signal, all is closed again.

To see what is set up and in which order, read `run` from top to bottom.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import Callable
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
from controller.api.metrics import Metrics
from controller.api.server import serving
from controller.composition import Controller
from controller.loops.supervision import LoopEndedError
from controller.model.configuration import Settings
from controller.ports import Clock
from controller.settings import Loaded, Source

_log = structlog.get_logger("daemon")


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

        house = Controller(
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
        # What is there by now lasts as long as the process. Every full collection of garbage would
        # look through it, botocore's models above all, and stop the event loop for 60 ms and more.
        gc.collect()
        gc.freeze()
        announce({"ready": "daemon", "url": url})
        manager.ready(f"{settings.mode.value}, admin API at {url}")
        _log.info("started", version=__version__, url=url, mode=settings.mode.value)
        await _until(stop, house, manager)
    _log.info("stopped")


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


async def _until(stop: asyncio.Event, house: Controller, manager: ServiceManager) -> None:
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
