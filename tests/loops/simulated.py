"""The daemon's loops in simulated time: a small sandbox's settings, fakes for the outside."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from controller.api.metrics.daemon_metrics import DaemonMetrics
from controller.composition import Controller, Ports, ReloadSource, compose
from controller.model.aws_calls import AwsDenial
from controller.model.configuration import Settings
from controller.model.decision import DecisionRecord
from controller.model.health import ProbeOutcome
from controller.model.levers import AcceleratedEndpoint, EndpointGroup, RecordSet
from controller.model.second_opinions import CheckDefinition, CheckKind
from controller.ports import Store
from controller.settings import load
from tests.fakes.accelerators import FakeAccelerators
from tests.fakes.clock import FakeClock
from tests.fakes.health_checks import FakeHealthChecks
from tests.fakes.name_servers import FakeNameServers
from tests.fakes.prober import FakeProber
from tests.fakes.record_sets import FakeRecordSets
from tests.fakes.store import FakeStore

SETTINGS = load(Path(__file__).with_name("three_regions.yaml"))
ZONE = "Z0SANDBOX0000000001"


def leaves(settings: Settings) -> list[RecordSet]:
    """The seeded tree of the sandbox's weighted service."""
    shop = settings.services["shop"]
    lever = shop.levers.route53
    assert lever is not None
    largest = max(region.share for region in shop.regions.values())
    return [
        RecordSet(
            name=lever.leaf_name(pool_name),
            type=type_,
            set_identifier=region,
            weight=round(128 * shop.regions[region].share / largest),
            health_check_id=f"check-{region}",
            rest=json.dumps({"TTL": 5, "ResourceRecords": [{"Value": "192.0.2.1"}]}),
        )
        for pool_name, pool in shop.pools.items()
        for region in pool.regions
        for type_ in ("A", "AAAA")
    ]


def groups(settings: Settings) -> dict[str, list[EndpointGroup]]:
    """The seeded endpoint groups of the sandbox's accelerated service."""
    api = settings.services["api"]
    lever = api.levers.accelerator
    assert lever is not None
    return {
        lever.arn: [
            EndpointGroup(
                arn=f"{lever.arn}/listener/1/endpoint-group/{region}",
                region=region,
                dial=100.0,
                endpoints=(AcceleratedEndpoint(f"eip-{region}", 128, "HEALTHY", "{}"),),
            )
            for region in api.pools[lever.pool].regions
        ]
    }


@dataclass
class World:
    """Everything outside the loops; it outlives a restart of them."""

    settings: Settings = SETTINGS
    clock: FakeClock = field(default_factory=FakeClock)
    store: FakeStore = field(default_factory=FakeStore)

    def __post_init__(self) -> None:
        self.prober = FakeProber(self.clock)
        self.records = FakeRecordSets({ZONE: leaves(self.settings)})
        self.accelerators = FakeAccelerators(groups(self.settings))
        self.checks = FakeHealthChecks(self.clock)
        for region in self.settings.services["shop"].regions:
            self.checks.define(f"check-{region}", CheckDefinition(CheckKind.ENDPOINT, 10, 3))
        self.name_servers = FakeNameServers()
        self.aws_denials: tuple[AwsDenial, ...] = ()

    def ports(self, store: Store | None = None) -> Ports:
        """Everything outside the loops; with `store`, that one in the place of our own."""
        return Ports(
            self.clock,
            store or self.store,
            self.prober,
            self.records,
            self.accelerators,
            self.checks,
            self.name_servers,
            lambda: self.aws_denials,
        )

    @asynccontextmanager
    async def running(self, **options: Any) -> AsyncIterator[Controller]:
        """The daemon's loops, until the block ends; `options` are a ReloadSource's."""
        metrics = DaemonMetrics(CollectorRegistry(), self.settings)
        controller = compose(self.settings, self.ports(), metrics, ReloadSource(**options))
        await controller.load()
        async with asyncio.TaskGroup() as group:
            running = group.create_task(controller.run())
            yield controller
            running.cancel()

    def probes(self, region: str) -> list[str]:
        """Addresses of every endpoint in a region."""
        return [
            endpoint.probe
            for endpoint_id, endpoint in self.settings.endpoints()
            if endpoint_id.region == region
        ]

    def kill(self, region: str) -> None:
        """Every endpoint of the region refuses connections from now on."""
        for probe in self.probes(region):
            self.prober.answer(probe, ProbeOutcome.FAILED, "connection refused")

    def heal(self, region: str) -> None:
        """Every endpoint of the region answers again."""
        for probe in self.probes(region):
            self.prober.answer(probe, ProbeOutcome.PASSED, "200")

    def weights(self, pool: str) -> dict[str, int]:
        """Region to weight of a pool's A leaves; asserts that the AAAA twins are equal."""
        name = f"{pool}.shop.example.test."
        found: dict[str, dict[str, int]] = {r.type: {} for r in leaves(self.settings)}
        for record in self.records.stored(ZONE):
            if record.name == name:
                assert record.set_identifier is not None
                assert record.weight is not None
                found[record.type][record.set_identifier] = record.weight
        assert found["A"] == found["AAAA"]
        return found["A"]

    def dials(self) -> dict[str, tuple[float, int]]:
        """Region to dial and endpoint weight of the accelerated service."""
        arn = next(iter(groups(self.settings)))
        return {g.region: (g.dial, g.endpoints[0].weight) for g in self.accelerators.stored(arn)}

    async def newest(self) -> DecisionRecord:
        """The newest decision record."""
        return (await self.store.records(limit=1))[0]
