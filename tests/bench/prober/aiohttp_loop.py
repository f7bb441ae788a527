"""aiohttp as a prober: 64 coroutines ask in turn. Prints one line of JSON.

`python -m tests.bench.prober.aiohttp_loop close|keepalive http|https SECONDS`
"""

from __future__ import annotations

import asyncio
import json
import resource
import ssl
import sys

import aiohttp

from tests.bench.prober.machine import HTTP_PORT, TLS_PORT, address

WORKERS, ENDPOINTS, WARM_S = 64, 1000, 0.7


async def main(mode: str, scheme: str, secs: float) -> dict[str, float]:
    """CPU per probe."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    port = TLS_PORT if scheme == "https" else HTTP_PORT
    urls = [f"{scheme}://{address(i)}:{port}/healthz" for i in range(ENDPOINTS)]
    connector = aiohttp.TCPConnector(limit=0, force_close=mode == "close", ssl=context)
    asked = 0
    async with aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
    ) as session:

        async def ask(worker: int) -> None:
            nonlocal asked
            while True:
                for url in urls[worker::WORKERS]:
                    async with session.get(url, allow_redirects=False) as response:
                        await response.read()
                        assert response.status == 200
                    asked += 1

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(ask(worker)) for worker in range(WORKERS)]
            await asyncio.sleep(WARM_S)
            before, asked = resource.getrusage(resource.RUSAGE_SELF), 0
            await asyncio.sleep(secs)
            after, total = resource.getrusage(resource.RUSAGE_SELF), asked
            for task in tasks:
                task.cancel()
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"us_cpu": 1e6 * cpu_s / total, "probes": total}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3])))))
