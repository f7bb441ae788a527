"""The exposition: the text of prometheus_client, made piece by piece."""

from __future__ import annotations

import asyncio
import gzip
from itertools import count

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import choose_encoder

from controller.api.metrics.exposition import PIECE, exposition

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
MANY = PIECE * 3 + 7


def registry(series: int = MANY) -> CollectorRegistry:
    """Families small, large and empty."""
    made = CollectorRegistry()
    Gauge("one", "Single", registry=made).set(1)
    Gauge("none", "Empty", ("of",), registry=made)
    many = Gauge("many", "Large\nin two lines", ("of",), registry=made)
    counts = Counter("counts", "With times of creation", ("of",), registry=made)
    seconds = Histogram("seconds", "Buckets", ("of",), registry=made)
    for index in range(series):
        many.labels(f'#{index} "\n').set(index)
        counts.labels(str(index)).inc(index)
        seconds.labels(str(index)).observe(index)
    return made


async def scraped(of: CollectorRegistry, query: str = "", **headers: str) -> web.Response:
    return await exposition(of, make_mocked_request("GET", f"/metrics{query}", headers=headers))


@pytest.mark.parametrize("accept", ["", "text/plain; version=1.0.0", OPENMETRICS])
async def test_the_pieces_together_are_the_text_of_the_library(accept: str) -> None:
    """In each format, byte for byte."""
    made = registry()
    encode, content_type = choose_encoder(accept)
    found = await scraped(made, Accept=accept)

    assert found.body == encode(made)
    assert found.headers["Content-Type"] == content_type


async def test_other_tasks_run_between_the_pieces() -> None:
    """At least once for each piece."""
    made = CollectorRegistry()
    many = Gauge("many", "Large", ("of",), registry=made)
    for index in range(50 * PIECE):
        many.labels(str(index)).set(index)
    turns = count()

    async def others() -> None:
        while True:
            next(turns)
            await asyncio.sleep(0)

    task = asyncio.create_task(others())
    await scraped(made)
    task.cancel()

    assert next(turns) >= 50


async def test_only_the_series_that_the_query_names() -> None:
    """Names may be repeated."""
    found = await scraped(registry(2), "?name[]=one&name[]=many")
    lines = found.body.decode().splitlines() if isinstance(found.body, bytes) else []

    names = sorted(line.split("{")[0].split()[0] for line in lines if line[0] != "#")
    assert names == ["many", "many", "one"]


async def test_it_is_compressed_when_the_client_accepts_that() -> None:
    """Prometheus accepts gzip."""
    made = registry()
    request = make_mocked_request("GET", "/metrics", headers={"Accept-Encoding": "gzip"})
    found = await exposition(made, request)
    await found.prepare(request)

    assert found.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(found._compressed_body or b"") == choose_encoder("")[0](made)
