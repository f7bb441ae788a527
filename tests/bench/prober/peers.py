"""The peers, each started, driven and measured from outside: CPU from /proc, probes by the target.

haproxy and gdnsd probe by themselves; blackbox_exporter probes when it is scraped, which wrk does
here from the target's core, and answering the scrape is part of its price, as in real life. All
three run with verification of certificates off, which ours cannot be.
"""

from __future__ import annotations

import csv
import os
import re
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.prober.machine import HTTP_PORT, SLOW_PORT, TLS_NAME, TLS_PORT, address
from tests.bench.prober.processes import CannotRunError, running
from tests.bench.prober.target import Target

_TICKS = os.sysconf("SC_CLK_TCK")
_ATTEMPTS = 200
_STARTS_WITHIN_S = 90.0
_BLACKBOX = "127.0.0.1:29115"


@dataclass(frozen=True, slots=True)
class Cost:
    """What a peer's probes cost it."""

    us_cpu: float
    rss_mb: float


def cpu_s(pid: int) -> float:
    """CPU seconds of a process and its descendants."""
    total = 0.0
    for one in _tree(pid):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) / _TICKS
    return total


def _tree(pid: int) -> list[int]:
    found = [pid]
    for one in found:
        for task in Path(f"/proc/{one}/task").iterdir():
            found += [int(child) for child in (task / "children").read_text().split()]
    return found


def _cost(process: subprocess.Popen[bytes], target: Target, secs: float) -> Cost:
    """Of a process that probes. Raises OSError or CannotRunError when it has ended."""
    asked, cpu = target.requests(), cpu_s(process.pid)
    time.sleep(secs)
    # The question how many requests there were is one itself.
    probes = target.requests() - asked - 1
    spent = cpu_s(process.pid) - cpu
    if probes <= 0:
        raise CannotRunError("it probes nothing")
    if spent <= 0:
        raise CannotRunError("no time of its own was counted: too short a run")
    pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    return Cost(1e6 * spent / probes, pages * os.sysconf("SC_PAGE_SIZE") / 2**20)


def _await_probes(process: subprocess.Popen[bytes], target: Target, n: int) -> None:
    """Return when it has probed so often, or has ended: who started it knows its last words.

    To read the configuration of ten thousand servers takes a busy machine ten seconds.
    """
    asked, deadline = target.requests(), time.monotonic() + _STARTS_WITHIN_S
    while target.requests() - asked < n:
        if process.poll() is not None:
            raise CannotRunError("it ended")
        if time.monotonic() > deadline:
            raise CannotRunError(f"it did not probe {n} times in {_STARTS_WITHIN_S:g} s")
        time.sleep(0.1)


# -- blackbox_exporter


def blackbox(folder: Path, target: Target, secs: float, *, tls: bool = False) -> Cost:
    """As fast as 64 scrapes at a time make it."""
    with _blackbox(folder) as process, _scraping(folder, 64, secs, tls=tls):
        _await_probes(process, target, 64)
        time.sleep(1.0)
        return _cost(process, target, secs)


def blackbox_latencies(folder: Path, secs: float) -> list[float]:
    """Seconds it reports of the slow target while eight scrapes at a time keep it busy."""
    found = []
    with _blackbox(folder), _scraping(folder, 8, secs, tls=False):
        time.sleep(0.5)
        until = time.monotonic() + secs
        while time.monotonic() < until:
            text = _scrape(f"http://{address(0)}:{SLOW_PORT}/healthz")
            reported = re.search(r"\nprobe_duration_seconds (\S+)", text)
            if reported is None:
                raise CannotRunError("blackbox_exporter reports no duration")
            found.append(float(reported[1]))
    return found


