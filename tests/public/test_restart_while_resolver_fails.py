"""A restart while the resolver fails drains nobody.

After louislam/uptime-kuma #3123, #295 and #274, where a resolver's "try again" counted as the
site's failure. One region is probed by name, the other and the reference target by address; the
resolver answers SERVFAIL while the daemon runs, and still does when it is started anew. The daemon
took that for the region's failure then, and drained it within seconds.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from controller.adapters.clock import SystemClock
from controller.adapters.probing import resolver
from controller.adapters.probing.prober import NetworkProber
from controller.adapters.probing.sockets import Address
from controller.adapters.sqlite.store import SqliteStore
from controller.api.metrics.daemon_metrics import DaemonMetrics
from controller.composition import Controller, Ports, compose
from controller.model.configuration import EndpointId
from controller.model.health import Verdict
from tests.adapters.probing.asking import OK, until
from tests.adapters.probing.servers import raw, served
from tests.fakes.accelerators import FakeAccelerators
from tests.fakes.health_checks import FakeHealthChecks
from tests.fakes.name_servers import FakeNameServers
from tests.fakes.record_sets import FakeRecordSets
from tests.loops.small import EAST, WEST, ZONE, leaves, region, small, weighted

BY_NAME, BY_ADDRESS = EndpointId("shop", WEST, "web"), EndpointId("shop", EAST, "web")
ASKED_AGAIN = 8
"""Probes after which a region whose probes fail would be down and drained."""


class Resolver:
    """The system's resolver: every name is this machine, until it answers SERVFAIL."""

    def __init__(self) -> None:
        self.fails = False
        self.asked = 0

    def __call__(self, host: str, port: int) -> tuple[Address, ...]:
        self.asked += 1
        if self.fails:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return (("127.0.0.1", port),)


class World:
    """Two regions that are well, a zone, a state file and a resolver."""

    def __init__(self, address: str, state: Path) -> None:
        port = address.rpartition(":")[2]
        shop = weighted()
        shop["regions"] = {
            WEST: region(web={"probe": f"http://r1.dns.test:{port}/"}),
            EAST: region(web={"probe": f"http://{address}/"}),
        }
        self.settings = small(
            services={"shop": shop},
            reference_targets={"known_good": [f"http://{address}/ok"]},
            probing={"interval_s": 0.1, "deadline_s": 0.1, "confirm_gaps_s": [0.02]},
            health={"up_after": 2, "up_for_s": 0},
            guards={"startup_data_s": 0},
            cycle={"period_s": 0.1, "min_gap_s": 0.02, "observed_max_age_s": 1},
        )
        self.records = FakeRecordSets({ZONE: leaves(self.settings)})
        self.resolver = Resolver()
        self.state = state

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Controller]:
        """The daemon's loops on the network prober and the state file."""
        clock, settings = SystemClock(), self.settings
        metrics = DaemonMetrics(CollectorRegistry(), settings)
        async with (
            SqliteStore(self.state) as store,
            NetworkProber(lookup=self.resolver) as prober,
            asyncio.TaskGroup() as group,
        ):
            ports = Ports(
                clock,
                store,
                prober,
                self.records,
                FakeAccelerators({}),
                FakeHealthChecks(clock),
                FakeNameServers(),
            )
            controller = compose(settings, ports, metrics)
            await controller.load()
            running = group.create_task(controller.run())
            yield controller
            running.cancel()

    async def verdicts(self, controller: Controller) -> Counter[Verdict]:
        """How often the region by name had each verdict, until all were asked several times."""
        seen = Counter[Verdict]()

        def asked_enough() -> bool:
            health = controller.probing.health
            seen[health[BY_NAME].verdict] += 1
            lookups = self.resolver.asked >= 2 or not self.resolver.fails
            return health[BY_ADDRESS].successes >= ASKED_AGAIN and lookups

        self.resolver.asked = 0
        successes = controller.probing.health[BY_ADDRESS].successes
        await until(lambda: controller.probing.health[BY_ADDRESS].successes != successes)
        await until(asked_enough, within_s=20)
        return seen


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """With its server; names are resolved anew five times a second."""
    for name in ("REFRESH_S", "_RETRY_AFTER_S"):
        monkeypatch.setattr(resolver, name, 0.2)
    async with served(raw(OK)) as address:
        yield World(address, tmp_path / "gtc.sqlite")


async def test_the_region_keeps_its_verdict_and_its_users(world: World) -> None:
    """Its last good addresses are in the state file."""
    async with world.running() as controller:
        await until(lambda: controller.probing.health[BY_NAME].verdict is Verdict.UP)
        world.resolver.fails = True
        await world.verdicts(controller)
    async with world.running() as controller:
        seen = await world.verdicts(controller)
        state = controller.probing.health[BY_NAME]

    assert state.verdict is Verdict.UP
    assert seen.keys() == {Verdict.UP}
    assert world.records.writes == []


async def test_without_addresses_the_region_is_unknown_and_keeps_its_users(world: World) -> None:
    """A first start: the probes could not be run, which is no failure."""
    world.resolver.fails = True
    async with world.running() as controller:
        seen = await world.verdicts(controller)
        latest = controller.reconciliation.latest

    assert seen.keys() == {Verdict.UNKNOWN}
    assert latest is not None
    assert latest.decision.regions["shop"][WEST].verdict is Verdict.UNKNOWN
    assert world.records.writes == []
