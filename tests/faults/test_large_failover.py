"""One region's death at 20 regions x 60 pools x 3 services, with production's settings, no fault.

`make test` plays it with fewer regions and pools, and smaller pages, so that there are as many of
them. A zone's listing takes longer than a cycle waits for it, for its calls share a budget of five
a second. Each zone gets one batch; nothing is refused, and nobody is accused.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from controller.model.configuration import Settings
from controller.model.levers import OutcomeStatus
from tests.catalogue import catalogue
from tests.faults.slow_aws import Slow, Trouble, slowly
from tests.faults.steered import until

pytestmark = pytest.mark.looptime
REGIONS = [
    f"{place}-{n}" for place in ("eu-west", "eu-north", "us-east", "us-west") for n in range(1, 6)
]
SERVICES = ("shop", "blog", "wiki")
DEAD = REGIONS[0]


def settings(regions: int, pools: int) -> Settings:
    """Each service in a zone of its own; all else as it is unless set."""
    services = {
        name: _service(number, name, REGIONS[:regions], pools)
        for number, name in enumerate(SERVICES)
    }
    known_good = [f"http://127.0.90.{number}:8080/" for number in (1, 2, 3)]
    return Settings.model_validate(
        {
            "schema_version": 2,
            "state_path": "unused",
            "vantage": {"name": "here"},
            "reference_targets": {"known_good": known_good},
            "regions": catalogue(services),
            "services": services,
        }
    )


def _service(number: int, name: str, regions: list[str], count: int) -> dict[str, Any]:
    pools = {
        f"p{n}": {
            "geographies": [f"country:{chr(65 + n // 26)}{chr(65 + n % 26)}" if n else "default"],
            "regions": regions,
            "demand_rps": 10,
        }
        for n in range(count)
    }
    places = {
        region: {
            "capacity_rps": 300,
            "endpoints": {"web": {"probe": f"tcp://127.{number}.61.{n}:8080"}},
        }
        for n, region in enumerate(regions, 1)
    }
    zone = {"hosted_zone_id": f"Z0LARGE000000000000{number}", "name": f"{name}.large.test."}
    return {"regions": places, "pools": pools, "levers": {"route53": {**zone, "ttl_s": 30}}}


def is_out(slow: Slow) -> bool:
    return all(
        slow.weights(pool, name)[DEAD] == 0
        for name, service in slow.settings.services.items()
        for pool in service.pools
    )


@pytest.mark.parametrize(
    ("regions", "pools", "page_items"),
    [(6, 6, 9), pytest.param(20, 60, 300, marks=pytest.mark.slow)],
)
async def test_one_regions_death_is_one_batch_for_each_zone(
    regions: int, pools: int, page_items: int
) -> None:
    """And status shows no share of it from the first answer on."""
    trouble = Trouble(takes_s=lambda: 0.13, page_items=page_items)
    async with slowly(settings(regions, pools), trouble) as slow:
        slow.aws.calls.clear()
        slow.kill(DEAD)
        took_s = await until(lambda: is_out(slow), "the dead region is out", within_s=30)
        await asyncio.sleep(0.3)
        shown = {name: slow.observed_shares(name, DEAD) for name in SERVICES}
        await asyncio.sleep(20)

        assert took_s < 1.5
        assert shown == {name: {0.0} for name in SERVICES}
        assert slow.aws.writes() == {"ChangeResourceRecordSets": len(SERVICES)}
        assert len(await slow.written(OutcomeStatus.REFUSED)) == 0
        assert await slow.accused() == []
