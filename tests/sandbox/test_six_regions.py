"""The sandbox's figures: which losses fit, which one does not, and nothing to move when all is
well.
"""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest

from controller.adapters.aws.record_sets import record_set_of
from controller.model.decision import Snapshot
from controller.model.health import HealthState, Verdict
from controller.planning.account.single_failures import single_failures
from controller.planning.decision import decide
from controller.planning.levers.route53 import ROUTE53
from controller.sandbox.emulator.geography import location_of, region_distance_km
from controller.sandbox.seeding import record_tree
from controller.sandbox.world.population import population, source_of
from controller.settings import load
from tests.planning.remembering import remembers

SANDBOX = load(Path(__file__).parents[2] / "config" / "sandbox.yaml")
SHOP = SANDBOX.services["shop"]
SETTINGS = SANDBOX.model_copy(update={"services": {"shop": SHOP}})
AMERICAS = ("NA", "SA")


def calm() -> Snapshot:
    """The snapshot of the shop as seeded, with all regions healthy."""
    lever = SHOP.levers.route53
    assert lever is not None
    seeded: list[Any] = [*record_tree.weighted_records(SHOP, lever, SETTINGS)]
    records = tuple(record_set_of(record) for record in seeded)
    well = HealthState(Verdict.UP, answers=100, last_result_at=100.0)
    return Snapshot(
        now=100.0,
        started_at=0.0,
        settings=SETTINGS,
        health={"local": dict.fromkeys((endpoint for endpoint, _ in SETTINGS.endpoints()), well)},
        known_good=dict.fromkeys(SETTINGS.reference_targets.known_good, well),
        observed={"shop": ROUTE53.observe_listing("shop", SHOP, records, at=100.0)},
        expected={},
        overrides=(),
        memory=remembers(begun=True),
    )


def test_nothing_has_to_move_on_a_calm_day() -> None:
    """The seeded split is the one that the daemon wants, rounding of weights included."""
    decision = decide(calm())

    assert decision.changes == ()
    assert [plan.overload_rps for plan in decision.plans] == [0.0] * len(SHOP.pools)
    carried = {r for plan in decision.plans for r, share in plan.before.items() if share > 0}
    assert carried == set(SHOP.regions)


def test_every_loss_but_one_fits() -> None:
    """us-east-1's users spill over to two regions; eu-west-1's overload stays in the EU."""
    lost = {one.region: one for one in single_failures(calm())}

    assert [region for region, one in lost.items() if one.overloaded] == ["eu-west-1"]
    assert all(one.lawful for one in lost.values())
    assert lost["us-east-1"].takes_over.keys() == {"us-west-2", "eu-west-1"}
    assert lost["us-east-1"].worst_utilisation == pytest.approx(0.8, abs=0.01)
    assert lost["eu-west-1"].worst_region == "eu-central-1"
    assert lost["eu-west-1"].worst_utilisation == pytest.approx(1.5)


def test_users_are_as_many_as_the_demand_says() -> None:
    """Each makes one request a second, so that figures and measurements agree."""
    people = population(SANDBOX, 200, Random(1))

    for name, service in SANDBOX.services.items():
        for pool_name, pool in service.pools.items():
            users = [one for one in people if (one.service, one.pool) == (name, pool_name)]
            assert len(users) == pool.demand_rps


@pytest.mark.parametrize("pool_name", SHOP.pools)
def test_latencies_are_estimated_from_the_map(pool_name: str) -> None:
    """As the configuration says: 10 ms, and 13 ms for every 1,000 km; `world` from the Americas."""
    countries = {
        one.country for one in population(SANDBOX, 200, Random(1)) if one.pool == pool_name
    }
    found = [location_of(source_of(country)) for country in sorted(countries)]
    homes = [one for one in found if one and (pool_name != "world" or one.continent in AMERICAS)]

    for region, latency_ms in SHOP.pools[pool_name].latency_ms.items():
        estimates = [10 + 0.013 * region_distance_km(home, region) for home in homes]
        assert latency_ms == pytest.approx(sum(estimates) / len(homes), abs=1), region
