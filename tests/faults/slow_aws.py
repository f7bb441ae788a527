"""The daemon on real adapters and the emulator's operations: no sockets, simulated time.

Every call takes as long as a test says, and is carried out at some moment in between. Listings may
fail midway, come in small pages, or, of endpoint groups, show what stood a while ago.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

from botocore.exceptions import ClientError, EndpointConnectionError
from prometheus_client import CollectorRegistry

from controller.adapters.aws.assembly import aws_adapters
from controller.adapters.aws.session import AwsClients
from controller.api.metrics.daemon_metrics import DaemonMetrics
from controller.composition import Controller, Ports, compose
from controller.model.configuration import Settings
from controller.model.decision import DecisionRecord, Hold, WriteResult
from controller.model.health import ProbeOutcome
from controller.model.levers import OutcomeStatus
from controller.sandbox.emulator.http.wire_messages import AwsError
from controller.sandbox.emulator.route53.records import record_to_result
from controller.sandbox.emulator.stores import Stores
from controller.sandbox.seeding.stack import seed_through
from tests.fakes.clock import FakeClock
from tests.fakes.health_checks import FakeHealthChecks
from tests.fakes.name_servers import FakeNameServers
from tests.fakes.prober import FakeProber
from tests.fakes.store import FakeStore
from tests.faults.steered import until
from tests.simulation.aws import SERVICES, WRITES, HostedZoneAlreadyExists, SimulatedPaginator

_LISTINGS = ("ListResourceRecordSets", "ListEndpointGroups")


@dataclass
class Trouble:
    """What calls meet; a test changes it at any time."""

    takes_s: Callable[[], float] = lambda: 0.02
    """Seconds of the next call."""
    part: Callable[[], float] = lambda: 0.5
    """When within that time it is carried out: 0 at its beginning, 1 at its end."""
    fail_pages: bool = False
    """Every listing fails after its first page."""
    page_items: int | None = None
    lose_replies: int = 0
    """So many of the next writes are carried out and never answered."""
    stale_s: float = 0.0
    """Listings of endpoint groups show what stood up to so long ago."""


@dataclass
class SlowAws:
    """The emulator's stores, and the way to them."""

    stores: Stores
    trouble: Trouble = field(default_factory=Trouble)
    calls: list[tuple[float, str]] = field(default_factory=list)
    """When each call was carried out, and its operation."""
    _groups: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    """What listings of endpoint groups showed, and since when."""

    def clients(self) -> AwsClients:
        """What the adapters take for clients of the SDK."""
        route53, accelerator = (cast(Any, _Client(self, name)) for name in SERVICES)
        return AwsClients(route53, accelerator)

    async def call(self, service: str, operation: str, params: dict[str, Any]) -> Any:
        """Carry out a call, and answer when its time is over."""
        takes_s, part = self.trouble.takes_s(), self.trouble.part()
        await asyncio.sleep(takes_s * part)
        answer = self.carry_out(service, operation, params)
        await asyncio.sleep(takes_s * (1 - part))
        if operation in WRITES and self.trouble.lose_replies > 0:
            self.trouble.lose_replies -= 1
            raise EndpointConnectionError(endpoint_url=service)
        if isinstance(answer, ClientError):
            raise answer
        return answer

    def writes(self) -> Counter[str]:
        """How many writes of each operation were carried out, or refused."""
        return Counter(operation for _, operation in self.calls if operation in WRITES)

    def carry_out(self, service: str, operation: str, params: dict[str, Any]) -> Any:
        """The answer of the emulator, or the error that it is."""
        now = asyncio.get_running_loop().time()
        self.calls.append((now, operation))
        is_later_page = "StartRecordName" in params or "NextToken" in params
        if operation in _LISTINGS:
            if is_later_page and self.trouble.fail_pages:
                return _error("InternalError", 500, operation)
            if self.trouble.page_items is not None:
                size = "MaxItems" if service == "route53" else "MaxResults"
                params = {**params, size: min(int(params[size]), self.trouble.page_items)}
                params[size] = str(params[size]) if service == "route53" else params[size]
        try:
            found = self.stores.services()[service].operations[operation](params)
        except AwsError as refused:
            return _error(refused.code, refused.status, operation, refused.message)
        found = {name: value for name, value in found.items() if value is not None}
        return self._stale(now, found) if operation == "ListEndpointGroups" else found

    def _stale(self, now: float, found: dict[str, Any]) -> dict[str, Any]:
        """What this listing showed a while ago."""
        if not self._groups or self._groups[-1][1] != found:
            self._groups.append((now, deepcopy(found)))
        if self.trouble.page_items is not None:
            return found
        seen_at = now - self.trouble.stale_s
        return next(
            one for at, one in reversed(self._groups) if at <= max(seen_at, self._groups[0][0])
        )

    def note_groups(self, arn: str) -> None:
        """Have the listings' past know how the groups stand now."""
        for listener in self.stores.accelerators.accelerator(arn).listeners:
            self.carry_out(
                "globalaccelerator",
                "ListEndpointGroups",
                {"ListenerArn": listener.arn, "MaxResults": 100},
            )


