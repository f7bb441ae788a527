"""A zone in which others keep more records than a page holds: the daemon reads its own runs only.

What is promised of a zone of its own holds there as well, in fewer calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.faults.steered import DEAD, ZONE, Steered, settings, steering, until

pytestmark = pytest.mark.looptime

LISTING = "ListResourceRecordSets"
FOREIGN = 320


@asynccontextmanager
async def sharing() -> AsyncIterator[Steered]:
    """The daemon, after others have filled its zone and it has seen all of that."""
    async with steering(settings()) as steered:
        steered.aws.zones.change_resource_record_sets(
            {"HostedZoneId": ZONE, "ChangeBatch": {"Changes": [_host(n) for n in range(FOREIGN)]}}
        )
        await until(lambda: _pages(steered) == 1, "the runs are listed alone")
        steered.aws.gateway.calls.recent.clear()
        yield steered


def _host(number: int) -> dict[str, object]:
    record = {
        "Name": f"host-{number:05}.faults.test.",
        "Type": "A",
        "TTL": 60,
        "ResourceRecords": [{"Value": "192.0.2.9"}],
    }
    return {"Action": "CREATE", "ResourceRecordSet": record}


def _pages(steered: Steered) -> int | None:
    state = steered.controller.observation.listing_states()[ZONE]
    return None if state.is_whole else state.pages


async def test_a_region_that_dies_is_drained_by_one_batch_and_one_page_reads_it_back() -> None:
    """No refusal, no drift; what was listed between is a page for each reading."""
    async with sharing() as steered:
        steered.kill(DEAD)
        assert await until(steered.is_out, "the dead region is out") < 1
        await asyncio.sleep(2)

        assert await steered.outcomes() == ["applied"]
        assert steered.drifted() == set()
        readings = steered.calls()[LISTING]
        assert 2 <= readings <= 2 / 0.4 + 4
        text = steered.metrics_text()
        assert f'gtc_reading_pages{{target="{ZONE}"}} 1.0' in text
        state = steered.controller.observation.listing_states()[ZONE]
        assert f'gtc_reading_resources{{target="{ZONE}"}} {state.resources:.1f}' in text
        assert 14 <= state.resources < 50
        assert state.whole_age_s > 2
        steered.heal(DEAD)
        await until(steered.is_calm, "all is as before", within_s=10)


async def test_a_page_that_fails_keeps_the_last_reading() -> None:
    """Nothing is taken for deleted, and a failover still happens. Nor do small pages hide any."""
    async with sharing() as steered:
        await steered.aws.faults.add("small-pages", items=3)
        await asyncio.sleep(1)
        assert (steered.writes, steered.holds()) == (0, set())
        await steered.aws.faults.add("page-error")
        await asyncio.sleep(2)
        assert steered.writes == 0
        assert steered.holds() == set()
        steered.kill(DEAD)
        await until(steered.is_out, "the dead region is out")
