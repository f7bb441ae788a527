"""The prober beside its peers: `make bench`, `make bench SHORT=1`, `JSON=path make bench`.

Target and helpers run on core 1, the measured prober on core 0. Each round plays every run once,
every other round in the opposite order, so that what else the machine does hits all alike. CPU per
probe is user and system time of the prober, kernel work on its behalf included; it depends little
on how fast the neighbours let us go. Ours is the daemon's own wiring (`wired`): every result goes
through the probing loop, hysteresis, metrics and certificates.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
from pathlib import Path

from tests.bench.prober import detection, report, target, tools
from tests.bench.prober.measured import CANNOT, Measured, Runs
from tests.bench.prober.report import Row
from tests.bench.prober.runs import Bench

NEW, KEPT, TLS, TLS_KEPT = (
    "CPU per probe, new connection",
    "CPU per probe, keep-alive",
    "CPU per probe, TLS handshake",
    "CPU per probe, TLS keep-alive",
)


def main() -> int:
    """Run everything and print the table, of what was measured at least; 1 when ours failed.

    A peer that cannot run costs its own rows, which say why.
    """
    is_short = bool(os.environ.get("SHORT"))
    simulated = _simulated(is_short)
    measured = Measured()
    try:
        _measure(measured, is_short)
    except CANNOT as error:
        measured.reason_for_all = str(error)
    finally:
        # Also when a mistake of ours or Ctrl-C ends it: minutes of measuring are not thrown away.
        _tell(_rows(measured) + simulated)
    return int(measured.ours_failed)


def _measure(measured: Measured, is_short: bool) -> None:
    """Raises one of CANNOT when the target cannot run."""
    tools.install()
    _raise_file_limit()
    # Target and probers alike: what else runs on the machine disturbs them less.
    if os.geteuid() == 0:
        os.nice(-10)
    with tempfile.TemporaryDirectory(prefix="prober-bench-") as name:
        folder = Path(name)
        built = {"gonethttp": tools.build_go(folder), **tools.compile_c(folder)}
        with target.running(folder, cpu="1") as served:
            bench = Bench(folder, served, secs=0.6 if is_short else 3.0, cannot=built)
            measured.play(_runs(bench), rounds=1 if is_short else 5)


def _tell(rows: list[Row]) -> None:
    sys.stdout.write(report.table(rows) + "\n")
    if os.environ.get("JSON"):
        report.write_json(rows, Path(os.environ["JSON"]))


def _runs(bench: Bench) -> Runs:
    # What is compared stands side by side, for the machine's speed drifts.
    return {
        "c new": lambda: bench.limit("close"),
        "ours new": lambda: bench.ours(1000, 0.04),
        "c new, our options": lambda: bench.limit("rst"),
        "haproxy new": lambda: bench.haproxy(1000, 0.02),
        "go new": lambda: bench.go("close"),
        "blackbox new": bench.blackbox,
        "aiohttp new": lambda: bench.aiohttp("close"),
        "ours 5000/s": lambda: bench.ours(10_000, 2.0, warm_s=3.0),
        "haproxy 5000/s": lambda: bench.haproxy(10_000, 2.0),
        "gdnsd 5000/s": lambda: bench.gdnsd(10_000),
        "c kept": lambda: bench.limit("keepalive"),
        "ours kept": lambda: bench.ours(1000, 0.01, "--keep-alive"),
        "c kept, 64 endpoints": lambda: bench.limit("keepalive", 64),
        "go kept": lambda: bench.go("keepalive"),
        "aiohttp kept": lambda: bench.aiohttp("keepalive"),
        "ours tls": lambda: bench.ours_tls(1000, 0.6),
        "haproxy tls": lambda: bench.haproxy(1000, 0.6, tls=True),
        "go tls": lambda: bench.go("close", "https"),
        "blackbox tls": lambda: bench.blackbox(tls=True),
        "aiohttp tls": lambda: bench.aiohttp("close", "https"),
        "ours tls kept": lambda: bench.ours_tls(1000, 0.015, "--keep-alive"),
        "go tls kept": lambda: bench.go("keepalive", "https"),
        "aiohttp tls kept": lambda: bench.aiohttp("keepalive", "https"),
        "ours jitter": lambda: bench.ours(20_000, 4.0, "--jitter", warm_s=5.0),
        "ours latency": bench.ours_latency,
        "blackbox latency": bench.blackbox_latency,
        "haproxy latency": bench.haproxy_latency,
        "ours memory": bench.ours_per_endpoint,
        "ours memory, kept": lambda: bench.ours_per_endpoint("--keep-alive"),
        "haproxy memory": bench.haproxy_per_endpoint,
    }


def _rows(measured: Measured) -> list[Row]:
    """The measures, with what issue 5 asks for."""

    def row(
        measure: str,
        peer: str,
        ours: str,
        theirs: str = "",
        figure: str = "us_cpu",
        unit: str = "µs",
        asked: float | None = None,
    ) -> Row:
        return measured.row(Row(measure, peer, unit, asked), ours, theirs, figure)

    return [
        row(NEW, "C epoll", "ours new", "c new", asked=1.5),
        row(NEW, "C epoll, our options", "ours new", "c new, our options", asked=1.5),
        row(NEW, "haproxy", "ours new", "haproxy new", asked=1.15),
        row(NEW, "blackbox_exporter", "ours new", "blackbox new", asked=0.2),
        row(NEW, "Go net/http", "ours new", "go new", asked=0.8),
        row(NEW, "aiohttp", "ours new", "aiohttp new"),
        row(NEW + ", 5,000/s", "haproxy", "ours 5000/s", "haproxy 5000/s", asked=1.15),
        row(NEW + ", 5,000/s", "gdnsd", "ours 5000/s", "gdnsd 5000/s"),
        row(KEPT, "C epoll", "ours kept", "c kept", asked=2.0),
        row(KEPT, "C epoll, 64 endpoints", "ours kept", "c kept, 64 endpoints", asked=2.0),
        row(KEPT, "Go net/http", "ours kept", "go kept", asked=0.35),
        row(KEPT, "aiohttp", "ours kept", "aiohttp kept"),
        row(TLS, "haproxy", "ours tls", "haproxy tls"),
        row(TLS, "blackbox_exporter", "ours tls", "blackbox tls"),
        row(TLS, "Go net/http", "ours tls", "go tls"),
        row(TLS, "aiohttp", "ours tls", "aiohttp tls"),
        row(TLS_KEPT, "Go net/http", "ours tls kept", "go tls kept"),
        row(TLS_KEPT, "aiohttp", "ours tls kept", "aiohttp tls kept"),
        row("start jitter p50, 20,000 endpoints", "", "ours jitter", "", "jitter_p50_ms", "ms"),
        row("start jitter p99, 20,000 endpoints", "", "ours jitter", "", "jitter_p99_ms", "ms", 10),
        row("latency error p99, 5,000 endpoints", "", "ours latency", "", "error_ms", "ms", 2),
        *(
            row("latency error p99", peer, "ours latency", f"{run} latency", "error_ms", "ms")
            for peer, run in (("blackbox_exporter", "blackbox"), ("haproxy", "haproxy"))
        ),
        row("memory per endpoint", "", "ours memory", "", "kb", "KB", 4),
        row("memory per endpoint", "haproxy", "ours memory", "haproxy memory", "kb", "KB"),
        row("memory per endpoint, keep-alive", "", "ours memory, kept", "", "kb", "KB", 4),
    ]


def _simulated(is_short: bool) -> list[Row]:
    """Detection of a silent death, and false alarms while packets are lost."""
    times, days = (50, 0.5) if is_short else (1000, 20.0)
    ours, route53 = detection.detections(times), detection.route53_fast(times)
    rows = [
        Row("detection of a silent death, mean", "", "s", 2.0, [_mean(ours)]),
        Row("detection of a silent death, max", "", "s", None, [max(ours)]),
        Row("detection, mean", "Route 53 fast", "s", None, [_mean(ours)], [_mean(route53)]),
        Row(
            "detection, mean",
            "haproxy defaults",
            "s",
            None,
            [_mean(ours)],
            [_mean(detection.haproxy_default(times))],
        ),
    ]
    for lost_ratio, burst_s in ((0.001, 0.02), (0.001, 0.2), (0.01, 0.02), (0.01, 0.2)):
        for points in (1, 3):
            rows.append(
                Row(
                    f"false alarms, {lost_ratio:.1%} lost in {1000 * burst_s:.0f} ms, "
                    f"{points} vantage point{'s' if points > 1 else ''}",
                    "haproxy defaults",
                    "a day",
                    None,
                    [detection.false_alarms(points, days, lost_ratio, burst_s)],
                    [detection.haproxy_false_alarms(lost_ratio, burst_s, days)],
                )
            )
    return rows


def _mean(found: list[float]) -> float:
    return sum(found) / len(found)


def _raise_file_limit() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    sys.exit(main())