class _Client:
    """Stands for a client of the SDK."""

    def __init__(self, aws: SlowAws, service: str) -> None:
        self._aws = aws
        self._service = service
        self.exceptions = SimpleNamespace(HostedZoneAlreadyExists=HostedZoneAlreadyExists)

    def get_paginator(self, name: str) -> SimulatedPaginator:
        return SimulatedPaginator(getattr(self, name))

    def __getattr__(self, name: str) -> Callable[..., Any]:
        operation = "".join(part.capitalize() for part in name.split("_"))

        async def call(**params: Any) -> Any:
            return await self._aws.call(self._service, operation, params)

        return call


def _error(code: str, status: int, operation: str, message: str = "as planned") -> ClientError:
    kind = HostedZoneAlreadyExists if code == "HostedZoneAlreadyExists" else ClientError
    body: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return kind(body, operation)


@dataclass
class Slow:
    """The daemon, what it steers, and what a test does to both."""

    controller: Controller
    aws: SlowAws
    prober: FakeProber
    store: FakeStore
    settings: Settings

    def kill(self, region: str) -> None:
        """Every endpoint of the region refuses connections from now on."""
        self._answer(region, ProbeOutcome.FAILED, "connection refused")

    def heal(self, region: str) -> None:
        """Every endpoint of the region answers again."""
        self._answer(region, ProbeOutcome.PASSED, "200")

    def weights(self, pool: str, service: str = "shop") -> dict[str, int | None]:
        """Region to weight of a pool's records; twins that differ are None."""
        lever = self.settings.services[service].levers.route53
        assert lever is not None
        zone = self.aws.stores.zones.listed_zones()[lever.hosted_zone_id]
        found: dict[str, int | None] = {}
        for type_ in ("A", "AAAA"):
            for record in zone.group(lever.leaf_name(pool), type_):
                region = str(record.set_identifier)
                twin = found.get(region, record.weight)
                found[region] = record.weight if twin == record.weight else None
        return found

    def dials(self) -> dict[str, float]:
        """Region to dial, 0 where the endpoints have no weight."""
        lever = next(
            one.levers.accelerator
            for one in self.settings.services.values()
            if one.levers.accelerator
        )
        groups = self.aws.stores.accelerators.accelerator(lever.arn).listeners[0].groups
        return {g.region: g.dial if g.endpoints[0].weight else 0.0 for g in groups}

    def edit(self, pool: str, region: str, weight: int) -> None:
        """An operator gives both records of a position another weight, past the daemon."""
        lever = self.settings.services["shop"].levers.route53
        assert lever is not None
        zone = self.aws.stores.zones.listed_zones()[lever.hosted_zone_id]
        changes = [
            {
                "Action": "UPSERT",
                "ResourceRecordSet": {**record_to_result(record), "Weight": weight},
            }
            for type_ in ("A", "AAAA")
            for record in zone.group(lever.leaf_name(pool), type_)
            if record.set_identifier == region
        ]
        self.aws.stores.zones.change_resource_record_sets(
            {"HostedZoneId": lever.hosted_zone_id, "ChangeBatch": {"Changes": changes}}
        )

    def edit_dial(self, region: str, dial: float) -> None:
        """An operator gives a region's endpoint group another dial, past the daemon."""
        services = self.settings.services.values()
        arn = next(one.levers.accelerator.arn for one in services if one.levers.accelerator)
        groups = self.aws.stores.accelerators.accelerator(arn).listeners[0].groups
        group = next(group for group in groups if group.region == region)
        update = self.aws.stores.services()["globalaccelerator"].operations["UpdateEndpointGroup"]
        update({"EndpointGroupArn": group.arn, "TrafficDialPercentage": dial})

    def observed_shares(self, service: str, region: str) -> set[float]:
        """What status shows of a region: its observed share in each pool."""
        plans = self.controller.previews.present().evidence.decision.plans
        return {
            plan.before[region]
            for plan in plans
            if plan.service == service and region in plan.before
        }

    async def records(self) -> tuple[DecisionRecord, ...]:
        """Decision records, oldest first."""
        return tuple(reversed(await self.store.records(limit=10_000)))

    async def written(self, status: OutcomeStatus) -> list[WriteResult]:
        """Every recorded write that ended so."""
        return [
            w for one in await self.records() for w in one.written if w.outcome.status is status
        ]

    async def accused(self) -> list[str]:
        """What was said of other people's changes."""
        records = await self.records()
        said = [text for one in records for text in one.trigger if text.startswith("drift")]
        held = {Hold.DRIFT, Hold.CONTESTED}
        return said + [
            h.detail for one in records for p in one.plans for h in p.held if h.reason in held
        ]

    def _answer(self, region: str, outcome: ProbeOutcome, detail: str) -> None:
        for endpoint_id, endpoint in self.settings.endpoints():
            if endpoint_id.region == region:
                self.prober.answer(endpoint.probe, outcome, detail)


