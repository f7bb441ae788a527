"""The daemon under faults of Route 53, over a real socket; the table is in `tests/README.md`."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from controller.model.decision import Hold
from controller.sandbox.emulator.route53.records import record_to_result
from tests.faults.steered import CALM, DEAD, REGIONS, ZONE, Steered, settings, steering, until

WRITES = "ChangeResourceRecordSets"


pytestmark = pytest.mark.looptime


async def failed_over(steered: Steered, within_s: float = 5.0) -> float:
    """Seconds from the region's death to weight 0 on all its leaves."""
    steered.kill(DEAD)
    return await until(steered.is_out, "the dead region is out", within_s)


async def test_without_a_fault_one_batch_is_enough() -> None:
    """What the tests below are compared with: two pools, one call, well below a second."""
    async with steering() as steered:
        assert await failed_over(steered) < 1
        await asyncio.sleep(1)
        assert steered.writes == 1
        assert await steered.outcomes() == ["applied"]


async def test_a_lost_reply_is_read_again_and_neither_doubled_nor_refused() -> None:
    """The batch was applied although the connection broke: the next reading shows it."""
    async with steering() as steered:
        await steered.aws.faults.add("reply-lost", times=1)
        await failed_over(steered)
        await asyncio.sleep(1)
        assert steered.writes == 1
        assert await steered.outcomes() == ["unknown"]
        assert steered.drifted() == set()


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [("error-5xx", "unknown"), ("drop", "unknown"), ("hang", "unknown"), ("throttle", "applied")],
)
async def test_a_write_that_fails_is_tried_again(fault: str, outcome: str) -> None:
    """Once more, after reading; a throttled one within the same attempt."""
    async with steering() as steered:
        await steered.aws.faults.add(fault, times=1, operation=WRITES)
        await failed_over(steered)
        await asyncio.sleep(0.5)
        assert steered.writes == 2
        assert (await steered.outcomes())[0] == outcome
        assert steered.metric("gtc_write_backoff_seconds") == 0


async def test_slow_answers_only_cost_their_time() -> None:
    """Every call takes 0.3 s: one reading, one write, still below a second."""
    async with steering() as steered:
        await steered.aws.faults.add("latency", seconds=0.3)
        assert await failed_over(steered) < 1.5
        assert steered.writes == 1


@pytest.mark.parametrize("seconds", [0.5, 0.98])
async def test_answers_that_come_just_in_time_are_answers(seconds: float) -> None:
    """Every call takes nearly its deadline of 1 s: out within two calls' time, one write."""
    async with steering() as steered:
        await steered.aws.faults.add("latency", seconds=seconds)
        await asyncio.sleep(3)
        assert await failed_over(steered) < 0.5 + 2 * seconds
        await asyncio.sleep(4)
        assert steered.writes == 1
        assert (await steered.outcomes())[-1] == "applied"
        assert steered.controller.observation.failing == {}
        assert steered.drifted() == set()


async def test_throttling_shows_in_the_record_and_the_metric() -> None:
    """How often it was sent, and that the daemon waits longer and longer."""
    async with steering() as steered:
        await steered.aws.faults.add("throttle", times=7, operation=WRITES)
        steered.kill(DEAD)
        await until(lambda: steered.metric("gtc_write_backoff_seconds") > 0, "it waits", within_s=8)
        refused = await steered.last_write()
        await until(steered.is_out, "the dead region is out", within_s=8)
        await until(lambda: steered.metric("gtc_write_backoff_seconds") == 0, "it waits no longer")
        applied = await steered.last_write()

        assert "Throttling: Rate exceeded (sent 5 times in 3.8 s" in refused.detail
        assert "because it was throttled" in applied.detail
        assert steered.writes == 5 + 3


async def test_aws_gone_while_a_region_dies() -> None:
    """What would be done is shown; it is done when AWS is back, without a flood."""
    async with steering() as steered:
        await steered.aws.faults.add("gone")
        steered.kill(DEAD)
        await asyncio.sleep(4)
        latest = steered.controller.reconciliation.latest
        assert latest is not None
        would = {c.position.region for c in latest.decision.changes if c.after.weight == 0}
        attempts = steered.metric("gtc_writes_total", lever="route53", outcome="unknown")
        assert would == {DEAD}
        assert 1 <= attempts <= 6  # 0.25 + 0.5 + 1 + 2 s of waiting
        before = sum(steered.calls().values())
        await steered.aws.faults.clear()
        await until(steered.is_out, "done when AWS is back", within_s=10)
        await asyncio.sleep(1)
        assert steered.writes == 1
        assert sum(steered.calls().values()) - before <= 12


async def test_route53_alone_gone_is_the_same() -> None:
    """503 for every call of the service."""
    async with steering() as steered:
        await steered.aws.faults.add("gone", service="route53", for_s=1.5)
        await failed_over(steered, within_s=8)
        assert 2 <= steered.writes <= 5


async def test_a_write_that_lands_late_after_a_newer_one_is_refused_by_what_it_compares() -> None:
    """It deletes what is no longer there."""
    async with steering() as steered:
        await steered.aws.faults.add("late", seconds=3)
        await failed_over(steered)
        await asyncio.sleep(2.5)
        assert steered.is_out()
        assert steered.drifted() == set()
        assert steered.writes == 2


