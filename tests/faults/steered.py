"""The daemon's loops on real adapters and a real socket, steering an emulated AWS in this process.

Only probes are fake, so that regions die when a test says so. Time is simulated (mark `looptime`):
it passes when neither side has anything left to do, so that nothing depends on the machine's speed.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest

from controller.adapters.aws.assembly import aws_adapters
from controller.adapters.aws.session import AwsClients
from controller.adapters.clock import SystemClock
from controller.api.metrics.daemon_metrics import DaemonMetrics
from controller.composition import Controller, Ports, compose
from controller.loops.process.aws_access import AwsAccess
from controller.model.aws_calls import AwsCall
from controller.model.configuration import Settings
from controller.model.decision import DecisionRecord, Hold
from controller.model.health import ProbeOutcome
from controller.model.levers import Outcome
from controller.ports import Clock, Store
from controller.sandbox.emulator.server import EmulatedAws
from controller.sandbox.seeding.stack import seed
from tests.catalogue import by_continent, catalogue
from tests.contracts.emulated import emulated_aws
from tests.fakes.health_checks import FakeHealthChecks
from tests.fakes.name_servers import FakeNameServers
from tests.fakes.prober import FakeProber
from tests.fakes.store import FakeStore

ZONE = "Z0FAULTS00000000001"
ARN = "arn:aws:globalaccelerator::000000000000:accelerator/00000000-0000-4000-8000-00000000fa11"
DEAD = "eu-west-1"
REGIONS = ("eu-west-1", "eu-central-1", "us-east-1", "us-west-2", "ap-northeast-1")
EUROPE = ("eu-west-1", "eu-central-1")
CALM = 128
"""The weight of every leaf on a calm day: all shares are equal."""
_POLL_S = 0.02


def settings(**sections: Any) -> Settings:
    """One service with two pools in five regions, everything quick; `sections` replace defaults."""
    return Settings.model_validate(
        {
            "schema_version": 2,
            "state_path": "unused",
            "vantage": {"name": "here"},
            "reference_targets": {
                "known_good": [f"http://127.0.77.{number}/" for number in (91, 92, 93)]
            },
            "aws": {"call_deadline_s": 1, "calls_per_s": 50, "calls_burst": 100},
            "probing": {"interval_s": 0.2, "deadline_s": 0.2, "confirm_gaps_s": [0.05]},
            "health": {"down_after": 3, "up_after": 2, "up_for_s": 0.2},
            "cycle": {
                "period_s": 0.5,
                "min_gap_s": 0.02,
                "observed_max_age_s": 0.4,
                "insync_poll_s": 0.1,
            },
            "ramp": {"step_points": 50, "step_gap_s": 0.2},
            "guards": guards(),
            "regions": catalogue({"shop": _service()}, by_continent),
            "services": {"shop": _service()},
            **sections,
        }
    )


def guards(**changed: object) -> dict[str, object]:
    """Limits out of the way, unless they are what a test is about."""
    return {
        "startup_data_s": 0.3,
        "drift": {"hold_s": 1.0},
        "writes_per_5_min": 60,
        "auto_drains_per_h": 30,
        **changed,
    }


def _service() -> dict[str, object]:
    pools = {
        "europe": {"geographies": ["country:DE"], "regions": EUROPE, "demand_rps": 10.0},
        "world": {"geographies": ["default"], "regions": REGIONS, "demand_rps": 10.0},
    }
    lever = {"hosted_zone_id": ZONE, "name": "shop.faults.test.", "ttl_s": 1}
    return {"regions": _regions(), "pools": pools, "levers": {"route53": lever}}


def accelerated() -> dict[str, object]:
    """The services section with one service, behind an accelerator."""
    pools = {"world": {"geographies": ["default"], "regions": REGIONS, "demand_rps": 10.0}}
    lever = {"pool": "world", "arn": ARN}
    return {"api": {"regions": _regions(), "pools": pools, "levers": {"accelerator": lever}}}


def _regions() -> dict[str, object]:
    """Nothing listens there: the emulated AWS's own health checks may ask, our probes are fake."""
    return {
        region: {
            "capacity_rps": 1000.0,
            "endpoints": {"web": {"probe": f"tcp://127.0.77.{number}:18081"}},
        }
        for number, region in enumerate(REGIONS, 1)
    }


