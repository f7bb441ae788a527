"""Own writes, read back slowly, are nobody else's.

After gardener/external-dns-management issue 240 and hashicorp/terraform issue 19930, where listing
a zone's record sets is slow and throttled, and kubernetes-sigs/external-dns issue 605, where a
cache of the zone lags behind the program's own writes, which it then does not find. Here each call
of Route 53 takes 1.3 s, with production's limits: a region dies and comes back, and nobody else
touches the zone.
"""

from __future__ import annotations

import asyncio

import pytest

from controller.model.configuration import Settings
from controller.model.levers import OutcomeStatus
from tests.catalogue import by_continent, catalogue
from tests.faults.slow_aws import Trouble, slowly
from tests.faults.steered import until

pytestmark = pytest.mark.looptime
REGIONS = ("eu-west-1", "eu-central-1", "us-east-1")
DEAD = REGIONS[0]
ZONE = "Z0BUGS0000000000001"
TAKES_S = 1.3
"""Of each call."""
WRITES = 1 + 2
"""The drain, and the steps of the return: 25 and the rest of 33 1/3 points."""


def settings(policy: str) -> Settings:
    """The case's tree, all limits as they are unless set, and a policy towards others' changes."""
    regions = {
        region: {
            "capacity_rps": 300,
            "endpoints": {"web": {"probe": f"http://127.0.6{number}.1:8081/"}},
        }
        for number, region in enumerate(REGIONS, 1)
    }
    world = {"geographies": ["default"], "regions": REGIONS, "demand_rps": 100}
    lever = {"hosted_zone_id": ZONE, "name": "shop.example.test.", "ttl_s": 5}
    services = {
        "shop": {"regions": regions, "pools": {"world": world}, "levers": {"route53": lever}}
    }
    known_good = [f"http://127.0.90.{number}:8081/" for number in (1, 2, 3)]
    return Settings.model_validate(
        {
            "schema_version": 2,
            "state_path": "unused",
            "vantage": {"name": "here"},
            "reference_targets": {"known_good": known_good},
            "guards": {"drift": {"policy": policy}},
            "regions": catalogue(services, by_continent),
            "services": services,
        }
    )


@pytest.mark.parametrize("policy", ["hold", "enforce", "adopt"])
async def test_a_region_that_dies_and_returns_accuses_nobody_and_comes_back_whole(
    policy: str,
) -> None:
    """Status shows what was written as soon as that is acknowledged. No drift, no refused batch,
    each step written once; with `adopt` our first step back is no other's split to be kept."""
    async with slowly(settings(policy), Trouble(takes_s=lambda: TAKES_S)) as slow:
        calm = slow.weights("world")
        slow.kill(DEAD)
        await until(lambda: slow.weights("world")[DEAD] == 0, "the dead region is out", within_s=30)
        await asyncio.sleep(TAKES_S)
        shown = slow.observed_shares("shop", DEAD)
        await asyncio.sleep(30)
        slow.heal(DEAD)
        await until(lambda: slow.weights("world") == calm, "it is back", within_s=900)
        await asyncio.sleep(4 * TAKES_S)

        assert shown == {0.0}
        assert await slow.accused() == []
        assert await slow.written(OutcomeStatus.REFUSED) == []
        assert len(await slow.written(OutcomeStatus.APPLIED)) == slow.aws.writes().total() == WRITES