async def test_a_write_that_lands_when_its_region_has_long_come_back_is_seen_as_drift() -> None:
    """What it compares is there again, so it is applied: held, said, and put right."""
    async with steering() as steered:
        await steered.aws.faults.add("late", seconds=4)
        await failed_over(steered)
        steered.heal(DEAD)
        await until(steered.is_calm, "the region is back")
        await until(lambda: not steered.is_calm(), "the late write lands")
        await until(lambda: Hold.DRIFT in steered.holds(), "it is held as drift")
        assert any(DEAD in position for position in steered.drifted())
        await until(steered.is_calm, "our plan is put back")


async def test_a_record_edited_manually_hinders_its_own_pool_only() -> None:
    """The batch is refused as a whole; the pools go on apart, and the edited one a cycle later."""
    async with steering(settings(cycle=slow_reading())) as steered:
        await steered.aws.faults.add(
            "hand-edit", record="europe.shop.faults.test.", set_identifier=DEAD, weight=200
        )
        await failed_over(steered)
        record = next(r for r in reversed(await steered.records()) if r.written)
        found = [
            (sorted({c.position.pool for c in w.changes}), w.outcome.status.value)
            for w in record.written
        ]

        assert found == [
            (["europe", "world"], "refused"),
            (["europe"], "refused"),
            (["world"], "applied"),
        ]


async def test_a_leaf_that_route53_refuses_hinders_its_own_pool_only() -> None:
    """Its health check was deleted: no batch with it is ever accepted."""
    async with steering() as steered:
        orphan_check(steered, "europe.shop.faults.test.", DEAD)
        steered.kill(DEAD)
        await until(lambda: steered.weights("world")[DEAD] == 0, "world goes on")
        await asyncio.sleep(2)
        assert steered.weights("europe")[DEAD] == CALM
        assert steered.writes <= 3 + 5
        assert "NoSuchHealthCheck" in (await steered.last_write()).detail


async def test_a_prior_request_that_is_not_complete_is_waited_for() -> None:
    """Two regions die one after the other; the second change must wait for the first."""
    async with steering(spread_after_s=1.0) as steered:
        await steered.aws.faults.add("prior-request")
        await failed_over(steered)
        steered.kill("us-west-2")
        await until(lambda: steered.is_out("us-west-2"), "the second is out, too", within_s=8)
        assert "because it was throttled" in (await steered.last_write()).detail
        assert steered.writes <= 8


async def test_a_listing_that_fails_midway_is_no_listing() -> None:
    """The last whole reading stays: half a zone would look like a zone without leaves."""
    async with steering() as steered:
        await steered.aws.faults.add("small-pages", items=7)
        await asyncio.sleep(1)
        await steered.aws.faults.add("page-error")
        await asyncio.sleep(1.5)
        assert steered.writes == 0
        assert Hold.MISCONFIGURED not in steered.holds()
        assert await failed_over(steered) < 2


async def test_many_small_pages_are_one_reading() -> None:
    """Nothing is missing at their borders, and a failover needs no more than its readings."""
    async with steering() as steered:
        await steered.aws.faults.add("small-pages", items=2)
        await asyncio.sleep(1)
        assert Hold.MISCONFIGURED not in steered.holds()
        await failed_over(steered)
        assert steered.writes == 1


async def test_two_regions_that_die_a_second_apart_are_both_out_at_once() -> None:
    """Two of five is no panic; each is out within a second of its death."""
    async with steering() as steered:
        assert await failed_over(steered) < 1
        await asyncio.sleep(1)
        steered.kill("us-west-2")
        took_s = await until(lambda: steered.is_out("us-west-2"), "the second is out")
        assert took_s < 1
        left = {r for r, weight in steered.weights().items() if weight}
        assert left == set(REGIONS) - {DEAD, "us-west-2"}
        assert steered.writes == 2


def slow_reading() -> dict[str, float]:
    """A cycle that reads the zone seldom, so that an edit is met by a write first."""
    return {"period_s": 60, "min_gap_s": 0.02, "observed_max_age_s": 60, "insync_poll_s": 0.1}


def orphan_check(steered: Steered, name: str, region: str) -> None:
    """Give a weighted record another health check and delete that check."""
    config = {"Type": "TCP", "IPAddress": "192.0.2.1", "Port": 80}
    steered.aws.health_checks.create_health_check(
        {"CallerReference": "id:orphan", "HealthCheckConfig": config}
    )
    zone = steered.aws.zones.listed_zones()[ZONE]
    leaves = [r for t in ("A", "AAAA") for r in zone.group(name, t) if r.set_identifier == region]
    changes = [
        {
            "Action": "UPSERT",
            "ResourceRecordSet": record_to_result(replace(leaf, health_check_id="orphan")),
        }
        for leaf in leaves
    ]
    steered.aws.zones.change_resource_record_sets(
        {"HostedZoneId": ZONE, "ChangeBatch": {"Changes": changes}}
    )
    steered.aws.health_checks.delete_health_check({"HealthCheckId": "orphan"})
