"""Our prober as the daemon wires it, alone in a process: `python -m tests.bench.prober.wired …`.

Settings, the probing loop with its agenda, the network prober, hysteresis and the observers that
`controller.composition` gives it (metrics, certificates): every result takes the daemon's own way.
What the daemon does beside probing (cycles, API, state) is left out. Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import resource
import sys
import time
from array import array
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from controller.adapters.clock import SystemClock
from controller.adapters.probing.prober import NetworkProber
from controller.api.metrics.daemon_metrics import DaemonMetrics
from controller.composition import observers
from controller.loops.active_settings import ActiveSettings
from controller.loops.alarms.certificates import Certificates
from controller.loops.probing.endpoint_monitor import ProbeObserver
from controller.loops.probing.probe_loop import Observers, ProbeLoop
from controller.loops.process.supervision import Supervision
from controller.model.configuration import Endpoint, EndpointId, Settings
from controller.model.health import ProbeResult, ReferenceKind
from controller.ports import ProbeListener, Target
from controller.settings.references import References
from tests.bench.prober.machine import HTTP_PORT, SLOW_PORT, TLS_NAME, TLS_PORT, address
from tests.catalogue import catalogue

REGIONS, PER_REGION = 10, 10
"""Of each service: 100 endpoints in ten regions."""
_STARTS_WITHIN_S = 90.0
_STATM = os.open("/proc/self/statm", os.O_RDONLY)
"""Opened before probes take every descriptor there may be: on a busy machine they pile up."""


def settings(options: argparse.Namespace) -> Settings:
    """So many endpoints at one interval, in services of a hundred."""
    slow = set(range(0, options.n, max(1, options.n // options.slow))) if options.slow else set()
    services: dict[str, Any] = {}
    for index in range(options.n):
        service = services.setdefault(f"s{index // (REGIONS * PER_REGION)}", {})
        region = service.setdefault(f"eu-west-{index // PER_REGION % REGIONS}", {})
        region[f"e{index}"] = _endpoint(index, index in slow, options)
    described = {name: _service(name, regions) for name, regions in services.items()}
    return Settings.model_validate(
        {
            "schema_version": 2,
            "state_path": "unused",
            "vantage": {"name": "here"},
            "probing": {
                "interval_s": options.interval,
                "deadline_s": options.deadline,
                "fresh_for_s": 60.0,
            },
            "health": {"up_after": 2, "up_for_s": 0.0},
            "regions": catalogue(described),
            "services": described,
        }
    )


def _endpoint(index: int, is_slow: bool, options: argparse.Namespace) -> dict[str, Any]:
    port = SLOW_PORT if is_slow else TLS_PORT if options.tls else HTTP_PORT
    scheme = "https" if options.tls and not is_slow else "http"
    endpoint: dict[str, Any] = {
        "probe": f"{scheme}://{address(index)}:{port}/healthz",
        "keep_alive": options.keep_alive,
    }
    if options.tls:
        endpoint |= {"ca_file": options.ca, "host": TLS_NAME}
    return endpoint


def _service(name: str, regions: dict[str, Any]) -> dict[str, Any]:
    nouns = {
        region: {"capacity_rps": 1000.0, "endpoints": endpoints}
        for region, endpoints in regions.items()
    }
    pool = {"geographies": ["default"], "regions": list(regions), "demand_rps": 1.0}
    lever = {"hosted_zone_id": "Z1", "name": f"{name}.test.", "ttl_s": 60.0}
    return {"regions": nouns, "pools": {"world": pool}, "levers": {"route53": lever}}


class Noted:
    """A prober in front of the real one that notes when each endpoint is asked."""

    def __init__(self, prober: NetworkProber) -> None:
        self._prober = prober
        self.starts: list[array[float]] = []

    def target(self, endpoint: Endpoint, listener: ProbeListener) -> Target:
        starts = array("d")
        self.starts.append(starts)
        return _NotedTarget(self._prober.target(endpoint, listener), starts)

    def address_target(self, endpoint: Endpoint, address: str, listener: ProbeListener) -> Target:
        return self._prober.address_target(endpoint, address, listener)

    @property
    def missing_families(self) -> tuple[str, ...]:
        return self._prober.missing_families


class _NotedTarget:
    def __init__(self, target: Target, starts: array[float]) -> None:
        self._target, self._starts = target, starts
        self._now = asyncio.get_running_loop().time

    def start_probe(self, min_timeout_s: float, max_timeout_s: float) -> None:
        self._starts.append(self._now())
        self._target.start_probe(min_timeout_s, max_timeout_s)

    def close(self) -> None:
        self._target.close()


class Run:
    """One measurement."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._settings = settings(options)
        texts = {options.ca: Path(options.ca).read_text()} if options.tls else {}
        self._references = References({}, texts)
        self.slow: list[float] = []
        """Reported latencies of the slow endpoints."""

    async def measure(self) -> dict[str, Any]:
        """Probe for a while; what it cost."""
        options, chosen = self._options, self._settings
        clock = SystemClock()
        metrics = DaemonMetrics(CollectorRegistry(), chosen)
        active_settings = ActiveSettings(chosen)
        certificates = Certificates(active_settings, clock)
        told = self._noting_slow(observers(metrics, certificates, Supervision(clock)))
        gc.collect()
        base_kb = rss_kb()
        async with NetworkProber(self._references) as network:
            noted = Noted(network) if options.jitter else None
            probing = ProbeLoop(active_settings, noted or network, clock, lambda: None, told)
            async with asyncio.TaskGroup() as group:
                began = clock.monotonic()
                running = group.create_task(probing.run())
                await asyncio.sleep(options.warm)
                await _each_probed(metrics, options.n)
                self.slow.clear()
                warm_until = clock.monotonic()
                found = await self._count(options.secs, metrics)
                found["kb_per_endpoint"] = (rss_kb() - base_kb) / options.n
                found["rss_mb"] = rss_kb() / 1024
                found["up"] = sum(s.verdict.value == "up" for s in probing.health.values())
                running.cancel()
        if noted is not None:
            found |= jitter(noted.starts, began, options.interval, warm_until)
        if self.slow:
            found |= percentiles("slow", self.slow)
        return found

    def _noting_slow(self, daemons: Observers) -> Observers:
        """The daemon's observers, and ours beside them at the slow endpoints alone."""

        def of(observed: EndpointId | ReferenceKind, endpoint: Endpoint) -> ProbeObserver:
            tell = daemons(observed, endpoint)
            if f":{SLOW_PORT}/" not in endpoint.probe:
                return tell

            def note(result: ProbeResult) -> None:
                tell(result)
                self.slow.append(result.latency_s)

            return note

        return of

    async def _count(self, secs: float, metrics: DaemonMetrics) -> dict[str, float]:
        before = counts(metrics)
        cpu, wall = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
        await asyncio.sleep(secs)
        after, wall = resource.getrusage(resource.RUSAGE_SELF), time.monotonic() - wall
        passed, others = (now - then for now, then in zip(counts(metrics), before, strict=True))
        probes = passed + others
        cpu_s = after.ru_utime - cpu.ru_utime + after.ru_stime - cpu.ru_stime
        return {
            "probes": probes,
            "failed": others,
            "us_cpu": 1e6 * cpu_s / max(1, probes),
            "per_wall_s": probes / wall,
            "cpu_percent": 100 * cpu_s / wall,
        }


