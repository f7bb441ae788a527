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


def _faults(steered: Steered) -> set[str]:
    """Pools of whose records some are missing, as of the last cycle."""
    latest = steered.controller.reconciliation.latest
    return set(latest.snapshot.observed["shop"].faults) if latest else set()


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
        steered.heal(DEAD)
        await until(steered.is_calm, "all is as before", within_s=10)


async def test_small_pages_hide_nothing_of_a_run() -> None:
    """Borders within a name, between its identifiers, and at the end of the run."""
    async with sharing() as steered:
        await steered.aws.faults.add("small-pages", items=3)
        steered.kill(DEAD)
        await until(steered.is_out, "the dead region is out")
        await asyncio.sleep(1)

        assert await steered.outcomes() == ["applied"]
        assert steered.holds() == set()


async def test_a_page_that_fails_keeps_the_last_reading() -> None:
    """Nothing is taken for deleted, and a failover still happens."""
    async with sharing() as steered:
        await steered.aws.faults.add("small-pages", items=5)
        await steered.aws.faults.add("page-error")
        await asyncio.sleep(2)
        assert steered.writes == 0
        assert steered.holds() == set()
        steered.kill(DEAD)
        await until(steered.is_out, "the dead region is out")


async def test_a_weighted_record_that_is_deleted_is_missed() -> None:
    """The pool is held, nothing is created, and a dead region leaves what is left of it."""
    async with sharing() as steered:
        await steered.aws.faults.add(
            "delete-record", record="world.shop.faults.test.", set_identifier="us-west-2"
        )
        await until(lambda: _faults(steered) == {"world"}, "it is said")
        assert "us-west-2" not in steered.weights("world")
        steered.kill(DEAD)
        await until(steered.is_out, "a dead region leaves")
        assert "us-west-2" not in steered.weights("world")


async def test_the_metrics_say_what_a_reading_took_and_how_old_the_whole_one_is() -> None:
    """A page of so many records, by the zone's id."""
    async with sharing() as steered:
        await asyncio.sleep(3)
        text = steered.metrics_text()
        state = steered.controller.observation.listing_states()[ZONE]

    assert f'gtc_reading_pages{{target="{ZONE}"}} 1.0' in text
    assert f'gtc_reading_resources{{target="{ZONE}"}} {state.resources:.1f}' in text
    assert 14 <= state.resources < 50
    assert state.whole_age_s > 3
