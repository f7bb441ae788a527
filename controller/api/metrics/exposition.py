"""The text that Prometheus scrapes, made piece by piece so that the event loop stays responsive.

20,000 endpoints have 100,000 series, which prometheus_client takes a second to encode. The event
loop runs other tasks between two pieces.
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
"""Series encoded without a pause, which takes about a millisecond."""
_TRAILING_SUFFIXES = ("_created", "_gsum", "_gcount")
"""Suffixes of series that the text format writes after all others of a family, under a second
heading; a family with such series cannot be split."""


async def exposition(registry: CollectorRegistry, request: web.Request) -> web.Response:
    """The series that `name[]` names, or all, in the format that `Accept` asks for; compressed."""
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    names = request.query.getall("name[]", [])
    collector: Collector = registry.restricted_registry(names) if names else registry
    end = encode(_FixedCollector(()))
    pieces = []
    for family in collector.collect():
        for number, piece in enumerate(_pieces(family)):
            text = encode(_FixedCollector((piece,))).removesuffix(end)
            pieces.append(_without_heading(text) if number else text)
            await asyncio.sleep(0)
    # aiohttp compresses in a thread, and zlib releases the interpreter's lock.
    response = web.Response(body=b"".join((*pieces, end)), headers={"Content-Type": content_type})
    response.enable_compression()
    return response


def _pieces(family: Metric) -> Iterator[Metric]:
    """The family in parts of at most PIECE series; each is encoded with the family's heading."""
    samples = family.samples
    if any(
        sample.name == family.name + suffix
        for sample in samples[:PIECE]
        for suffix in _TRAILING_SUFFIXES
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


class _FixedCollector(Collector):
    """A collector of given families."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families