def counts(metrics: DaemonMetrics) -> tuple[int, int]:
    """Probes that passed and those that did not; a scrape would take too long meanwhile."""
    endpoints = metrics._probes._endpoints.values()
    others = sum(one.failed + one.could_not_run for one in endpoints)
    return sum(one.passed for one in endpoints), others


async def _each_probed(metrics: DaemonMetrics, n: int) -> None:
    """Return when there are as many results as endpoints: a busy machine takes its time."""
    async with asyncio.timeout(_STARTS_WITHIN_S):
        # Metrics do not announce a change.
        while sum(counts(metrics)) < n:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


def jitter(
    starts: list[array[float]], began: float, interval_s: float, since: float
) -> dict[str, float]:
    """How far from its phase each probe since then began."""
    late = []
    for index, times in enumerate(starts):
        phase = began + index / len(starts) * interval_s
        for at in times:
            if at > since:
                late.append((at - phase + interval_s / 2) % interval_s - interval_s / 2)
    return percentiles("jitter", [abs(one) for one in late])


def percentiles(name: str, seconds: list[float]) -> dict[str, float]:
    """In milliseconds."""
    ordered = sorted(seconds)
    if not ordered:
        raise SystemExit(f"too short a run: nothing to tell of {name}")
    return {
        f"{name}_{label}_ms": 1e3 * ordered[min(len(ordered) - 1, int(len(ordered) * part))]
        for label, part in (("p50", 0.5), ("p99", 0.99), ("max", 1.0))
    }


def rss_kb() -> int:
    """Resident memory of this process."""
    words = os.pread(_STATM, 100, 0).split()
    return int(words[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--interval", type=float, default=1.0)
    parser.add_argument("--deadline", type=float, default=2.0)
    parser.add_argument("--secs", type=float, default=3.0)
    parser.add_argument("--warm", type=float, default=1.5)
    parser.add_argument("--slow", type=int, default=0)
    parser.add_argument("--keep-alive", action="store_true")
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--ca", default="")
    parser.add_argument("--jitter", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(Run(arguments()).measure())))