@dataclass
class Steered:
    """The daemon, what it steers, and what a test does to both."""

    controller: Controller
    aws: EmulatedAws
    prober: FakeProber
    store: Store
    settings: Settings
    clients: AwsClients
    registry: CollectorRegistry

    def kill(self, region: str) -> None:
        """Every endpoint of the region refuses connections from now on."""
        self._answer(region, ProbeOutcome.FAILED, "connection refused")

    def heal(self, region: str) -> None:
        """Every endpoint of the region answers again."""
        self._answer(region, ProbeOutcome.PASSED, "200")

    def weights(self, pool: str = "world") -> dict[str, int | None]:
        """Region to weight of a pool's leaves, as Route 53 has them; twins that differ are None."""
        name = f"{pool}.shop.faults.test."
        zone = self.aws.zones.listed_zones()[ZONE]
        found: dict[str, int | None] = {}
        for type_ in ("A", "AAAA"):
            for record in zone.group(name, type_):
                region = str(record.set_identifier)
                twin = found.get(region, record.weight)
                found[region] = record.weight if twin == record.weight else None
        return found

    def dials(self) -> dict[str, float]:
        """Region to dial, 0 where the endpoint has no weight, as Global Accelerator has them."""
        groups = self.aws.accelerators.accelerator(ARN).listeners[0].groups
        return {g.region: g.dial if g.endpoints[0].weight else 0.0 for g in groups}

    def is_out(self, region: str = DEAD) -> bool:
        """Whether no leaf of the region has any weight."""
        return all(self.weights(pool).get(region, 0) == 0 for pool in ("europe", "world"))

    def is_calm(self) -> bool:
        """Whether every leaf has the weight it began with."""
        return all(set(self.weights(pool).values()) == {CALM} for pool in ("europe", "world"))

    def holds(self) -> set[Hold]:
        """Why pools did not move in the last cycle."""
        latest = self.controller.reconciliation.latest
        return {h.reason for p in latest.decision.plans for h in p.held} if latest else set()

    def drifted(self) -> set[str]:
        """Positions that show drift, as of the last cycle."""
        latest = self.controller.reconciliation.latest
        return {str(position) for position in latest.decision.drift} if latest else set()

    def calls(self) -> Counter[str]:
        """How often each operation reached AWS, answered or not."""
        return Counter(call.operation for call in self.aws.gateway.calls.recent)

    @property
    def writes(self) -> int:
        """Batches that reached Route 53, applied or not."""
        return self.calls()["ChangeResourceRecordSets"]

    async def records(self) -> tuple[DecisionRecord, ...]:
        """Decision records, newest first."""
        return await self.store.records(limit=100)

    async def last_write(self) -> Outcome:
        """What became of the last write that was recorded."""
        return next(r.written[-1].outcome for r in await self.records() if r.written)

    async def outcomes(self) -> list[str]:
        """What became of every write that was recorded, oldest first."""
        found = reversed(await self.records())
        return [w.outcome.status.value for record in found for w in record.written]

    def metric(self, name: str, **labels: str) -> float:
        """A metric's value, 0 when it has none yet."""
        return self.registry.get_sample_value(name, labels) or 0.0

    def metrics_text(self) -> str:
        """All metrics, as they are exposed."""
        return generate_latest(self.registry).decode()

    def _answer(self, region: str, outcome: ProbeOutcome, detail: str) -> None:
        for endpoint_id, endpoint in self.settings.endpoints():
            if endpoint_id.region == region:
                self.prober.answer(endpoint.probe, outcome, detail)


@asynccontextmanager
async def steering(
    use: Settings | None = None,
    store: Store | None = None,
    clock: Clock | None = None,
    spread_after_s: float = 0.1,
) -> AsyncIterator[Steered]:
    """The daemon, steering; the block begins when it has seen enough to act.

    `spread_after_s`: after so long changes are INSYNC or DEPLOYED.
    """
    chosen, kept, time = use or settings(), store or FakeStore(), clock or SystemClock()
    # The emulator and the daemon share the loop's time, which is simulated.
    async with emulated_aws(spread_after_s, asyncio.get_running_loop().time) as emulated:
        await seed(chosen)
        emulated.aws.gateway.calls.recent.clear()
        registry = CollectorRegistry()
        metrics = DaemonMetrics(registry, chosen)
        prober = FakeProber(time)
        access = AwsAccess(time, metrics.aws_refused)

        def observe(call: AwsCall) -> None:
            metrics.aws_call(call)
            access.observe(call)

        aws = aws_adapters(chosen, emulated.clients, time, observe)
        checks, name_servers = FakeHealthChecks(time), FakeNameServers()
        ports = Ports(
            time,
            kept,
            prober,
            aws.records,
            aws.accelerators,
            checks,
            name_servers,
            access.denials,
        )
        controller = compose(chosen, ports, metrics)
        await controller.load()
        metrics.add_readings(controller.observation.listing_states)
        steered = Steered(
            controller, emulated.aws, prober, kept, chosen, emulated.clients, registry
        )
        async with asyncio.TaskGroup() as group:
            running = group.create_task(controller.run())
            await until(lambda: _is_ready(steered), "the daemon is ready")
            yield steered
            running.cancel()


async def until(happened: Callable[[], bool], what: str, within_s: float = 5.0) -> float:
    """Wait until it is so, fail if it does not become so in time; the seconds it took."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    while not happened():
        assert loop.time() - started < within_s, f"{what}: not within {within_s:g} s"
        await asyncio.sleep(_POLL_S)
    return loop.time() - started


def _is_ready(steered: Steered) -> bool:
    latest = steered.controller.reconciliation.latest
    if latest is None or latest.snapshot.now - latest.snapshot.started_at < 0.3:
        return False
    verdicts = {s.verdict.value for seen in latest.decision.regions.values() for s in seen.values()}
    return verdicts == {"up"}
