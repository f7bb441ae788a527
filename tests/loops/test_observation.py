"""Reading what AWS says: how often, what of failures, and who shares a reading."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, ParamSpec, TypeVar

import pytest

from controller.loops.active_settings import ActiveSettings
from controller.loops.levers.lever_ports import lever_ports
from controller.loops.levers.observation import READ_WAIT_S, Observation
from controller.loops.levers.readings import DerivedReading, Reading
from controller.model.configuration import Service, Settings
from controller.model.levers import CarriedWeights, LeverState, Position
from tests.fakes.accelerators import FakeAccelerators
from tests.fakes.clock import FakeClock
from tests.fakes.methods import Method
from tests.fakes.record_sets import FakeRecordSets
from tests.loops.hanging import hanging
from tests.loops.small import (
    ARN,
    EAST,
    WEST,
    ZONE,
    accelerated,
    events,
    groups,
    leaves,
    logged,
    small,
    weighted,
)

pytestmark = pytest.mark.looptime
P = ParamSpec("P")
T = TypeVar("T")

BOTH = {"shop": weighted(), "api": accelerated()}
SHOP_WEST = Position("shop", "world", WEST)


class Bench:
    """An observation of fakes."""

    def __init__(self, settings: Settings) -> None:
        self.records = FakeRecordSets({ZONE: leaves(settings, ZONE), "Z2": leaves(settings, "Z2")})
        self.accelerators = FakeAccelerators({ARN: groups()})
        self.active_settings = ActiveSettings(settings)
        self.wakes = 0
        self.observation = Observation(
            self.active_settings,
            lever_ports(self.records, self.accelerators),
            FakeClock(),
            self._wake,
        )

    def _wake(self) -> None:
        self.wakes += 1

    def edit(self, weight: int) -> None:
        """An operator gives every weighted record another weight."""
        for record in self.records.stored(ZONE):
            self.records.put(ZONE, replace(record, weight=weight))


async def test_what_was_read_is_returned_service_by_service() -> None:
    """In the levers' own units, with the moment at which it was asked."""
    bench = Bench(small(services=BOTH))
    await asyncio.sleep(7)
    await bench.observation.refresh(10)
    observed = bench.observation.observed()

    assert observed["shop"].settings[SHOP_WEST] == LeverState(128)
    assert observed["api"].settings[Position("api", "world", WEST)] == LeverState(128, 100.0)
    assert [seen.at for seen in observed.values()] == [7, 7]


async def test_before_the_first_reading_a_service_is_missing() -> None:
    """Which is another thing than having no levers."""
    bench = Bench(small(services=BOTH))

    assert bench.observation.observed() == {}


@pytest.mark.parametrize(("age_s", "reads"), [(9.9, 1), (10.0, 2), (11.0, 2)])
async def test_a_reading_is_kept_until_it_is_too_old(age_s: float, reads: int) -> None:
    """Both sides of the limit."""
    bench = Bench(small(services=BOTH))
    await bench.observation.refresh(10)
    await asyncio.sleep(age_s)
    await bench.observation.refresh(10)

    assert len(bench.records.reads) == len(bench.accelerators.reads) == reads


async def test_an_invalidated_target_alone_is_read_again_once() -> None:
    """Whatever its age; the others keep theirs."""
    bench = Bench(small(services=BOTH))
    await bench.observation.refresh(10)
    bench.observation.invalidate(ZONE)
    bench.edit(5)
    for _ in range(3):
        await bench.observation.refresh(10)

    assert bench.records.reads == [ZONE, ZONE]
    assert bench.accelerators.reads == [ARN]
    assert bench.observation.observed()["shop"].settings[SHOP_WEST] == LeverState(5)


async def test_what_is_invalidated_while_it_is_being_read_is_read_again() -> None:
    """The answer under way may be older than the write."""
    bench = Bench(small())
    slow_down(bench.records.read)
    async with asyncio.TaskGroup() as group:
        group.create_task(bench.observation.refresh(10))
        await asyncio.sleep(0.2)
        bench.observation.invalidate(ZONE)
    await asyncio.sleep(0.5)
    await bench.observation.refresh(10)

    assert bench.records.reads == [ZONE, ZONE]


