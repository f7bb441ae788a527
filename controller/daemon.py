"""The daemon's process: makes the adapters, runs the loops until a signal, closes everything.

`run` shows what is set up, in which order.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry

from controller import __version__
from controller.adapters.aws.assembly import aws_adapters
from controller.adapters.aws.calls import CallObserver
from controller.adapters.aws.session import aws_clients
from controller.adapters.clock import SystemClock
from controller.adapters.name_servers import DnsNameServers
from controller.adapters.open_files import OpenFiles, claim
from controller.adapters.probing.prober import NetworkProber
from controller.adapters.probing.socket_budget import SocketLimits
from controller.adapters.sd_notify import ServiceManager
from controller.adapters.signals import handle_signal, stop_signals
from controller.adapters.sqlite.store import SqliteStore
from controller.adapters.structured_log import dropped_lines
from controller.adapters.task_dump import dump_tasks
from controller.api.app import build
from controller.api.http.server import serving
from controller.api.metrics.daemon_metrics import DaemonMetrics
from controller.composition import Controller, Ports, ReloadSource, compose
from controller.loops.process.aws_access import AwsAccess
from controller.loops.process.supervision import LoopEndedError
from controller.model.aws_calls import AwsCall
from controller.model.configuration import Settings
from controller.settings import ConfigSource, LoadedSettings

_log = structlog.get_logger("daemon")
_SWITCH_S = 0.0005


async def run(
    source: ConfigSource, loaded: LoadedSettings, announce: Callable[[dict[str, object]], None]
) -> None:
    """Run the daemon until SIGTERM or SIGINT. `announce` is called once, when the API listens.

    `loaded` is what `source` returned; a reload loads it again. Raises StateUnavailableError,
    AwsSetupError, OSError (the port is taken) before that, LoopEndedError after it.
    """
    settings = _warned(source, loaded).settings
    # The state file's thread takes the interpreter for this long at a time: without it each wake-up
    # of the event loop would come 5 ms late, Python's default, while somebody reads the audit.
    sys.setswitchinterval(_SWITCH_S)
    clock = SystemClock()
    metrics = DaemonMetrics(CollectorRegistry(), settings)
    dropped_lines.observe(metrics.log_lines_dropped)
    manager = ServiceManager(os.environ)
    stop = asyncio.Event()
    async with AsyncExitStack() as stack:
        stack.enter_context(stop_signals(stop.set))
        stack.enter_context(handle_signal(signal.SIGUSR1, dump_tasks))
        store = await stack.enter_async_context(
            SqliteStore(Path(settings.state_path), metrics.state_error)
        )
        store.apply(settings.state)
        clients = await stack.enter_async_context(
            aws_clients(
                deadline_s=settings.aws.call_deadline_s,
                emulated_only=settings.aws.require_endpoint_url,
            )
        )
        prober = await stack.enter_async_context(NetworkProber(loaded.references))
        open_files = _share_files(settings, prober, metrics)
        access = AwsAccess(clock, metrics.aws_refused)
        aws = aws_adapters(settings, clients, clock, _both(metrics.aws_call, access.observe))
        name_servers = DnsNameServers(aws.delegations.name_servers, settings.answers)

        async def load() -> LoadedSettings:
            clients.forget_credentials()  # they may have been rotated, too
            return _warned(source, await asyncio.to_thread(source.load))

        def apply_reload(loaded: LoadedSettings) -> None:
            store.apply(loaded.settings.state)
            prober.apply(loaded.references)
            _share_files(loaded.settings, prober, metrics)
            name_servers.apply(loaded.settings.answers)

        levers = aws.records, aws.accelerators, aws.checks
        ports = Ports(clock, store, prober, *levers, name_servers, access.denials)
        controller = compose(settings, ports, metrics, ReloadSource(load, (apply_reload,)))
        stack.enter_context(handle_signal(signal.SIGHUP, controller.reload.signal))
        await controller.load()
        url = await stack.enter_async_context(
            serving(
                build(controller.api_dependencies()),
                settings.api.host,
                settings.api.port,
                connections=open_files.callers,
            )
        )
        # Objects created so far live as long as the process, botocore's models above all. A full
        # garbage collection would scan them and stop the event loop for 60 ms and more.
        gc.collect()
        gc.freeze()
        announce({"ready": "daemon", "url": url})
        manager.ready(f"{settings.mode.value}, admin API at {url}")
        _log.info("started", version=__version__, url=url, mode=settings.mode.value)
        await _until(stop, controller, manager)
    _log.info("stopped")


def _both(first: CallObserver, second: CallObserver) -> CallObserver:
    """The observer of AWS's calls that has both observe each."""

    def observe(call: AwsCall) -> None:
        first(call)
        second(call)

    return observe


def _share_files(settings: Settings, prober: NetworkProber, metrics: DaemonMetrics) -> OpenFiles:
    """How file descriptors are shared out under these settings; the prober keeps to it."""
    shared, targets = claim(settings), settings.reference_targets
    exempt = frozenset((*targets.known_good, *targets.known_bad))
    prober.limit_sockets(SocketLimits(shared.probes, shared.kept, exempt))
    metrics.open_files_missing(shared.missing)
    return shared


def _warned(source: ConfigSource, loaded: LoadedSettings) -> LoadedSettings:
    """The same; the log warns of a file of an earlier version."""
    if loaded.outdated is not None:
        _log.warning("old_settings_version", why=loaded.outdated.one_line(str(source.path)))
    return loaded


async def _until(stop: asyncio.Event, controller: Controller, manager: ServiceManager) -> None:
    """Run the loops until `stop` is set. Raises LoopEndedError."""
    try:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(controller.run(manager), name="controller")
            await stop.wait()
            _log.info("stopping")
            manager.stopping("stopping; traffic stays as it is")
            running.cancel()
    except BaseExceptionGroup as error:
        if error.subgroup(LoopEndedError) is None:
            raise
        manager.stopping("a loop ended; the log says which")
        raise LoopEndedError from error
