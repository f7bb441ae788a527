"""Own writes under slow, failing and partial readings: sent once, shown at once, nobody else's."""

from __future__ import annotations

import asyncio

import pytest

from controller.model.configuration import Settings
from controller.model.levers import OutcomeStatus
from tests.faults.slow_aws import Slow, Trouble, slowly
from tests.faults.steered import CALM, DEAD, accelerated, guards, settings, until

pytestmark = pytest.mark.looptime
PRODUCTION_AWS = {"call_deadline_s": 5, "calls_per_s": 5, "calls_burst": 20}


def both(policy: str = "hold", hold_s: float = 60, **sections: object) -> Settings:
    """A service behind weighted records, one behind an accelerator; production's limits of AWS."""
    services = {**settings().model_dump(mode="json")["services"], **accelerated()}
    return settings(
        services=services,
        guards=guards(drift={"policy": policy, "hold_s": hold_s}),
        **{"aws": PRODUCTION_AWS, **sections},
    )


def is_out(slow: Slow) -> bool:
    return (
        all(slow.weights(pool)[DEAD] == 0 for pool in ("europe", "world"))
        and slow.dials()[DEAD] == 0
    )


def is_calm(slow: Slow) -> bool:
    weights = {weight for pool in ("europe", "world") for weight in slow.weights(pool).values()}
    return weights == {CALM} and set(slow.dials().values()) == {100}


@pytest.mark.parametrize(
    ("seconds", "policy"),
    [(0.13, "hold"), (1.5, "hold"), (1.5, "enforce"), (1.5, "adopt"), (4.9, "enforce")],
)
async def test_latency_costs_its_time_and_nothing_else(seconds: float, policy: str) -> None:
    """A region dies and returns; each decision is written once to each target."""
    async with slowly(both(policy), Trouble(takes_s=lambda: seconds)) as slow:
        slow.kill(DEAD)
        took_s = await until(lambda: is_out(slow), "out", within_s=30)
        assert took_s < 1 + 2 * seconds
        await asyncio.sleep(5 * seconds)
        writes = slow.aws.writes()
        slow.heal(DEAD)
        await until(lambda: is_calm(slow), "back", within_s=300)
        await asyncio.sleep(10 * seconds)

        assert writes == {"ChangeResourceRecordSets": 1, "UpdateEndpointGroup": 1}
        assert await slow.accused() == []
        assert await slow.written(OutcomeStatus.REFUSED) == []


async def test_a_listing_that_fails_after_a_write_does_not_send_it_again() -> None:
    """What was acknowledged is shown at once, as long as no newer reading says otherwise."""
    async with slowly(both(), Trouble(page_items=5)) as slow:
        slow.aws.trouble.fail_pages = True
        slow.kill(DEAD)
        await until(lambda: is_out(slow), "out", within_s=30)
        await asyncio.sleep(0.5)
        shown = slow.observed_shares("shop", DEAD), slow.observed_shares("api", DEAD)
        await asyncio.sleep(36)

        assert shown == ({0.0}, {0.0})
        assert slow.aws.writes() == {"ChangeResourceRecordSets": 1, "UpdateEndpointGroup": 1}
        assert await slow.accused() == []
        assert await slow.written(OutcomeStatus.REFUSED) == []
