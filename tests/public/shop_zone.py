"""A world whose zone holds any record sets: a service of three regions and one pool."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from controller.composition import Controller
from controller.model.configuration import Settings
from controller.model.decision import Held
from controller.model.levers import Observed, RecordSet
from tests.fakes.record_sets import FakeRecordSets
from tests.loops.simulated import SETTINGS, ZONE, World

NAME = "shop.example.test."
POOL_NAME = f"world.{NAME}"
REGIONS = ("us-east-1", "eu-west-1", "eu-central-1")


def shop_settings() -> Settings:
    """The service `shop` with its pool `world` only, every region of the same share, and `api`."""
    shop = SETTINGS.services["shop"]
    regions = {
        name: region.model_copy(update={"share": 1}) for name, region in shop.regions.items()
    }
    pools = {"world": shop.pools["world"]}
    only = shop.model_copy(update={"pools": pools, "regions": regions})
    return SETTINGS.model_copy(update={"services": {**SETTINGS.services, "shop": only}})


def record(
    name: str, type_: str, identifier: str | None, weight: int | None = None, **rest: Any
) -> RecordSet:
    """A record set; `rest` are AWS's members. A weighted one has a health check."""
    check = None if weight is None else f"check-{identifier}"
    return RecordSet(name, type_, identifier, weight, check, json.dumps({"TTL": 5, **rest}))


def values(*texts: str) -> list[dict[str, str]]:
    """AWS's form of a record's values."""
    return [{"Value": text} for text in texts]


def world_of(records: Iterable[RecordSet]) -> World:
    """A world in which the zone holds these record sets."""
    world = World(shop_settings())
    world.records = FakeRecordSets({ZONE: records})
    return world


def weights_of(world: World, type_: str) -> Mapping[str | None, int | None]:
    """SetIdentifier to weight of the pool's records of a type."""
    stored = world.records.stored(ZONE)
    return {r.set_identifier: r.weight for r in stored if (r.name, r.type) == (POOL_NAME, type_)}


def observed_of(controller: Controller) -> Observed:
    """What the last cycle read of the service."""
    latest = controller.reconciliation.latest
    assert latest is not None
    return latest.snapshot.observed["shop"]


def holds_of(controller: Controller) -> tuple[Held, ...]:
    """All holds of the service in the last cycle."""
    latest = controller.reconciliation.latest
    assert latest is not None
    return tuple(
        held for plan in latest.decision.plans if plan.service == "shop" for held in plan.held
    )