async def test_the_age_of_a_reading_counts_from_the_question() -> None:
    """A slow answer describes the past."""
    bench = Bench(small())
    slow_down(bench.records.read)
    await bench.observation.refresh(10)

    assert bench.observation.observed()["shop"].at == 0


async def test_a_failed_reading_keeps_the_one_before_it() -> None:
    """With its age, and is tried again at the next occasion."""
    bench = Bench(small())
    await bench.observation.refresh(10)
    bench.records.trouble.unavailable = True
    bench.edit(5)
    bench.observation.invalidate(ZONE)
    await asyncio.sleep(1)
    await bench.observation.refresh(10)
    during = bench.observation.observed()["shop"]
    bench.records.trouble.unavailable = False
    await bench.observation.refresh(10)

    assert (during.at, during.settings[SHOP_WEST]) == (0, LeverState(128))
    assert bench.observation.observed()["shop"].settings[SHOP_WEST] == LeverState(5)


async def test_failures_in_a_row_are_logged_once_and_their_end_once() -> None:
    """An hour without AWS is two lines, and a question a cycle."""
    bench = Bench(small(services=BOTH))
    with logged() as lines:
        await bench.observation.refresh(10)
        bench.records.trouble.unavailable = True
        for _ in range(5):
            await asyncio.sleep(10)
            await bench.observation.refresh(10)
        failing = dict(bench.observation.failing)
        bench.records.trouble.unavailable = False
        for _ in range(3):
            await asyncio.sleep(10)
            await bench.observation.refresh(10)

    assert events(lines) == ["observation_failed", "observation_recovered"]
    assert [line["target"] for line in lines] == [ZONE, ZONE]
    assert failing == {ZONE: "the fake was told to be unavailable"}
    assert bench.observation.failing == {}


async def test_one_target_that_fails_does_not_keep_another_from_being_read() -> None:
    """A zone that does not exist says so; the accelerator is observed."""
    bench = Bench(small(services={"shop": weighted(zone="Z404"), "api": accelerated()}))
    await bench.observation.refresh(10)

    assert set(bench.observation.observed()) == {"api"}
    assert bench.observation.failing == {"Z404": "NoSuchHostedZone: no zone Z404"}


async def test_targets_are_read_at_the_same_time() -> None:
    """Two slow answers take as long as one."""
    bench = Bench(small(services=BOTH))
    slow_down(bench.records.read)
    slow_down(bench.accelerators.read)
    await bench.observation.refresh(10)

    assert asyncio.get_running_loop().time() == pytest.approx(0.4)


async def test_services_of_one_zone_share_one_listing_and_other_zones_have_their_own() -> None:
    """The request budget is the account's."""
    services = {
        "shop": weighted(),
        "blog": weighted("blog.test."),
        "wiki": weighted("wiki.test.", zone="Z2"),
    }
    bench = Bench(small(services=services))
    await bench.observation.refresh(10)

    assert sorted(bench.records.reads) == [ZONE, "Z2"]
    assert set(bench.observation.observed()) == {"shop", "blog", "wiki"}
    assert Position("blog", "world", EAST) in bench.observation.observed()["blog"].settings


async def test_other_settings_are_read_and_observed_without_being_in_force() -> None:
    """What a reload plans with; what is not named any more is forgotten."""
    bench = Bench(small(services={"shop": weighted(zone="Z404")}))
    await bench.observation.refresh(10)
    new = small(services={"blog": weighted(zone="Z2"), "api": accelerated()})
    await bench.observation.refresh(10, new)
    assert set(bench.observation.observed(new)) == {"blog", "api"}
    assert bench.observation.observed() == {}
    assert set(bench.observation.failing) == {"Z404"}

    bench.active_settings.swap(new)
    bench.observation.forget_unused()
    assert bench.observation.failing == {}
    assert set(bench.observation.observed()) == {"blog", "api"}
    bench.active_settings.swap(small(services={"blog": weighted(zone="Z2")}))
    bench.observation.forget_unused()
    assert set(bench.observation.observed(new)) == {"blog"}


