"""A hosted zone in which others keep thousands of records, read by the real adapter.

The emulator's operations answer it without a socket in between, and every call is counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, cast

from controller.adapters.aws.calls import AwsCalls
from controller.adapters.aws.route53 import Route53RecordSets
from controller.adapters.aws.token_bucket import TokenBucket
from controller.loops.active_settings import ActiveSettings
from controller.loops.levers.lever_ports import lever_ports
from controller.loops.levers.observation import Observation
from controller.model.configuration import Settings
from controller.sandbox.emulator.route53.zones import ZoneStore
from tests.fakes.accelerators import FakeAccelerators
from tests.fakes.clock import FakeClock
from tests.loops.small import small
from tests.planning.residency.zones import ADDRESSES

APEX = "example.test."
REGIONS = ("eu-west-1", "eu-central-1", "us-east-1")
_BATCH = 500
READ_FOR_S = 600.0


class ManyRecords:
    """The zone, the daemon's observation of it, and what is done to it by hand."""

    def __init__(self, settings: Settings, foreign: int, calls_per_s: float = 50.0) -> None:
        (service, *_) = settings.services.values()
        assert service.levers.route53 is not None
        self._store = ZoneStore(lambda: 0.0, 0.0, lambda check: True)
        self._store.create_hosted_zone(
            {"Name": APEX, "CallerReference": f"id:{service.levers.route53.hosted_zone_id}"}
        )
        (self.zone,) = self._store.listed_zones()
        self.pages = 0
        self.latency_s = 0.05
        self.failing_from = float("inf")
        """The number of the page from which on all fail."""
        self.create(host(number) for number in range(foreign))
        self.create(
            record
            for one in settings.services.values()
            for record in tree(one)
            if record["Name"].endswith(APEX)
        )
        clock = FakeClock()
        budget = TokenBucket(calls_per_s, 25, 5, clock)
        calls = AwsCalls(
            "route53", budget=budget, deadline_s=5, clock=clock, observe=lambda *_: None
        )
        self.active_settings = ActiveSettings(settings)
        self.wakes = 0
        self.observation = Observation(
            self.active_settings,
            lever_ports(Route53RecordSets(cast("Any", self), calls, clock), FakeAccelerators({})),
            clock,
            self._wake,
        )

    async def list_resource_record_sets(self, **params: str) -> Mapping[str, Any]:
        """What the adapter takes for a client of the SDK."""
        self.pages += 1
        number = self.pages
        await asyncio.sleep(self.latency_s)
        if number >= self.failing_from:
            raise TimeoutError("no answer")
        page = self._store.list_resource_record_sets(params)
        return {name: value for name, value in page.items() if value is not None}

    async def cycle(self, age_s: float = 10.0) -> int:
        """Let `age_s` pass and read what is too old, as a cycle does; the pages that it took."""
        before = self.pages
        await asyncio.sleep(age_s)
        await self.observation.refresh(10, wait_s=READ_FOR_S)
        return self.pages - before

    def create(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Create records by hand."""
        self._change("CREATE", list(records))

    def delete(self, *records: Mapping[str, Any]) -> None:
        """Delete records by hand."""
        self._change("DELETE", list(records))

    def put(self, *records: Mapping[str, Any]) -> None:
        """Create records, or give them other properties."""
        self._change("UPSERT", list(records))

    def _change(self, action: str, records: list[Mapping[str, Any]]) -> None:
        for begin in range(0, len(records), _BATCH):
            changes = [
                {"Action": action, "ResourceRecordSet": dict(record)}
                for record in records[begin : begin + _BATCH]
            ]
            self._store.change_resource_record_sets(
                {"HostedZoneId": self.zone, "ChangeBatch": {"Changes": changes}}
            )

    def _wake(self) -> None:
        self.wakes += 1


def settings_at(*names: str, **sections: Any) -> Settings:
    """A service for each of these names, in one zone, with a bound pool for Europe."""
    services = {f"app{number}": _service(name) for number, name in enumerate(names)}
    return small(services=services, **sections)


def _service(name: str) -> dict[str, Any]:
    pools = {
        "eu": {
            "geographies": ["country:DE"],
            "residency": "EU",
            "regions": list(REGIONS[:2]),
            "demand_rps": 1,
        },
        "rest": {"geographies": ["default"], "regions": list(REGIONS), "demand_rps": 1},
    }
    regions = {
        region: {"capacity_rps": 9, "endpoints": {"web": {"probe": "tcp://192.0.2.1:1"}}}
        for region in REGIONS
    }
    lever = {"hosted_zone_id": "Z0MANY", "name": name}
    return {"regions": regions, "pools": pools, "levers": {"route53": lever}}


def tree(service: Any) -> list[dict[str, Any]]:
    """The record plan of a service, A only."""
    name = service.levers.route53.name
    return [
        *(simple(f"{region}.{name}", ADDRESSES[region]) for region in REGIONS),
        *(
            weighted(f"{pool}.{name}", region)
            for pool, one in service.pools.items()
            for region in one.regions
        ),
        geolocation(name, "DE", f"eu.{name}"),
        geolocation(name, "*", f"rest.{name}"),
    ]


def simple(name: str, value: str = "192.0.2.9") -> dict[str, Any]:
    """A record set of one address."""
    return {"Name": name, "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": value}]}


def host(number: int) -> dict[str, Any]:
    """A record set of somebody else, right below the zone's name."""
    return simple(f"host-{number:05}.{APEX}")


def weighted(name: str, region: str, weight: int = 64) -> dict[str, Any]:
    """A region's weighted record."""
    return {
        **simple(name, ADDRESSES[region]),
        "SetIdentifier": region,
        "Weight": weight,
        "HealthCheckId": f"check-{region}",
    }


def geolocation(name: str, country: str, target: str) -> dict[str, Any]:
    """An alias that answers users of one country, or (`*`) of all others."""
    pointer = {"HostedZoneId": "Z0MANY", "DNSName": target, "EvaluateTargetHealth": False}
    place = {"CountryCode": country}
    return {
        "Name": name,
        "Type": "A",
        "SetIdentifier": country,
        "GeoLocation": place,
        "AliasTarget": pointer,
    }
