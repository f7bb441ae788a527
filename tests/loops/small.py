"""Small settings and a way to run one loop alone, in simulated time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import structlog

from controller.loops.cycle.unsaved_records import UnsavedRecord
from controller.model.configuration import Settings
from controller.model.decision import Decision, DecisionRecord, Snapshot
from controller.model.levers import AcceleratedEndpoint, EndpointGroup, RecordSet
from controller.model.memory import Memory
from controller.planning.account.evidence import Evidence
from tests.catalogue import catalogue

ARN = "arn:aws:globalaccelerator::000000000000:accelerator/00000000-0000-4000-8000-000000000001"
ZONE = "Z1"
WEST, EAST = "eu-west-1", "us-east-1"


def region(**endpoints: dict[str, object]) -> dict[str, Any]:
    """A region with one endpoint `web`, or with these."""
    return {
        "capacity_rps": 1000.0,
        "endpoints": endpoints or {"web": {"probe": "tcp://192.0.2.1:1"}},
    }


def weighted(name: str = "shop.test.", zone: str = ZONE, ttl_s: float = 5) -> dict[str, Any]:
    """A service of two regions behind weighted records, all its users in the pool `world`."""
    return _service({"route53": {"hosted_zone_id": zone, "name": name, "ttl_s": ttl_s}})


def accelerated() -> dict[str, Any]:
    """A service of two regions behind an accelerator."""
    return _service({"accelerator": {"pool": "world", "arn": ARN}})


def _service(levers: dict[str, object]) -> dict[str, Any]:
    world = {"geographies": ["default"], "regions": [WEST, EAST], "demand_rps": 10.0}
    return {
        "regions": {WEST: region(), EAST: region()},
        "pools": {"world": world},
        "levers": levers,
    }


def small(**sections: Any) -> Settings:
    """One weighted service `shop`, and whatever sections of the settings are given."""
    services = sections.get("services", {"shop": weighted()})
    return Settings.model_validate(
        {
            "schema_version": 2,
            "state_path": "unused",
            "vantage": {"name": "here"},
            "regions": catalogue(services),
            "services": services,
            **sections,
        }
    )


def leaves(settings: Settings, zone: str = ZONE, weight: int = 128) -> list[RecordSet]:
    """The leaves of every weighted service in a zone, A and AAAA, all of one weight."""
    return [
        RecordSet(lever.leaf_name(pool_name), type_, region_name, weight, "check", "{}")
        for service in settings.services.values()
        if (lever := service.levers.route53) is not None
        if lever.hosted_zone_id == zone
        for pool_name, pool in service.pools.items()
        for region_name in pool.regions
        for type_ in ("A", "AAAA")
    ]


def groups(dial: float = 100.0, weight: int = 128) -> list[EndpointGroup]:
    """The endpoint groups of an accelerated service."""
    return [
        EndpointGroup(f"{ARN}/{name}", name, dial, (AcceleratedEndpoint("e", weight, "", "{}"),))
        for name in (WEST, EAST)
    ]


@asynccontextmanager
async def in_background(loop: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """A loop that runs until the block ends."""
    async with asyncio.TaskGroup() as group:
        running = group.create_task(loop)
        yield
        running.cancel()


@contextmanager
def logged() -> Iterator[list[Any]]:
    """What is logged meanwhile, as dictionaries with `event` and `log_level`."""
    with structlog.testing.capture_logs() as lines:
        yield lines


def events(lines: list[Any]) -> list[str]:
    """Only the names of what was logged, in order."""
    return [line["event"] for line in lines]


def unsaved(record: DecisionRecord) -> UnsavedRecord:
    """A record to be kept, of a decision made of nothing."""
    nothing = Snapshot(0.0, 0.0, small(), {}, {}, {}, {}, ())
    return UnsavedRecord(record, Evidence(nothing, Decision({}, record.plans, {}, Memory())))
