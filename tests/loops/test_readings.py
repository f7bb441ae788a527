"""What follows from a reading is derived once, and anew exactly when something else follows."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace

import pytest

from controller.loops.active_settings import ActiveSettings
from controller.loops.levers.lever_ports import lever_ports
from controller.loops.levers.observation import Observation
from controller.model.configuration import Route53Lever, Settings
from controller.model.levers import LeverState, Position
from controller.planning.levers.accelerator import ACCELERATOR
from controller.planning.levers.route53 import ROUTE53
from controller.planning.residency.destinations import destinations
from tests.fakes.accelerators import FakeAccelerators
from tests.fakes.clock import FakeClock
from tests.fakes.record_sets import FakeRecordSets
from tests.loops.simulated import World
from tests.loops.small import ARN, EAST, WEST, ZONE, accelerated, groups, leaves, small, weighted

pytestmark = pytest.mark.looptime

SERVICES = {"shop": weighted(), "blog": weighted("blog.test."), "api": accelerated()}
NAMES = ("shop", "blog", "api")
BLOG_WEST = Position("blog", "world", WEST)


@pytest.fixture
def derived(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often the leaves of a service's pool, by its name in DNS, were looked for."""
    counted: Counter[str] = Counter()
    leaf_name = Route53Lever.leaf_name

    def counting(lever: Route53Lever, pool_name: str) -> str:
        counted[lever.name] += 1
        return leaf_name(lever, pool_name)

    monkeypatch.setattr(Route53Lever, "leaf_name", counting)
    return counted


class Bench:
    """An observation of fakes, and everything that is asked of it in a cycle."""

    def __init__(self, settings: Settings) -> None:
        self.records = FakeRecordSets({ZONE: leaves(settings)})
        self.accelerators = FakeAccelerators({ARN: groups()})
        self.active_settings = ActiveSettings(settings)
        self.observation = Observation(
            self.active_settings, lever_ports(self.records, self.accelerators), FakeClock()
        )

    async def read(self) -> None:
        """Have everything read again, whatever its age."""
        await self.observation.refresh(0)

    def use(self) -> None:
        """Decide, write, ask health checks and name servers."""
        for _ in range(2):
            self.observation.observed()
            for name in self.active_settings.settings.services:
                self.observation.resources(name)
                self.observation.destinations(name)

    def edit(self, weight: int) -> None:
        """An operator gives the weighted records of one region another weight."""
        for record in self.records.stored(ZONE):
            if record.set_identifier == WEST:
                self.records.put(ZONE, replace(record, weight=weight))


def settings_of(**services: dict[str, object]) -> Settings:
    """These services, and the others as they are."""
    return small(services={**SERVICES, **services})


async def test_everything_is_derived_of_the_reading_as_without_it() -> None:
    """Nothing else is seen than what the records say under these settings."""
    bench = Bench(settings_of())
    await asyncio.sleep(7)
    await bench.read()
    records = await bench.records.read(ZONE)
    services = bench.active_settings.settings.services

    observed = bench.observation.observed()
    assert observed == {
        "shop": ROUTE53.observe_listing("shop", services["shop"], records, 7),
        "blog": ROUTE53.observe_listing("blog", services["blog"], records, 7),
        "api": ACCELERATOR.observe_listing("api", services["api"], tuple(groups()), 7),
    }
    for name in ("shop", "blog"):
        found = bench.observation.resources(name)
        assert found == ROUTE53.resources(name, services[name], ROUTE53.index(records))
        assert bench.observation.destinations(name) == destinations(found)
    west, east = groups()
    assert bench.observation.resources("api") == {
        Position("api", "world", WEST): (west,),
        Position("api", "world", EAST): (east,),
    }
    assert bench.observation.destinations("api") == {}


async def test_a_reading_is_derived_once_for_each_service(derived: Counter[str]) -> None:
    """However often it is used."""
    bench = Bench(settings_of())
    await bench.read()
    bench.observation.observed()
    once = dict(derived)
    bench.use()

    assert set(once) == {"shop.test.", "blog.test."}
    assert derived == once


async def test_a_reading_that_says_the_same_is_not_derived_again(derived: Counter[str]) -> None:
    """It is as new as its question all the same, and it does not count as a change."""
    bench = Bench(settings_of())
    await bench.read()
    bench.use()
    once, changes = dict(derived), bench.observation.changes
    await asyncio.sleep(10)
    await bench.read()
    bench.use()

    assert derived == once
    assert bench.observation.changes == changes == 2
    assert [seen.at for seen in bench.observation.observed().values()] == [10, 10, 10]