@contextmanager
def _blackbox(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    (folder / "blackbox.yml").write_text(
        "modules:\n  http_2xx:\n    prober: http\n    timeout: 5s\n    http:\n"
        "      preferred_ip_protocol: ip4\n      follow_redirects: false\n"
        f"      tls_config: {{insecure_skip_verify: true, server_name: {TLS_NAME}}}\n"
    )
    command = ("prometheus-blackbox-exporter", f"--config.file={folder}/blackbox.yml")
    flags = (f"--web.listen-address={_BLACKBOX}", "--log.level=error")
    with running("0", *command, *flags) as process:
        _await_blackbox(process)
        yield process


def _await_blackbox(process: subprocess.Popen[bytes]) -> None:
    """Return when it answers, or has ended: who started it knows its last words."""
    for _ in range(_ATTEMPTS):
        if process.poll() is not None:
            raise CannotRunError("blackbox_exporter ended")
        try:
            text = _scrape(f"http://{address(0)}:{HTTP_PORT}/healthz")
        except OSError:
            time.sleep(0.05)
        else:
            if "probe_success 1" not in text:
                raise CannotRunError("blackbox_exporter cannot reach the target")
            return
    raise CannotRunError("blackbox_exporter does not answer")


def _scrape(url: str) -> str:
    query = urllib.parse.urlencode({"module": "http_2xx", "target": url})
    with urllib.request.urlopen(f"http://{_BLACKBOX}/probe?{query}", timeout=10) as answer:
        return str(answer.read().decode())


@contextmanager
def _scraping(folder: Path, at_once: int, secs: float, *, tls: bool) -> Iterator[None]:
    scheme, port = ("https", TLS_PORT) if tls else ("http", HTTP_PORT)
    urls = ",".join(f'"{scheme}%3A%2F%2F{address(i)}%3A{port}%2Fhealthz"' for i in range(1000))
    path = "'/probe?module=http_2xx&target='..t[i%#t+1]"
    (folder / "scrape.lua").write_text(
        f"local t={{{urls}}}\nlocal i=0\n"
        f"request=function() i=i+1; return wrk.format('GET',{path}) end\n"
    )
    lasts = f"-d{round(secs + 60)}s"  # It is ended before.
    script = folder / "scrape.lua"
    command = ("wrk", "-t1", f"-c{at_once}", lasts, "-s", script, f"http://{_BLACKBOX}")
    with running("1", *command):
        yield


# -- haproxy


def haproxy(
    folder: Path, target: Target, secs: float, *, n: int, interval_s: float, tls: bool = False
) -> Cost:
    """So many servers, each checked at this interval."""
    with _haproxy(folder, n, interval_s, tls=tls, slow=0) as process:
        _await_probes(process, target, n)
        time.sleep(1.0)
        return _cost(process, target, secs)


def haproxy_latencies(folder: Path, target: Target, n: int, slow: int, secs: float) -> list[float]:
    """Seconds it reports of the slow ones among its servers (in whole milliseconds)."""
    found = []
    with _haproxy(folder, n, 1.0, tls=False, slow=slow) as process:
        _await_probes(process, target, 2 * (n - slow))
        for _ in range(max(1, round(secs))):
            found += _check_durations(folder)
            time.sleep(1)
    return found


@contextmanager
def _haproxy(
    folder: Path, n: int, interval_s: float, *, tls: bool, slow: int
) -> Iterator[subprocess.Popen[bytes]]:
    step = n // slow if slow else n + 1
    check = f"check inter {max(1, round(1000 * interval_s))}"
    if tls:
        check += f" ssl verify none check-sni {TLS_NAME}"
    lines = []
    for i in range(n):
        is_slow = i % step == step - 1
        port = SLOW_PORT if is_slow else TLS_PORT if tls else HTTP_PORT
        lines.append(f"  server {'slow' if is_slow else 's'}{i} {address(i)}:{port} {check}")
    timeouts = "\n".join(f"  timeout {one} 2s" for one in ("connect", "check", "client", "server"))
    (folder / "haproxy.cfg").write_text(
        f"global\n  maxconn 2000\n  nbthread 1\n  stats socket {folder}/haproxy.sock\n"
        f"defaults\n  mode http\n{timeouts}\n"
        "frontend f\n  bind 127.0.0.1:29180\n  default_backend b\n"
        "backend b\n  option httpchk\n"
        f"  http-check send meth GET uri /healthz ver HTTP/1.1 hdr Host {TLS_NAME}\n"
        "  http-check expect status 200\n" + "\n".join(lines) + "\n"
    )
    with running("0", "haproxy", "-db", "-f", folder / "haproxy.cfg") as process:
        yield process


def _check_durations(folder: Path) -> list[float]:
    with socket.socket(socket.AF_UNIX) as asked:
        asked.connect(f"{folder}/haproxy.sock")
        asked.sendall(b"show stat\n")
        text = b"".join(iter(lambda: asked.recv(65536), b"")).decode()
    rows = csv.DictReader(text.lstrip("# ").splitlines())
    return [
        float(row["check_duration"]) / 1000
        for row in rows
        if row["svname"].startswith("slow") and row["check_duration"]
    ]


# -- gdnsd


def gdnsd(folder: Path, target: Target, secs: float, *, n: int) -> Cost:
    """So many addresses, each checked every two seconds, the shortest it accepts."""
    home = folder / "gdnsd"
    (home / "zones").mkdir(parents=True, exist_ok=True)
    for name in ("run", "state"):
        (home / name).mkdir(exist_ok=True)
    pools = "\n".join(
        f"  r{first} => {{ service_types => web\n"
        + "\n".join(f"   a{i} => {address(i)}" for i in range(first, min(n, first + 50)))
        + "\n  }"
        for first in range(0, n, 50)
    )
    (home / "config").write_text(
        f"options => {{ listen => 127.0.0.1:25353\n run_dir => {home}/run\n"
        f" state_dir => {home}/state\n udp_threads => 1\n tcp_threads => 1 }}\n"
        f"service_types => {{ web => {{ plugin => http_status, port => {HTTP_PORT}, "
        f"url_path => /healthz, vhost => {TLS_NAME}, interval => 2, timeout => 1 }} }}\n"
        f"plugins => {{ multifo => {{ {pools} }} }}\n"
    )
    (home / "zones" / "example.test").write_text(
        "@ SOA ns1 h 1 7200 1800 259200 900\n@ NS ns1\nns1 A 127.0.0.1\nwww DYNA multifo!r0\n"
    )
    with running("0", "gdnsd", "-c", home, "start") as process:
        _await_probes(process, target, n)
        time.sleep(1.0)
        return _cost(process, target, secs)
