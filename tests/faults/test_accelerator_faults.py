"""The daemon under faults of Global Accelerator, over a real socket.

Its writes compare nothing: whatever lands late is applied, and is repaired when it is seen.
"""

from __future__ import annotations

import asyncio

import pytest

from controller.model.decision import Hold
from controller.model.levers import OutcomeStatus
from controller.planning.levers.accelerator import Accelerator
from tests.faults.steered import ARN, DEAD, Steered, accelerated, guards, settings, steering, until

UPDATE = "UpdateEndpointGroup"
HASTY = settings(services=accelerated())


pytestmark = pytest.mark.looptime


async def drained(steered: Steered, region: str = DEAD, within_s: float = 5.0) -> float:
    """Seconds from the region's death to its closed dial."""
    steered.kill(region)
    return await until(lambda: steered.dials()[region] == 0, f"{region} is closed", within_s)


async def test_without_a_fault_one_write_is_enough() -> None:
    """What the tests below are compared with."""
    async with steering(HASTY) as steered:
        assert await drained(steered) < 1
        await asyncio.sleep(0.5)
        assert steered.calls()[UPDATE] == 1
        assert {dial for r, dial in steered.dials().items() if r != DEAD} == {100}


async def test_a_transaction_in_progress_is_waited_for() -> None:
    """Two regions die a second apart; the second write must wait until the first is deployed."""
    async with steering(HASTY, spread_after_s=1.5) as steered:
        await asyncio.sleep(1.5)
        await steered.aws.faults.add("transaction")
        await drained(steered)
        await drained(steered, "us-west-2")
        refused = [
            w.outcome
            for record in await steered.records()
            for w in record.written
            if w.outcome.status is OutcomeStatus.REFUSED
        ]
        assert {outcome.throttled for outcome in refused} == {True}
        assert "TransactionInProgressException" in refused[0].detail
        assert steered.calls()[UPDATE] <= 2 + 5


@pytest.mark.parametrize("fault", ["reply-lost", "drop", "error-5xx", "hang"])
async def test_a_write_whose_end_is_unknown_is_read_again(fault: str) -> None:
    """And repeated only when it was not applied."""
    async with steering(HASTY) as steered:
        await steered.aws.faults.add(fault, times=1, operation=UPDATE)
        await drained(steered)
        await asyncio.sleep(1)
        assert steered.calls()[UPDATE] == (1 if fault == "reply-lost" else 2)
        assert (await steered.outcomes())[0] == "unknown"
        assert steered.drifted() == set()


async def test_a_region_of_aws_gone_takes_its_services_along() -> None:
    """Global Accelerator's API lives in us-west-2; it is caught up on when that is back."""
    async with steering(HASTY) as steered:
        await steered.aws.faults.add("gone", region="us-west-2")
        steered.kill(DEAD)
        await asyncio.sleep(2)
        assert steered.dials()[DEAD] == 100
        await steered.aws.faults.clear()
        await until(lambda: steered.dials()[DEAD] == 0, "caught up on", within_s=8)
        assert steered.calls()[UPDATE] <= 6


async def test_a_late_write_lands_unhindered_and_is_put_right(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Held as drift for as long as a manual change would be, once listings must have settled: until
    then they may show what our last write replaced, which is what the late one sets."""
    monkeypatch.setattr(Accelerator, "settling_s", 2.0)
    async with steering(HASTY) as steered:
        await steered.aws.faults.add("late", seconds=4, operation=UPDATE)
        await drained(steered)
        steered.heal(DEAD)
        await until(lambda: steered.dials()[DEAD] == 100, "the region is back")
        await until(lambda: steered.dials()[DEAD] == 0, "the late write lands")
        await until(lambda: Hold.DRIFT in steered.holds(), "it is held as drift")
        await until(lambda: steered.dials()[DEAD] == 100, "it is put right")


async def test_a_dial_set_manually_is_held_and_then_corrected() -> None:
    """As a weight is."""
    async with steering(HASTY) as steered:
        await set_dial(steered, 40.0)
        await until(lambda: Hold.DRIFT in steered.holds(), "it is held")
        assert steered.dials()[DEAD] == 40
        await until(lambda: steered.dials()[DEAD] == 100, "it is put right")


async def test_two_hands_on_one_dial_are_told_apart_from_a_fight() -> None:
    """Changed twice more: another controller changes this accelerator. It sets another dial each
    time: to one that our write replaced listings may need a minute to settle."""
    enforce = guards(drift={"policy": "enforce"})
    async with steering(settings(services=accelerated(), guards=enforce)) as steered:
        for dial in (42.0, 41.0, 40.0):
            await until(lambda: steered.dials()[DEAD] == 100, "ours")
            await set_dial(steered, dial)
        await until(lambda: Hold.CONTESTED in steered.holds(), "contested")
        latest = steered.controller.reconciliation.latest
        assert latest is not None
        said = [h.detail for p in latest.decision.plans for h in p.held]
        assert any("another controller changes this accelerator" in text for text in said)
        assert steered.dials()[DEAD] == 40


async def set_dial(steered: Steered, dial: float) -> None:
    """An operator sets the dial of the region's group, through the API."""
    groups = steered.aws.accelerators.accelerator(ARN).listeners[0].groups
    arn = next(group.arn for group in groups if group.region == DEAD)
    await steered.clients.global_accelerator.update_endpoint_group(
        EndpointGroupArn=arn, TrafficDialPercentage=dial
    )
