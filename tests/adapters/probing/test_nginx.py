"""Probes of a real server: nginx."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.model.health import ProbeOutcome
from controller.settings.references import References
from tests.adapters.probing.asking import ask_once, asking, until
from tests.adapters.probing.authority import Authority

NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
pytestmark = [
    pytest.mark.skipif(NGINX is None, reason="nginx is not installed"),
    pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed"),
]
DAY = timedelta(days=1)
CONFIGURATION = """\
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{}}
http {{
  access_log off; keepalive_requests 3;
  client_body_temp_path {folder}/t; proxy_temp_path {folder}/t; fastcgi_temp_path {folder}/t;
  uwsgi_temp_path {folder}/t; scgi_temp_path {folder}/t;
  server {{
    listen 127.0.0.1:{plain}; listen 127.0.0.1:{tls} ssl;
    ssl_certificate {folder}/ca/server.pem; ssl_certificate_key {folder}/ca/server.key;
    root {folder}/www;
    location = /ok {{ return 200 "ok\\n"; }}
    location = /empty {{ return 204; }}
    location = /moved {{ return 301 /ok; }}
    location = /chunked {{ ssi on; ssi_types *; }}
    location = /nothing {{ return 444; }}
  }}
}}
"""


def _free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        return int(taken.getsockname()[1])


async def _listens(port: int) -> None:
    """Wait until a server accepts connections there; fail if none does."""
    for _ in range(500):
        last = await ask_once(probe=f"tcp://127.0.0.1:{port}")
        if last.outcome is ProbeOutcome.PASSED:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"nginx does not listen on port {port}: {last.detail}")


@asynccontextmanager
async def nginx(folder: Path) -> AsyncIterator[tuple[str, str, References]]:
    """The server's plain and TLS addresses, and the CA to trust."""
    authority = Authority(folder / "ca")
    authority.context("DNS:app.test", begins_in=-DAY, ends_in=DAY)
    for name in ("t", "www"):
        (folder / name).mkdir()
    (folder / "www" / "chunked").write_text("<!--# echo var='host' -->ok")
    plain, tls = _free_port(), _free_port()
    configuration = folder / "nginx.conf"
    configuration.write_text(CONFIGURATION.format(folder=folder, plain=plain, tls=tls))
    process = await asyncio.create_subprocess_exec(
        str(NGINX), "-c", configuration, "-p", folder, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        # It begins to listen on one address after the other.
        for port in (plain, tls):
            await _listens(port)
        file = str(authority.file)
        references = References({}, {file: authority.file.read_text()})
        yield f"127.0.0.1:{plain}", f"127.0.0.1:{tls}", references
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def test_nginx_is_understood(tmp_path: Path) -> None:
    """Answers with a length, in chunks, without a body, and no answer at all."""
    async with nginx(tmp_path) as (plain, tls, _):
        url = f"http://{plain}"
        ok = await ask_once(probe=f"{url}/ok", body_contains="ok")
        chunked = await ask_once(probe=f"{url}/chunked", body_contains="127.0.0.1ok")
        empty = await ask_once(probe=f"{url}/empty", statuses=(204,))
        moved = await ask_once(probe=f"{url}/moved")
        missing = await ask_once(probe=f"{url}/missing")
        nothing = await ask_once(probe=f"{url}/nothing")
        no_tls = await ask_once(probe=f"https://{plain}/ok")
        no_http = await ask_once(probe=f"http://{tls}/ok")

    assert [one.detail for one in (ok, chunked, empty)] == ["200", "200", "204"]
    assert [one.detail for one in (moved, missing)] == ["HTTP 301", "HTTP 404"]
    assert nothing.detail == "connection closed without an answer"
    assert no_tls.detail == "TLS: WRONG_VERSION_NUMBER"
    assert no_http.detail == "HTTP 400"


@pytest.mark.parametrize("path", ["ok", "chunked"])
@pytest.mark.parametrize("is_tls", [False, True], ids=["http", "https"])
async def test_nginx_may_close_a_kept_connection(tmp_path: Path, path: str, is_tls: bool) -> None:
    """It closes after every third request and announces it: no failure, no disconnect."""
    async with nginx(tmp_path) as (plain, tls, references):
        ca_file = next(iter(references.authorities))
        endpoint: dict[str, Any] = {"probe": f"http://{plain}/{path}", "keep_alive": True}
        if is_tls:
            secure = {"probe": f"https://{tls}/{path}", "host": "app.test", "ca_file": ca_file}
            endpoint |= secure
        async with asking(references, **endpoint) as asker:
            results = [await asker.ask(5) for _ in range(10)]

    assert [result.detail for result in results] == ["200"] * 10
    assert (asker.disturbances, asker.unasked) == (0, 0)
    assert all((result.certificate_ends_at is not None) is is_tls for result in results)


async def test_killed_nginx_disconnects_its_kept_connections(tmp_path: Path) -> None:
    """Known before the next probe: the kernel closes the process's connections."""
    async with (
        nginx(tmp_path) as (plain, _, _),
        asking(probe=f"http://{plain}/ok", keep_alive=True) as asker,
    ):
        await asker.ask(5)
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
        await until(lambda: asker.disturbances == 1)
        refused = await asker.ask(5)

    assert refused.detail == "connection refused"
