"""When a proof is made again, and when what was proven still holds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from controller.loops.levers.residency_cache import ResidencyCache
from controller.model.configuration import Service
from controller.model.levers import RecordSet
from controller.planning.levers import route53
from controller.planning.levers.accelerator import ACCELERATOR
from controller.planning.levers.route53 import ROUTE53
from controller.planning.residency.proof import Proof, prove_records
from controller.planning.residency.zone_listings import ZoneScope
from tests.planning.residency.test_proof import EU, bound_accelerator, group
from tests.planning.residency.zones import leaf, plan, service


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for every proof that was made."""
    counted: list[int] = []

    def counting(
        name: str, one: Service, records: Iterable[RecordSet], scope: ZoneScope | None
    ) -> Proof:
        counted.append(1)
        return prove_records(name, one, records, scope)

    monkeypatch.setattr(route53, "prove_records", counting)
    return counted


def test_weights_do_not_call_for_another_proof(made: list[int]) -> None:
    """Every cycle may change them."""
    kept = ResidencyCache()
    for weight in (64, 0, 255):
        records = [replace(r, weight=r.weight and weight) for r in plan()]
        assert kept.of(ROUTE53, "app", service(), records).leaks == {"eu": ()}

    assert len(made) == 1


def test_another_tree_or_other_settings_call_for_another_proof(made: list[int]) -> None:
    """A leaf that appears, a region that is lawful no more."""
    kept = ResidencyCache()
    kept.of(ROUTE53, "app", service(), plan())
    stray = kept.of(ROUTE53, "app", service(), [*plan(), leaf("eu", "us-east-1", weight=0)])
    assert [leak.reached for leak in stray.leaks["eu"]] == ["us-east-1"]

    narrower = service(
        {
            "eu": {
                "geographies": ["country:DE"],
                "residency": "EU",
                "regions": ["eu-west-1"],
                "demand_rps": 1,
            },
            "rest": {"geographies": ["default"], "regions": list(EU), "demand_rps": 1},
        }
    )
    found = kept.of(ROUTE53, "app", narrower, plan())
    assert [leak.reached for leak in found.leaks["eu"]] == ["eu-central-1"]
    assert len(made) == 3


def test_services_are_proven_apart(made: list[int]) -> None:
    """Two services of one zone do not push each other out."""
    kept = ResidencyCache()
    for _ in range(2):
        kept.of(ROUTE53, "app", service(), plan())
        kept.of(ROUTE53, "blog", service(), [])

    assert len(made) == 2


def test_an_accelerator_is_proven_by_its_groups_and_endpoints() -> None:
    """Dials and endpoints' weights and health do not enter; an endpoint more does."""
    kept = ResidencyCache()
    groups = [group(region, "eip") for region in EU]
    assert kept.of(ACCELERATOR, "api", bound_accelerator(), groups).leaks == {"eu": ()}

    empty = [*groups, group("us-east-1")]
    assert kept.of(ACCELERATOR, "api", bound_accelerator(), empty).leaks == {"eu": ()}
    filled = [*groups, group("us-east-1", "eip", dial=0.0)]
    assert len(kept.of(ACCELERATOR, "api", bound_accelerator(), filled).leaks["eu"]) == 1
