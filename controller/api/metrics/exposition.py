"""What Prometheus scrapes, made a piece at a time: the daemon probes and decides meanwhile.

Twenty thousand endpoints have a hundred thousand series, which take a second to write. The library
writes them, here and there by turns with whatever else the event loop has to do.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Iterable, Iterator

from aiohttp import web
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector, CollectorRegistry

PIECE = 200
"""Series written in one go, which takes about a millisecond."""
_WRITTEN_LAST = ("_created", "_gsum", "_gcount")
"""What the text format writes after all other series of a family, under a heading of its own."""


async def exposition(registry: CollectorRegistry, request: web.Request) -> web.Response:
    """The series that are asked for (all without `name[]`), in the format that is asked for."""
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    names = request.query.getall("name[]", [])
    collector: Collector = registry.restricted_registry(names) if names else registry
    end = encode(_These(()))
    pieces = []
    for family in collector.collect():
        for number, piece in enumerate(_pieces(family)):
            text = encode(_These((piece,))).removesuffix(end)
            pieces.append(_without_heading(text) if number else text)
            await asyncio.sleep(0)
    # Compressed in a thread, which holds no lock of the interpreter meanwhile.
    response = web.Response(body=b"".join((*pieces, end)), headers={"Content-Type": content_type})
    response.enable_compression()
    return response


def _pieces(family: Metric) -> Iterator[Metric]:
    samples = family.samples
    if any(
        sample.name == family.name + last for sample in samples[:PIECE] for last in _WRITTEN_LAST
    ):
        yield family
        return
    for first in range(0, max(1, len(samples)), PIECE):
        piece = copy.copy(family)
        piece.samples = samples[first : first + PIECE]
        yield piece


def _without_heading(text: bytes) -> bytes:
    while text.startswith(b"# "):
        text = text.partition(b"\n")[2]
    return text


class _These(Collector):
    """These families and no others."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families
