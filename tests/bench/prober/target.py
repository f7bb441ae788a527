"""What is probed: nginx on every address of 127.0.0.0/8, and a server that takes 20 ms.

Every 127.x.y.z is an endpoint without any further set-up. How many probes came is counted here and
not by the probers: `requests`.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.prober import processes
from tests.bench.prober.machine import (
    COUNTER_PORT,
    HTTP_PORT,
    SLOW_PORT,
    SLOW_S,
    TLS_NAME,
    TLS_PORT,
)
from tests.bench.prober.processes import CannotRunError, end, need

_ATTEMPTS = 200
_CONFIGURATION = """\
daemon off; master_process off; worker_processes 1; pid {folder}/nginx.pid;
error_log {folder}/error.log crit;
events {{ worker_connections 19900; multi_accept on; use epoll; }}
http {{
  access_log off; server_tokens off; etag off; tcp_nodelay on; lingering_close off;
  keepalive_timeout 300s; keepalive_requests 100000000;
  client_body_temp_path {folder}/t; proxy_temp_path {folder}/t; fastcgi_temp_path {folder}/t;
  uwsgi_temp_path {folder}/t; scgi_temp_path {folder}/t;
  server {{
    listen 0.0.0.0:{http} backlog=65535;
    location = /healthz {{ default_type text/plain; return 200 "ok\\n"; }}
  }}
  server {{
    listen 0.0.0.0:{tls} ssl backlog=65535;
    ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem;
    ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache off; ssl_session_tickets off;
    location = /healthz {{ default_type text/plain; return 200 "ok\\n"; }}
  }}
  server {{ listen 127.0.0.1:{counter}; location / {{ stub_status; }} }}
}}
"""


class Target:
    """nginx, while it runs."""

    def __init__(self, folder: Path) -> None:
        self.certificate = folder / "cert.pem"

    def requests(self) -> int:
        """Requests that nginx has answered so far, this question among them."""
        with urllib.request.urlopen(f"http://127.0.0.1:{COUNTER_PORT}/", timeout=5) as answer:
            text = answer.read().decode()
        found = re.search(r"\n\s*\d+ \d+ (\d+)", text)
        if found is None:
            raise CannotRunError(f"port {COUNTER_PORT} is another program's")
        return int(found[1])


@contextmanager
def running(folder: Path, cpu: str) -> Iterator[Target]:
    """nginx on one core, until the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    _certificate(folder)
    ports = {"http": HTTP_PORT, "tls": TLS_PORT, "counter": COUNTER_PORT}
    (folder / "nginx.conf").write_text(_CONFIGURATION.format(folder=folder, **ports))
    (folder / "t").mkdir(exist_ok=True)
    with processes.running(cpu, "nginx", "-c", folder / "nginx.conf", "-p", folder) as started:
        target = Target(folder)
        _await(target, started)
        yield target


class Slow:
    """The slow server; what its answers truly took is known when it has ended."""

    p99_s = 0.0


@contextmanager
def slow_running(program: Path, cpu: str) -> Iterator[Slow]:
    """The slow server on one core, until the block ends. Raises CannotRunError."""
    command = ["taskset", "-c", cpu, str(program), str(SLOW_PORT), str(round(SLOW_S * 1e6))]
    slow, started = Slow(), subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert started.stdout is not None
    try:
        yield slow
        code = started.poll()
    finally:
        # What it tells is one line, which the pipe holds until it has ended.
        end(started)
        with started.stdout:
            told = started.stdout.read()
    if code is not None:
        raise CannotRunError(f"the slow target ended with {code}; is port {SLOW_PORT} taken?")
    truth = json.loads(told)
    if not truth["n"]:
        raise CannotRunError("this peer asked the slow target nothing")
    slow.p99_s = truth["p99_us"] * 1e-6


def _await(target: Target, started: subprocess.Popen[bytes]) -> None:
    """Return when nginx answers, or has ended: who started it knows its last words."""
    for _ in range(_ATTEMPTS):
        if started.poll() is not None:
            raise CannotRunError("nginx ended")
        try:
            target.requests()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise CannotRunError("nginx does not answer; is one of the ports taken?")


def _certificate(folder: Path) -> None:
    need("openssl")
    if (folder / "cert.pem").exists():
        return
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30"
    names = f"subjectAltName=DNS:{TLS_NAME},IP:127.0.0.1"
    subprocess.run(
        [
            *command.split(),
            *("-subj", f"/CN={TLS_NAME}", "-addext", names),
            *("-keyout", folder / "key.pem", "-out", folder / "cert.pem"),
        ],
        check=True,
        capture_output=True,
        env={**os.environ, "LC_ALL": "C"},
    )