async def test_a_target_that_hangs_is_waited_for_once_and_briefly() -> None:
    """A dead region behind the accelerator must not wait for Route 53's deadline."""
    bench = Bench(small(services=BOTH))
    await bench.observation.refresh(10)
    slow_down(bench.records.read, 4)
    await asyncio.sleep(10)
    bench.edit(5)
    await bench.observation.refresh(10)
    waited = asyncio.get_running_loop().time() - 10
    during = bench.observation.observed()
    await bench.observation.refresh(10)
    assert asyncio.get_running_loop().time() - 10 == waited, "the next cycle does not wait for it"
    await asyncio.sleep(4)

    assert waited == pytest.approx(READ_WAIT_S)
    assert (during["shop"].at, during["api"].at) == (0, 10)
    assert bench.observation.observed()["shop"].at == 10
    assert bench.observation.observed()["shop"].settings[SHOP_WEST] == LeverState(5)
    assert bench.records.reads == [ZONE, ZONE]


async def test_a_late_reading_wakes_the_loop_and_an_awaited_one_does_not() -> None:
    """So that the next cycle decides on it; a failure says nothing new and wakes no loop."""
    bench = Bench(small())
    await bench.observation.refresh(10)
    assert bench.wakes == 0
    bench.observation.invalidate(ZONE)
    slow_down(bench.records.read, 4)
    await bench.observation.refresh(10)
    await asyncio.sleep(3.9 - READ_WAIT_S)
    assert bench.wakes == 0
    await asyncio.sleep(0.2)
    assert bench.wakes == 1

    bench.observation.invalidate(ZONE)
    await bench.observation.refresh(10)
    bench.records.trouble.unavailable = True
    bench.observation.invalidate(ZONE)
    await asyncio.sleep(20)
    assert bench.wakes == 1
    assert set(bench.observation.failing) == {ZONE}


async def test_one_slow_reading_is_under_way_at_a_time() -> None:
    """However many cycles it outlasts: the request budget is small."""
    bench = Bench(small())
    await bench.observation.refresh(10)
    slow_down(bench.records.read, 30)
    bench.observation.invalidate(ZONE)
    for _ in range(5):
        await bench.observation.refresh(10)
        await asyncio.sleep(2)

    assert bench.records.reads == [ZONE, ZONE]
    await bench.observation.end()


async def test_what_was_never_read_is_waited_for_no_longer_than_anything_else() -> None:
    """Other services' drains must not wait for it; a late reading wakes the loop."""
    bench = Bench(small(services=BOTH))
    slow_down(bench.records.read, 4)
    await bench.observation.refresh(10)

    assert asyncio.get_running_loop().time() == pytest.approx(READ_WAIT_S)
    assert set(bench.observation.observed()) == {"api"}
    await bench.observation.refresh(10)
    assert asyncio.get_running_loop().time() == pytest.approx(READ_WAIT_S)
    await asyncio.sleep(4)
    assert set(bench.observation.observed()) == {"shop", "api"}
    assert bench.wakes == 1


async def test_a_reload_may_wait_longer_for_what_only_its_settings_name() -> None:
    """It delays no cycle."""
    bench = Bench(small(services=BOTH))
    slow_down(bench.records.read, 4)
    await bench.observation.refresh(10, wait_s=10)

    assert set(bench.observation.observed()) == {"shop", "api"}


