"""A batch that is refused for good is tried again pool by pool, and only then."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.loops.active_settings import ActiveSettings
from controller.loops.levers.actuation import Actuation
from controller.loops.levers.expectations import Expectations
from controller.loops.levers.lever_ports import lever_ports
from controller.loops.levers.observation import Observation
from controller.loops.process.pauses import ProcessPauses
from controller.loops.wakeup import WakeUp
from controller.model.decision import Decision, PoolPlan, WriteResult
from controller.model.levers import Change, LeverState, OutcomeStatus, Position
from controller.model.memory import Memory
from tests.fakes.accelerators import FakeAccelerators
from tests.fakes.clock import FakeClock
from tests.fakes.record_sets import FakeRecordSets
from tests.fakes.store import FakeStore
from tests.loops.small import WEST, ZONE, leaves, small, weighted

pytestmark = pytest.mark.looptime
SETTINGS = small(services={"shop": weighted(), "blog": weighted("blog.test.")})
REFUSED, APPLIED = OutcomeStatus.REFUSED, OutcomeStatus.APPLIED


class Bench:
    """Actuation upon a zone that was read once and may have changed since."""

    def __init__(self) -> None:
        active_settings, clock = ActiveSettings(SETTINGS), FakeClock()
        self.records = FakeRecordSets({ZONE: leaves(SETTINGS)})
        accelerators = FakeAccelerators({})
        ports = lever_ports(self.records, accelerators)
        self.observation = Observation(active_settings, ports, clock)
        self.expectations = Expectations(FakeStore())
        self.actuation = Actuation(
            active_settings,
            self.observation,
            ports,
            self.expectations,
            clock,
            WakeUp(),
            ProcessPauses(active_settings, clock),
        )

    def edit(self, service: str) -> None:
        """An operator changes a weighted record of the service after it was read."""
        for record in self.records.stored(ZONE):
            if record.name == f"world.{service}.test." and record.set_identifier == WEST:
                self.records.put(ZONE, replace(record, weight=7))

    async def drain(self, *services: str) -> tuple[WriteResult, ...]:
        """The region leaves these services."""
        plans = tuple(PoolPlan(s, "world", {}, {}, {}, changes=(leaving(s),)) for s in services)
        return await self.actuation.carry_out(Decision({}, plans, {}, Memory()))


def leaving(service: str) -> Change:
    return Change(Position(service, "world", WEST), LeverState(128), LeverState(0))


def told(written: tuple[WriteResult, ...]) -> list[tuple[list[str], OutcomeStatus]]:
    return [([c.position.service for c in w.changes], w.outcome.status) for w in written]


async def test_one_bad_record_hinders_its_own_pool_alone() -> None:
    """Every attempt is reported, and only what was applied is expected from now on."""
    bench = Bench()
    await bench.observation.refresh(10)
    bench.edit("shop")
    written = await bench.drain("shop", "blog")

    assert told(written) == [
        (["shop", "blog"], REFUSED),
        (["shop"], REFUSED),
        (["blog"], APPLIED),
    ]
    expected = {p.service: settings for p, settings in bench.expectations.all.items()}
    assert expected == {"shop": (LeverState(128),), "blog": (LeverState(0),)}


async def test_a_single_pool_is_not_asked_for_twice() -> None:
    """There is nothing to be told apart."""
    bench = Bench()
    await bench.observation.refresh(10)
    bench.edit("shop")

    assert told(await bench.drain("shop")) == [(["shop"], REFUSED)]


@pytest.mark.parametrize(
    ("trouble", "status"),
    [("throttle_next", REFUSED), ("lose_requests", OutcomeStatus.UNKNOWN)],
)
async def test_what_may_still_succeed_as_a_whole_stays_whole(
    trouble: str, status: OutcomeStatus
) -> None:
    """A throttled batch would be throttled in parts, too, and an unknown one may be applied."""
    bench = Bench()
    await bench.observation.refresh(10)
    setattr(bench.records.trouble, trouble, 1)

    assert told(await bench.drain("shop", "blog")) == [(["shop", "blog"], status)]