async def test_a_reading_that_says_something_else_is_derived_anew() -> None:
    """For the levers that it speaks of, and every service sees its own."""
    bench = Bench(settings_of())
    await bench.read()
    bench.use()
    bench.edit(5)
    await bench.read()
    observed = bench.observation.observed()

    assert bench.observation.changes == 3
    assert observed["shop"].settings[Position("shop", "world", WEST)] == LeverState(5)
    assert observed["blog"].settings[BLOG_WEST] == LeverState(5)
    assert [leaf.weight for leaf in bench.observation.resources("blog")[BLOG_WEST]] == [5, 5]


async def test_other_settings_of_a_service_are_looked_at_anew_and_no_other_service(
    derived: Counter[str],
) -> None:
    """The reading stays: AWS need not be asked again."""
    bench = Bench(settings_of())
    await bench.read()
    bench.use()
    once = Counter(derived)
    narrower = weighted()
    narrower["pools"] = {"world": {"geographies": ["default"], "regions": [EAST], "demand_rps": 1}}
    bench.active_settings.swap(settings_of(shop=narrower))
    bench.use()

    assert (derived["blog.test."], derived["shop.test."] > once["shop.test."]) == (
        once["blog.test."],
        True,
    )
    assert set(bench.observation.resources("shop")) == {("shop", "world", EAST)}
    (fault,) = {fault.split()[4] for fault in bench.observation.observed()["shop"].faults["world"]}
    assert fault == WEST


async def test_settings_that_say_the_same_are_the_same(derived: Counter[str]) -> None:
    """A reload makes every noun anew, also those that did not change."""
    bench = Bench(settings_of())
    await bench.read()
    bench.use()
    once = dict(derived)
    bench.active_settings.swap(settings_of())
    bench.observation.forget_unused()
    bench.use()

    assert derived == once


async def test_a_reload_looks_at_both_settings_and_each_is_derived_once(
    derived: Counter[str],
) -> None:
    """Active and proposed alternately; of others the oldest is dropped."""
    bench = Bench(settings_of())
    await bench.read()
    both = [bench.active_settings.settings, settings_of(shop=weighted("shop.test.", ttl_s=9))]
    for settings in both:
        bench.observation.observed(settings)
    once = dict(derived)
    for _ in range(3):
        for settings in both:
            bench.observation.observed(settings)
    assert derived == once

    bench.observation.observed(settings_of(shop=weighted("shop.test.", ttl_s=8)))
    again = dict(derived)
    bench.observation.observed(both[1])
    assert derived == again
    bench.observation.observed(both[0])
    assert derived["shop.test."] > again["shop.test."]


async def test_a_service_that_a_reload_removed_is_forgotten() -> None:
    """One that comes back is looked at anew, by the same reading."""
    bench = Bench(settings_of())
    await bench.read()
    bench.use()
    bench.active_settings.swap(small(services={"shop": weighted()}))
    bench.observation.forget_unused()
    assert set(bench.observation.observed()) == {"shop"}

    bench.active_settings.swap(settings_of())
    assert set(bench.observation.observed()) == {"shop", "blog"}
    assert len(bench.observation.resources("blog")) == 2


async def test_the_resources_of_a_target_that_was_never_read_are_none() -> None:
    """Every position is there: nothing that asks for one fails."""
    bench = Bench(settings_of())

    for name in ("shop", "api"):
        assert bench.observation.resources(name) == {
            Position(name, "world", WEST): (),
            Position(name, "world", EAST): (),
        }
    assert bench.observation.destinations("shop") == {}


async def test_a_calm_hour_derives_each_reading_once(derived: Counter[str]) -> None:
    """The whole daemon: hundreds of cycles, readings and questions of the loops around it."""
    world = World()
    async with world.running() as controller:
        await asyncio.sleep(60)
        settled, before = dict(derived), controller.reconciliation.latest
        await asyncio.sleep(3600)
        after = controller.reconciliation.latest

    assert before is not None
    assert after is not None
    assert after.cycle - before.cycle > 100
    assert {name: derived[name] - settled[name] for name in settled} == dict.fromkeys(settled, 0)