@asynccontextmanager
async def slowly(settings: Settings, trouble: Trouble | None = None) -> AsyncIterator[Slow]:
    """The daemon, steering; the block begins when every region is up and may be acted on."""
    clock, store, loop = FakeClock(), FakeStore(), asyncio.get_running_loop()
    aws = SlowAws(Stores(loop.time, 0.1, 0.1))
    await seed_through(aws.clients(), settings)
    aws.calls.clear()
    aws.trouble = trouble or aws.trouble
    metrics = DaemonMetrics(CollectorRegistry(), settings)
    prober = FakeProber(clock)
    adapters = aws_adapters(settings, aws.clients(), clock, metrics.aws_call)
    checks, name_servers = FakeHealthChecks(clock), FakeNameServers()
    ports = Ports(
        clock, store, prober, adapters.records, adapters.accelerators, checks, name_servers
    )
    controller = compose(settings, ports, metrics)
    await controller.load()
    slow = Slow(controller, aws, prober, store, settings)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(controller.run())
        await until(lambda: _is_ready(slow), "the daemon is ready", within_s=60)
        yield slow
        running.cancel()


def _is_ready(slow: Slow) -> bool:
    """Whether all regions are up, all levers were read, and the start-up rule holds nothing."""
    latest = slow.controller.reconciliation.latest
    if latest is None or latest.snapshot.observed.keys() != slow.settings.services.keys():
        return False
    wait_s = slow.settings.guards.startup_data_s
    verdicts = {s.verdict.value for seen in latest.decision.regions.values() for s in seen.values()}
    return latest.snapshot.now - latest.snapshot.started_at >= wait_s and verdicts == {"up"}