@pytest.mark.parametrize("seconds", [0.3, 3])
async def test_a_reading_that_ends_by_a_mistake_is_one_targets_alone(seconds: float) -> None:
    """Waited for or not: the log has it once, others are read, the earlier reading stays."""
    bench = Bench(small(services=BOTH))
    await bench.observation.refresh(10)
    break_after(bench.records.read, seconds)
    with logged() as lines:
        for _ in range(3):
            bench.observation.invalidate(ZONE)
            bench.observation.invalidate(ARN)
            await bench.observation.refresh(10)
            await asyncio.sleep(4)

    assert events(lines) == ["reading_failed", "observation_failed"]
    assert bench.observation.failing == {ZONE: "a mistake of ours: ZeroDivisionError('Z1')"}
    assert bench.observation.observed()["shop"].at == 0
    assert bench.observation.observed()["api"].at > 0


async def test_what_a_reading_says_of_one_service_may_be_a_mistake_of_that_one_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Or no service could be decided about, in any cycle. It is said once, also to status."""
    bench = Bench(small(services={**BOTH, "blog": weighted("blog.test.")}))
    await bench.observation.refresh(10)
    derive, failing = Reading._derive, ["blog"]

    def derived(
        reading: Reading[Any], name: str, service: Service, known: CarriedWeights
    ) -> DerivedReading[Any]:
        if name in failing:
            raise ZeroDivisionError(name)
        return derive(reading, name, service, known)

    monkeypatch.setattr(Reading, "_derive", derived)
    with logged() as lines:
        seen = [bench.observation.observed().keys() for _ in range(3)]
        told = bench.observation.failing
        failing.clear()
        well = bench.observation.observed().keys()

    assert seen == [{"shop", "api"}] * 3
    assert told == {"blog": "a mistake of ours: ZeroDivisionError('blog')"}
    assert events(lines) == ["reading_not_understood", "reading_understood"]
    assert well == {"shop", "api", "blog"}
    assert bench.observation.failing == {}


async def test_a_zone_that_only_a_proposal_names_is_not_shown_to_fail() -> None:
    """It was mistyped, and the reload refused; nothing reads it again."""
    bench = Bench(small(services=BOTH))
    mistyped = small(services={**BOTH, "wiki": weighted("wiki.test.", zone="Z9")})
    await bench.observation.refresh(10, mistyped)

    assert bench.observation.failing == {}
    bench.active_settings.swap(mistyped)
    assert bench.observation.failing == {"Z9": "NoSuchHostedZone: no zone Z9"}


async def test_a_reading_that_no_setting_asks_for_any_more_is_given_up() -> None:
    """A zone that was mistyped and hangs: its failure would be shown for ever after the reload."""
    bench = Bench(small(services={**BOTH, "wiki": weighted("wiki.test.", zone="Z2")}))
    with hanging(bench.records, "read", 4):
        del bench.records._zones["Z2"]
        await bench.observation.refresh(10)
    bench.active_settings.swap(small(services=BOTH))
    bench.observation.forget_unused()
    await asyncio.sleep(10)

    assert bench.observation.failing == {}
    assert set(bench.observation.observed()) == {"shop", "api"}


async def test_the_end_gives_up_what_is_under_way() -> None:
    """Nothing is asked of clients that are being closed."""
    bench = Bench(small())
    await bench.observation.refresh(10)
    bench.observation.invalidate(ZONE)
    slow_down(bench.records.read, 30)
    await bench.observation.refresh(10)
    await bench.observation.end()

    assert [task.get_name() for task in asyncio.all_tasks() if "reading" in task.get_name()] == []
    assert bench.wakes == 0


def break_after(read: Callable[P, Coroutine[Any, Any, T]], seconds: float) -> None:
    """From now on the method ends by a mistake of ours, after a while."""

    async def broken(*args: P.args, **_kwargs: P.kwargs) -> T:
        await asyncio.sleep(seconds)
        raise ZeroDivisionError(*args)

    Method(read).replace(broken)


def slow_down(read: Callable[P, Coroutine[Any, Any, T]], seconds: float = 0.4) -> None:
    """From now on the method returns its answer after a while."""

    async def late(*args: P.args, **kwargs: P.kwargs) -> T:
        answer = await read(*args, **kwargs)
        await asyncio.sleep(seconds)
        return answer

    Method(read).replace(late)
