"""Every single run, ours or a peer's, on the prober's core; each returns figures by name."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.prober import peers
from tests.bench.prober.machine import HTTP_PORT, TLS_PORT
from tests.bench.prober.measured import Figures
from tests.bench.prober.processes import CannotRunError, last_line
from tests.bench.prober.target import Slow, Target, slow_running


@dataclass(frozen=True, slots=True)
class Bench:
    """Where things are, and how long a run lasts."""

    folder: Path
    target: Target
    secs: float
    cannot: Mapping[str, str]
    """Programs that could not be built, and why."""

    # -- ours

    def ours(self, n: int, interval_s: float, *more: str, warm_s: float = 1.5) -> Figures:
        """Our prober as the daemon wires it."""
        options = ("--n", n, "--interval", interval_s, "--secs", self.secs, "--warm", warm_s)
        return self._python("wired", *options, *more)

    def ours_tls(self, n: int, interval_s: float, *more: str) -> Figures:
        """The same by HTTPS, verified."""
        ca = ("--tls", "--ca", str(self.target.certificate))
        return self.ours(n, interval_s, *ca, *more, warm_s=interval_s + 1.0)

    def ours_per_endpoint(self, *more: str) -> Figures:
        """Memory that an endpoint takes beyond what any prober takes."""
        few = self.ours(1000, 1.0, *more)
        many = self.ours(11_000, 4.0, *more, warm_s=4.5)
        used = [found["kb_per_endpoint"] * n for found, n in ((few, 1000), (many, 11_000))]
        return {"kb": (used[1] - used[0]) / 10_000}

    # -- the limit

    def limit(self, mode: str, n: int = 1000) -> Figures:
        """One epoll loop in C, 64 probes at a time: close, rst (with our options), keepalive."""
        environment = {"QA0": "1"} if mode == "rst" else {}
        command = (self._built("limit"), mode, n, 64, self.secs, HTTP_PORT)
        return self._command(*command, environment=environment)

    # -- peers

    def aiohttp(self, mode: str, scheme: str = "http") -> Figures:
        """aiohttp, 64 coroutines."""
        return self._python("aiohttp_loop", mode, scheme, self.secs)

    def go(self, mode: str, scheme: str = "http") -> Figures:
        """Go's net/http, 64 goroutines: the core of cloudprober and gatus, without the rest."""
        port = TLS_PORT if scheme == "https" else HTTP_PORT
        command = (self._built("gonethttp"), mode, 64, 1000, self.secs, port, scheme)
        return self._command(*command)

    def blackbox(self, *, tls: bool = False) -> Figures:
        """blackbox_exporter, 64 scrapes at a time."""
        cost = peers.blackbox(self.folder, self.target, self.secs, tls=tls)
        return {"us_cpu": cost.us_cpu}

    def haproxy(self, n: int, interval_s: float, *, tls: bool = False) -> Figures:
        """haproxy's checks."""
        cost = peers.haproxy(
            self.folder, self.target, self.secs, n=n, interval_s=interval_s, tls=tls
        )
        return {"us_cpu": cost.us_cpu, "rss_mb": cost.rss_mb}

    def haproxy_per_endpoint(self) -> Figures:
        """Memory that a server takes beyond what any haproxy takes."""
        few, many = self.haproxy(1000, 1.0), self.haproxy(10_000, 2.0)
        return {"kb": (many["rss_mb"] - few["rss_mb"]) * 1024 / 9000}

    def gdnsd(self, n: int) -> Figures:
        """gdnsd's http_status checks, each 2 s."""
        return {"us_cpu": peers.gdnsd(self.folder, self.target, self.secs, n=n).us_cpu}

    # -- latencies of the slow target: what is reported beyond what it truly took

    def ours_latency(self) -> Figures:
        """Ours, of 100 slow ones among 5,000 endpoints."""
        with self._slow() as slow:
            found = self.ours(5000, 1.0, "--slow", "100", warm_s=2.5)
        return {"error_ms": found["slow_p99_ms"] - 1000 * slow.p99_s}

    def blackbox_latency(self) -> Figures:
        """blackbox_exporter's, while it is asked as fast as it can."""
        with self._slow() as slow:
            found = peers.blackbox_latencies(self.folder, self.secs)
        return {"error_ms": 1000 * (_p99(found) - slow.p99_s)}

    def haproxy_latency(self) -> Figures:
        """haproxy's, of 100 slow ones among 5,000 servers."""
        with self._slow() as slow:
            found = peers.haproxy_latencies(self.folder, self.target, 5000, 100, self.secs)
        return {"error_ms": 1000 * (_p99(found) - slow.p99_s)}

    # -- how

    def _built(self, program: str) -> Path:
        """Raises CannotRunError when it could not be built."""
        if self.cannot.get(program):
            raise CannotRunError(self.cannot[program])
        return self.folder / program

    @contextmanager
    def _slow(self) -> Iterator[Slow]:
        with slow_running(self._built("slow"), cpu="1") as slow:
            yield slow

    def _python(self, module: str, *arguments: object) -> Figures:
        return self._command(sys.executable, "-m", f"tests.bench.prober.{module}", *arguments)

    def _command(self, *command: object, environment: dict[str, str] | None = None) -> Figures:
        pinned = ["taskset", "-c", "0", *map(str, command)]
        done = subprocess.run(
            ["env", *(f"{k}={v}" for k, v in (environment or {}).items()), *pinned],
            capture_output=True,
            text=True,
            timeout=180,
        )
        if done.returncode:
            raise CannotRunError(f"ended with {done.returncode}: {last_line(done.stderr)}")
        found: Figures = json.loads(done.stdout.strip().splitlines()[-1])
        return found


def _p99(seconds: list[float]) -> float:
    if not seconds:
        raise CannotRunError("it reports no durations")
    return sorted(seconds)[int(len(seconds) * 0.99)]
