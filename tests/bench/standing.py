"""A daemon's loops standing still over a moment as large as a placement problem, to be measured.

Everything is the daemon's own but what lies outside: AWS and the store are fakes, nothing is
probed, and a cycle runs when it is asked for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from prometheus_client import CollectorRegistry

from controller.api.app import build
from controller.api.dependencies import ApiDependencies
from controller.api.http.parameters import Parameter
from controller.api.http.request_bodies import RequestBody
from controller.api.http.route import Route, RouteCall
from controller.api.metrics.daemon_metrics import DaemonMetrics
from controller.composition import Ports, compose
from controller.model.access import LOCAL_ADMIN
from controller.model.configuration import Service, Settings
from controller.model.decision import Snapshot
from controller.model.levers import LeverState, Position, RecordSet
from tests.fakes.accelerators import FakeAccelerators
from tests.fakes.clock import FakeClock
from tests.fakes.health_checks import FakeHealthChecks
from tests.fakes.name_servers import FakeNameServers
from tests.fakes.prober import FakeProber
from tests.fakes.record_sets import FakeRecordSets
from tests.fakes.store import FakeStore


class Standing:
    """The loops, and the API's handlers as its dispatch would call them."""

    def __init__(self, moment: Snapshot) -> None:
        guards = moment.settings.guards.model_copy(update={"startup_data_s": 0.0})
        self.settings = moment.settings.model_copy(update={"guards": guards})
        clock = FakeClock()
        (name,) = self.settings.services
        lever = self.settings.services[name].levers.route53
        assert lever is not None
        self.zone = lever.hosted_zone_id
        self.records = FakeRecordSets({self.zone: records_of(moment, name)})
        ports = Ports(
            clock,
            FakeStore(),
            FakeProber(clock),
            self.records,
            FakeAccelerators({}),
            FakeHealthChecks(clock),
            FakeNameServers(),
        )
        self.controller = compose(
            self.settings, ports, DaemonMetrics(CollectorRegistry(), self.settings)
        )
        self.context: ApiDependencies = self.controller.api_dependencies()
        self.app: web.Application = build(self.context)
        self._believe(moment)

    async def cycle(self) -> None:
        """One whole cycle."""
        await self.controller.reconciliation.reconcile()

    async def calm(self) -> None:
        """End every override, before any cycle has obeyed it, and run a cycle."""
        for override in self.controller.overrides.active():
            await self.controller.overrides.withdraw(override.id, "bench")
        await self.cycle()

    async def ask(
        self,
        route: Route,
        body: RequestBody | None = None,
        *,
        match_info: Mapping[str, str] | None = None,
        **values: object,
    ) -> web.Response:
        """The route's answer to a caller on the machine itself; `values` by parameters' names."""
        request = make_mocked_request(
            route.method, route.path, app=self.app, match_info=dict(match_info or {})
        )
        given: dict[Parameter[Any], object] = {
            one: values.get(one.name.lower().replace("-", "_"), one.default)
            for one in route.parameters
        }
        call = RouteCall(request, self.context, LOCAL_ADMIN, given, body)
        return cast(web.Response, await route.handler(call))

    def _believe(self, moment: Snapshot) -> None:
        """Take every endpoint for what the moment says of it, as of now."""
        (states,) = moment.health.values()
        now = self.controller.previews._clock.monotonic()
        for endpoint_id, watch in self.controller.probing._endpoints.items():
            state = states[endpoint_id]
            watch._state = state._replace(since=now - 100, last_result_at=now + 1e6)


def records_of(
    moment: Snapshot, name: str, weights: Mapping[Position, LeverState] | None = None
) -> tuple[RecordSet, ...]:
    """The zone's listing of a service's leaves, A and AAAA, with these weights or the moment's."""
    service: Service = moment.settings.services[name]
    seen = moment.observed[name].settings if weights is None else weights
    lever = service.levers.route53
    assert lever is not None
    return tuple(
        RecordSet(
            lever.leaf_name(pool_name),
            type_,
            region,
            seen[Position(name, pool_name, region)].weight,
            f"check-{region}",
            json.dumps({"TTL": 60, "ResourceRecords": [{"Value": value}]}),
        )
        for pool_name, pool in service.pools.items()
        for region in pool.regions
        for type_, value in (("A", "192.0.2.1"), ("AAAA", "2001:db8::1"))
    )


def bound(settings: Settings, name: str) -> Settings:
    """The same with every pool of a service bound to the jurisdiction of its regions."""
    service = settings.services[name]
    pools = {key: p.model_copy(update={"residency": "any"}) for key, p in service.pools.items()}
    services = {**settings.services, name: service.model_copy(update={"pools": pools})}
    return settings.model_copy(update={"services": services})
