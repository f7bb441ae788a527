"""Carrying out decisions: what is written, in which order, and what becomes of each write."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from controller.adapters.aws.error_mapping import THROTTLE_CODES
from controller.adapters.aws.route53 import Route53RecordSets
from controller.loops.active_settings import ActiveSettings
from controller.loops.levers.actuation import Actuation
from controller.loops.levers.expectations import Expectations
from controller.loops.levers.lever_ports import lever_ports
from controller.loops.levers.observation import Observation
from controller.loops.wakeup import WakeUp
from controller.model.configuration import Settings
from controller.model.decision import Decision, PoolPlan, WriteResult
from controller.model.levers import (
    Change,
    GroupChange,
    LeverState,
    Outcome,
    OutcomeStatus,
    Position,
    WeightChange,
)
from controller.model.memory import Memory
from controller.planning.levers import batches
from tests.adapters.aws.scripted import ScriptedClient, calls, refusal
from tests.fakes.accelerators import FakeAccelerators
from tests.fakes.clock import FakeClock
from tests.fakes.methods import Method
from tests.fakes.record_sets import FakeRecordSets
from tests.fakes.store import FakeStore
from tests.loops.hanging import hanging
from tests.loops.small import (
    ARN,
    EAST,
    WEST,
    ZONE,
    accelerated,
    groups,
    leaves,
    logged,
    small,
    weighted,
)

pytestmark = pytest.mark.looptime

SERVICES = {
    "shop": weighted(),
    "blog": weighted("blog.test."),
    "wiki": weighted("wiki.test.", zone="Z2"),
    "api": accelerated(),
}


class Bench:
    """Actuation upon fakes that were read once."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings = settings or small(services=SERVICES)
        self.records = FakeRecordSets({zone: leaves(settings, zone) for zone in (ZONE, "Z2")})
        self.accelerators = FakeAccelerators({ARN: groups()})
        self.store = FakeStore()
        active_settings, clock = ActiveSettings(settings), FakeClock()
        ports = lever_ports(self.records, self.accelerators)
        self.observation = Observation(active_settings, ports, clock)
        self.expectations = Expectations(self.store)
        self.actuation = Actuation(
            active_settings,
            self.observation,
            ports,
            self.expectations,
            clock,
            WakeUp(),
        )

    async def carry_out(self, *changes: Change, emergency: bool = False) -> tuple[WriteResult, ...]:
        await self.observation.refresh(10)
        plan = PoolPlan("shop", "world", {}, {}, {}, changes=changes, emergency=emergency)
        return await self.actuation.carry_out(Decision({}, (plan,), {}, Memory()))

    def batches(self) -> list[tuple[str, list[str]]]:
        """What was asked of each zone, one text per record."""
        return [(zone, [text_of(c) for c in batch]) for zone, batch, _ in self.records.writes]


def weight(service: str, region: str, after: int, before: int = 128) -> Change:
    return Change(Position(service, "world", region), LeverState(before), LeverState(after))


def dial(region: str, after: float) -> Change:
    before, wanted = LeverState(128, 100.0), LeverState(128 if after else 0, after)
    return Change(Position("api", "world", region), before, wanted)


def text_of(change: WeightChange) -> str:
    record = change.record
    return f"{record.name} {record.type} {record.set_identifier} {record.weight}→{change.weight}"


async def test_all_services_of_a_zone_go_in_one_batch_with_their_twins() -> None:
    """Users never see half of a change, by no protocol."""
    bench = Bench()
    written = await bench.carry_out(weight("shop", WEST, 0), weight("blog", WEST, 0))

    assert bench.batches() == [
        (
            ZONE,
            [
                "world.shop.test. A eu-west-1 128→0",
                "world.shop.test. AAAA eu-west-1 128→0",
                "world.blog.test. A eu-west-1 128→0",
                "world.blog.test. AAAA eu-west-1 128→0",
            ],
        )
    ]
    assert [(w.lever, w.target, len(w.changes)) for w in written] == [("route53", ZONE, 2)]


async def test_what_no_batch_can_hold_goes_in_several_urgent_pools_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A pool's records stay together, or users would see half of its change."""
    monkeypatch.setattr(batches, "MAX_ELEMENTS", 7)
    bench = Bench()
    await bench.observation.refresh(10)
    calm = PoolPlan("shop", "world", {}, {}, {}, changes=(weight("shop", WEST, 0),))
    urgent = replace(calm, service="blog", changes=(weight("blog", WEST, 0),), emergency=True)

    written = await bench.actuation.carry_out(Decision({}, (calm, urgent), {}, Memory()))

    assert [[text.split()[0] for text in batch] for _, batch in bench.batches()] == [
        ["world.blog.test."] * 2,
        ["world.shop.test."] * 2,
    ]
    assert [one.changes[0].position.service for one in written] == ["blog", "shop"]


async def test_a_refused_batch_goes_on_pool_by_pool() -> None:
    """One bad record hinders its own pool alone."""
    bench = Bench()
    await bench.observation.refresh(10)
    theirs = next(r for r in bench.records.stored(ZONE) if r.name == "world.shop.test.")
    bench.records.put(ZONE, replace(theirs, weight=7))

    written = await bench.carry_out(weight("shop", WEST, 0), weight("blog", WEST, 0))

    assert [[c.position.service for c in one.changes] for one in written] == [
        ["shop", "blog"],
        ["shop"],
        ["blog"],
    ]
    assert [one.outcome.status for one in written] == [
        OutcomeStatus.REFUSED,
        OutcomeStatus.REFUSED,
        OutcomeStatus.APPLIED,
    ]


async def test_a_write_that_ends_by_a_mistake_is_read_before_it_is_sent_again() -> None:
    """It may have been applied before the program failed on the answer."""
    bench = Bench()
    sent: list[str] = []

    async def broken(
        hosted_zone_id: str, changes: Sequence[WeightChange], *, emergency: bool
    ) -> Outcome:
        sent.append(hosted_zone_id)
        raise ZeroDivisionError

    Method(bench.records.change).replace(broken)
    await bench.carry_out(weight("shop", WEST, 0))
    with hanging(bench.records, "read"):
        again = await bench.carry_out(weight("shop", WEST, 0))
        await bench.observation.end()

    assert (again, sent) == ((), [ZONE])


async def test_what_was_refused_is_sent_apart_until_a_reload() -> None:
    """Its records may be others then, and its pool may be gone."""
    bench = Bench()
    await bench.observation.refresh(10)
    theirs = next(r for r in bench.records.stored(ZONE) if r.name == "world.shop.test.")
    bench.records.put(ZONE, replace(theirs, weight=7))
    changes = weight("shop", WEST, 0), weight("blog", WEST, 0)
    await bench.carry_out(*changes)
    for record in leaves(bench.settings):
        bench.records.put(ZONE, record)
    bench.records.trouble.lose_requests = 9
    sizes = []
    for forget in (False, True):
        bench.observation.invalidate(ZONE)
        bench.records.writes.clear()
        if forget:
            bench.actuation.forget_refusals()
        await bench.carry_out(*changes)
        sizes.append([len(batch) for _, batch, _ in bench.records.writes])

    assert sizes == [[2, 2], [4]]


@pytest.mark.parametrize("trouble", ["lose_requests", "lose_replies"])
async def test_a_batch_of_unknown_fate_is_not_sent_again_pool_by_pool(trouble: str) -> None:
    """It may have been applied; the next cycle reads it."""
    bench = Bench()
    setattr(bench.records.trouble, trouble, 1)
    written = await bench.carry_out(weight("shop", WEST, 0), weight("blog", WEST, 0))

    assert [one.outcome.status for one in written] == [OutcomeStatus.UNKNOWN]
    assert len(bench.records.writes) == 1


@pytest.mark.parametrize("emergency", [True, False])
@pytest.mark.parametrize("code", sorted(THROTTLE_CODES))
async def test_a_throttled_batch_is_never_split(code: str, emergency: bool) -> None:
    """To send its pools one by one would be the opposite of backing off."""
    bench = Bench()
    client: Any = ScriptedClient(*[refusal(code)] * 9)
    records = Route53RecordSets(client, calls(), FakeClock())
    Method(bench.records.change).replace(records.change)
    written = await bench.carry_out(
        weight("shop", WEST, 0), weight("blog", WEST, 0), emergency=emergency
    )

    assert [(len(w.changes), w.outcome.throttled) for w in written] == [(2, True)]
    assert {len(asked["ChangeBatch"]["Changes"]) for _, asked in client.asked} == {8}
    assert len(client.asked) == (5 if emergency else 1)


async def test_what_follows_a_throttled_batch_waits_for_the_next_cycle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is refused unsent, and nothing of it is expected to be seen."""
    monkeypatch.setattr(batches, "MAX_ELEMENTS", 7)
    bench = Bench()
    bench.records.trouble.throttle_next = 1
    written = await bench.carry_out(
        weight("shop", WEST, 0), weight("blog", WEST, 0), weight("wiki", WEST, 0)
    )

    assert [(w.target, w.outcome.status, w.outcome.throttled) for w in written] == [
        (ZONE, OutcomeStatus.REFUSED, True),
        (ZONE, OutcomeStatus.REFUSED, True),
        ("Z2", OutcomeStatus.APPLIED, False),
    ]
    assert written[1].outcome.detail == "not sent: Route 53 throttled the batch before it"
    assert [zone for zone, _ in bench.batches()] == [ZONE, "Z2"]
    assert bench.expectations.all[Position("blog", "world", WEST)] == (LeverState(128),)


async def test_two_hundred_pools_of_three_addresses_are_three_batches() -> None:
    """Route 53 counts values: each pool is 12 elements of the 1,000 that a batch may hold."""
    world = {"regions": [WEST, EAST], "demand_rps": 10.0}
    pools = {f"p{n}": {**world, "geographies": [f"country:{code(n)}"]} for n in range(199)}
    service = weighted()
    service["pools"] = {"world": {**world, "geographies": ["default"]}, **pools}
    bench = Bench(small(services={"shop": service}))
    values = [{"Value": f"192.0.2.{number}"} for number in range(3)]
    for leaf in bench.records.stored(ZONE):
        bench.records.put(ZONE, replace(leaf, rest=json.dumps({"ResourceRecords": values})))
    changes = [
        Change(Position("shop", pool, WEST), LeverState(128), LeverState(0))
        for pool in service["pools"]
    ]
    written = await bench.carry_out(*changes, emergency=True)

    assert [one.outcome.status for one in written] == [OutcomeStatus.APPLIED] * 3
    assert [len(one.changes) for one in written] == [83, 83, 34]


def code(number: int) -> str:
    """A different country code for each of 676 numbers."""
    return f"{chr(65 + number // 26)}{chr(65 + number % 26)}"


@pytest.mark.parametrize("outcome", ["throttle_next", "lose_requests", "lose_replies", ""])
async def test_a_pool_in_several_batches_closes_nothing_before_another_region_is_open(
    monkeypatch: pytest.MonkeyPatch, outcome: str
) -> None:
    """Its changes are in the plan's order; the part that closes needs the part that opened."""
    monkeypatch.setattr(batches, "MAX_ELEMENTS", 4)
    bench = Bench()
    for record in bench.records.stored(ZONE):
        if record.set_identifier == EAST:
            bench.records.put(ZONE, replace(record, weight=0))
    if outcome:
        setattr(bench.records.trouble, outcome, 1)
    with logged() as lines:
        written = await bench.carry_out(
            weight("shop", EAST, 128, before=0), weight("shop", WEST, 0), emergency=True
        )

    sent = [batch for _, batch in bench.batches()]
    assert len(written) == 2
    assert len(sent) == (1 if outcome else 2)
    assert "0→128" in sent[0][0]
    assert [line["batches"] for line in lines if line["event"] == "pool_in_several_batches"] == [2]


async def test_a_part_that_leaves_a_region_open_is_sent_whatever_became_of_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One bad record of a split pool hinders its own part alone."""
    monkeypatch.setattr(batches, "MAX_ELEMENTS", 4)
    bench = Bench()
    await bench.observation.refresh(10)
    theirs = next(r for r in bench.records.stored(ZONE) if r.set_identifier == EAST)
    bench.records.put(ZONE, replace(theirs, weight=7))
    written = await bench.carry_out(weight("shop", EAST, 255), weight("shop", WEST, 0))

    assert [one.outcome.status for one in written] == [
        OutcomeStatus.REFUSED,
        OutcomeStatus.APPLIED,
    ]


async def test_every_zone_has_its_own_batch_and_its_own_outcome() -> None:
    """One that fails does not keep the other from being written."""
    bench = Bench()
    await bench.observation.refresh(10)
    await asyncio.sleep(1)
    bench.records.trouble.lose_requests = 1
    written = await bench.carry_out(weight("shop", WEST, 0), weight("wiki", WEST, 0))

    assert [(w.target, w.outcome.status) for w in written] == [
        (ZONE, OutcomeStatus.UNKNOWN),
        ("Z2", OutcomeStatus.APPLIED),
    ]


@pytest.mark.parametrize(
    "change",
    [
        weight("shop", WEST, 128, before=0),
        Change(Position("api", "world", WEST), LeverState(0, 0.0), LeverState(128, 100.0)),
    ],
)
async def test_a_change_that_a_later_reading_shows_done_is_expected_and_not_sent(
    change: Change,
) -> None:
    """It was decided on an earlier reading: what is there now is what we want, not drift."""
    bench = Bench()
    written = await bench.carry_out(change)

    assert (written, bench.batches(), bench.accelerators.writes) == ((), [], [])
    assert bench.expectations.all[change.position] == (change.before, change.after)


async def test_a_twin_that_is_as_wanted_already_is_left_alone() -> None:
    """What is written is what differs."""
    bench = Bench()
    for record in bench.records.stored(ZONE):
        if (record.name, record.type, record.set_identifier) == ("world.shop.test.", "AAAA", WEST):
            bench.records.put(ZONE, replace(record, weight=0))
    await bench.carry_out(weight("shop", WEST, 0))

    assert bench.batches() == [(ZONE, ["world.shop.test. A eu-west-1 128→0"])]


@pytest.mark.parametrize("emergency", [True, False])
async def test_an_emergency_is_passed_to_the_adapter(emergency: bool) -> None:
    """It may spend the reserve of the request budget."""
    bench = Bench()
    await bench.carry_out(weight("shop", WEST, 0), emergency=emergency)

    assert [sent[2] for sent in bench.records.writes] == [emergency]


async def test_groups_are_written_in_the_order_of_the_plan() -> None:
    """It raises receivers before it closes any group, for there is no atomic batch."""
    bench = Bench()
    written = await bench.carry_out(dial(EAST, 75), dial(WEST, 0))

    assert [(c.group.region, c.dial, c.weights) for c in bench.accelerators.writes] == [
        (EAST, 75, (128,)),
        (WEST, 0, (0,)),
    ]
    assert [(w.lever, w.target) for w in written] == [("accelerator", ARN)] * 2


async def test_a_group_that_is_throttled_does_not_stop_the_next_one() -> None:
    """Each has its own outcome."""
    bench = Bench()
    bench.accelerators.trouble.throttle_next = 1
    written = await bench.carry_out(dial(EAST, 75), dial(WEST, 0))

    assert [w.outcome.status for w in written] == [OutcomeStatus.REFUSED, OutcomeStatus.APPLIED]


async def test_what_is_about_to_be_written_is_durable_before_it_is_sent() -> None:
    """A crash between the two must not make our own write look like drift."""
    bench = Bench()
    seen: list[object] = []
    change = bench.records.change

    async def spying(
        hosted_zone_id: str, changes: Sequence[WeightChange], *, emergency: bool
    ) -> Outcome:
        seen.append(await bench.store.expected())
        return await change(hosted_zone_id, changes, emergency=emergency)

    Method(change).replace(spying)
    await bench.carry_out(weight("shop", WEST, 0))

    position = Position("shop", "world", WEST)
    assert seen == [{position: (LeverState(128), LeverState(0))}]
    assert await bench.store.expected() == {position: (LeverState(0),)}


async def test_what_is_sent_compares_what_was_decided_on_though_a_newer_reading_came() -> None:
    """While the intent is being stored an operator edits a record, and a reading shows that: the
    edit was no part of the decision, so the batch is refused."""
    bench = Bench()

    async def edited_meanwhile(settings: object) -> None:
        for record in bench.records.stored(ZONE):
            bench.records.put(ZONE, replace(record, weight=7))
        bench.observation.invalidate(ZONE)
        await bench.observation.refresh(10)

    Method(bench.store.expect).replace(edited_meanwhile)
    written = await bench.carry_out(weight("shop", WEST, 0))

    assert bench.observation.observed()["shop"].settings[written[0].changes[0].position].weight == 7
    assert [one.outcome.status for one in written] == [OutcomeStatus.REFUSED]
    assert {record.weight for record in bench.records.stored(ZONE)} == {7}


async def test_an_emergency_is_sent_though_the_disk_is_slow() -> None:
    """It waits 0.2 s for the disk; users come first."""
    bench = Bench()
    await bench.observation.refresh(10)
    began: list[float] = []
    change, loop = bench.records.change, asyncio.get_running_loop()

    async def timed(
        hosted_zone_id: str, changes: Sequence[WeightChange], *, emergency: bool
    ) -> Outcome:
        began.append(loop.time())
        return await change(hosted_zone_id, changes, emergency=emergency)

    async def slow(settings: object) -> None:
        await asyncio.sleep(10)

    Method(change).replace(timed)
    Method(bench.store.expect).replace(slow)
    await bench.carry_out(weight("shop", WEST, 0), emergency=True)

    assert began == [pytest.approx(0.2)]


@pytest.mark.parametrize(
    ("trouble", "expected"),
    [
        ("throttle_next", (LeverState(128),)),
        ("lose_requests", (LeverState(128), LeverState(0))),
        ("lose_replies", (LeverState(128), LeverState(0))),
    ],
)
async def test_after_a_write_that_went_wrong_we_expect_what_may_be_there(
    trouble: str, expected: tuple[LeverState, ...]
) -> None:
    """Throttled: the old setting. No answer: either."""
    bench = Bench()
    setattr(bench.records.trouble, trouble, 1)
    await bench.carry_out(weight("shop", WEST, 0))

    assert bench.expectations.all[Position("shop", "world", WEST)] == expected


async def test_a_faster_manual_edit_is_not_expected() -> None:
    """The batch is refused, and what stands there now must count as drift."""
    bench = Bench()
    await bench.observation.refresh(10)
    for record in bench.records.stored(ZONE):
        bench.records.put(ZONE, replace(record, weight=7))
    written = await bench.carry_out(weight("shop", WEST, 0))

    assert {w.outcome.status for w in written} == {OutcomeStatus.REFUSED}
    assert LeverState(7) not in bench.expectations.all[Position("shop", "world", WEST)]


@pytest.mark.parametrize("trouble", ["throttle_next", "lose_requests", "lose_replies", ""])
async def test_what_was_written_to_is_read_again(trouble: str) -> None:
    """Whatever was answered."""
    bench = Bench()
    if trouble:
        setattr(bench.records.trouble, trouble, 1)
        setattr(bench.accelerators.trouble, trouble, 1)
    await bench.carry_out(weight("shop", WEST, 0), dial(WEST, 0))
    await bench.observation.refresh(1_000)

    assert bench.records.reads == [ZONE, "Z2", ZONE]
    assert bench.accelerators.reads == [ARN, ARN]


async def test_a_store_that_fails_does_not_stop_a_write() -> None:
    """Users come first, the record second."""
    bench = Bench()
    bench.store.unavailable = True
    written = await bench.carry_out(weight("shop", WEST, 0))

    assert [w.outcome.status for w in written] == [OutcomeStatus.APPLIED]


async def test_nothing_to_change_writes_nothing() -> None:
    """And remembers nothing."""
    bench = Bench()

    assert await bench.carry_out() == ()
    assert bench.records.writes == []
    assert bench.expectations.all == {}


@pytest.mark.parametrize(
    ("service", "lever", "target"), [("shop", "route53", ZONE), ("api", "accelerator", ARN)]
)
async def test_a_change_to_a_region_that_is_not_lawful_is_never_sent(
    service: str, lever: str, target: str
) -> None:
    """The planner cannot ask for one; if it ever does, it is refused in words, alone."""
    bench = Bench()
    change = Change(
        Position(service, "world", "ap-south-1"), LeverState(0, 0.0), LeverState(128, 100.0)
    )
    written = await bench.carry_out(change, weight("blog", WEST, 0))

    assert [(w.lever, w.target, w.outcome.status) for w in written] == [
        (lever, target, OutcomeStatus.REFUSED),
        ("route53", ZONE, OutcomeStatus.APPLIED),
    ]
    assert written[0].outcome.detail == (
        f"not sent: pool world of {service} may only be served from eu-west-1, us-east-1, "
        "not from ap-south-1"
    )
    assert bench.accelerators.writes == []
    assert change.position not in await bench.store.expected()


async def test_weights_that_are_all_zero_are_never_sent() -> None:
    """Route 53 takes them for equal weights: users would go everywhere, to dead regions, too."""
    bench = Bench()
    with logged() as lines:
        written = await bench.carry_out(
            weight("shop", WEST, 0), weight("shop", EAST, 0), weight("blog", WEST, 0)
        )

    refused, applied = written
    assert [c.position.region for c in refused.changes] == [WEST, EAST]
    assert (refused.lever, refused.target) == ("route53", ZONE)
    assert refused.outcome == Outcome(
        OutcomeStatus.REFUSED,
        "not sent: pool world of shop would have no region left that is open; Route 53 takes "
        "weights that are all zero for equal ones",
    )
    assert applied.outcome.status is OutcomeStatus.APPLIED
    assert {text.split()[0] for _, batch in bench.batches() for text in batch} == {
        "world.blog.test."
    }
    assert refused.changes[0].position not in await bench.store.expected()
    assert [(line["event"], line["log_level"]) for line in lines] == [("write_refused", "error")]


async def test_a_refusal_that_goes_on_is_one_error_until_it_ends() -> None:
    """Each cycle that asks again is refused again; the log says so where it begins and ends."""
    bench = Bench()
    closing = (weight("shop", WEST, 0), weight("shop", EAST, 0))
    other = (weight("blog", WEST, 0), weight("blog", EAST, 0))
    said = []
    for changes in (closing, closing, (*closing, *other), closing, (), closing):
        with logged() as lines:
            written = await bench.carry_out(*changes)
        assert {one.outcome.status for one in written} <= {OutcomeStatus.REFUSED}
        said.append([(line["event"], line["detail"].split(" of ")[1][:4]) for line in lines])

    assert said == [
        [("write_refused", "shop")],
        [],
        [("write_refused", "blog")],
        [("write_refusal_ended", "blog")],
        [("write_refusal_ended", "shop")],
        [("write_refused", "shop")],
    ]


async def test_what_others_closed_before_counts() -> None:
    """The last open leaves are closed by one change alone; of one twin it is as bad."""
    bench = Bench()
    for record in bench.records.stored(ZONE):
        if record.type == "AAAA" and record.set_identifier == EAST:
            bench.records.put(ZONE, replace(record, weight=0))
    written = await bench.carry_out(weight("shop", WEST, 0))

    assert [one.outcome.status for one in written] == [OutcomeStatus.REFUSED]
    assert bench.records.writes == []

    reopened = await bench.carry_out(weight("shop", EAST, 255), weight("shop", WEST, 0))
    assert [one.outcome.status for one in reopened] == [OutcomeStatus.APPLIED]


async def test_an_unlawful_leaf_keeps_no_pool_open() -> None:
    """What stays open must be lawful."""
    bench = Bench()
    leaf = bench.records.stored(ZONE)[0]
    bench.records.put(ZONE, replace(leaf, set_identifier="ap-south-1"))
    written = await bench.carry_out(weight("shop", WEST, 0), weight("shop", EAST, 0))

    assert [one.outcome.status for one in written] == [OutcomeStatus.REFUSED]
    assert bench.records.writes == []


async def test_a_missing_twin_does_not_keep_users_in_a_dead_region() -> None:
    """No write could bring it back; those of the other record type must still get away."""
    bench = Bench()
    twin = next(r for r in bench.records.stored(ZONE) if r.type == "AAAA")
    bench.records.remove(ZONE, replace(twin, set_identifier=EAST))
    written = await bench.carry_out(weight("shop", WEST, 0), emergency=True)

    assert [one.outcome.status for one in written] == [OutcomeStatus.APPLIED]


async def test_an_accelerator_is_never_closed_wholly() -> None:
    """Nor is half of it, when the whole is asked for."""
    bench = Bench()
    with logged() as lines:
        written = await bench.carry_out(dial(WEST, 0), dial(EAST, 0), weight("shop", WEST, 0))

    assert [(w.lever, w.target, w.outcome.status) for w in written] == [
        ("accelerator", ARN, OutcomeStatus.REFUSED),
        ("route53", ZONE, OutcomeStatus.APPLIED),
    ]
    assert written[0].outcome.detail == (
        "not sent: pool world of api would have no region left that is open; an accelerator whose "
        "groups are all closed sends users to any of them"
    )
    assert bench.accelerators.writes == []
    assert [line["event"] for line in lines] == ["write_refused"]


@pytest.mark.parametrize("trouble", ["throttle_next", "lose_requests", "lose_replies"])
async def test_the_last_open_group_is_not_closed_before_another_is_open(trouble: str) -> None:
    """There is no batch behind an accelerator: what should have opened may not have."""
    bench = Bench()
    east = next(g for g in bench.accelerators.stored(ARN) if g.region == EAST)
    bench.accelerators.put(ARN, replace(east, dial=0.0))
    setattr(bench.accelerators.trouble, trouble, 1)
    written = await bench.carry_out(dial(EAST, 100), dial(WEST, 0))

    assert len(written) == 2
    assert written[1].outcome.status is OutcomeStatus.REFUSED
    assert [c.group.region for c in bench.accelerators.writes] == [EAST]


async def test_a_zone_that_hangs_delays_no_accelerator_and_no_other_zone() -> None:
    """Route 53 silent for a deadline: an accelerator's drain must not wait for it."""
    bench = Bench()
    began: dict[str, float] = {}
    change_zone, change_group = bench.records.change, bench.accelerators.change

    async def slow_zone(
        hosted_zone_id: str, changes: Sequence[WeightChange], *, emergency: bool
    ) -> Outcome:
        began[hosted_zone_id] = asyncio.get_running_loop().time()
        await asyncio.sleep(5)
        return await change_zone(hosted_zone_id, changes, emergency=emergency)

    async def group(
        accelerator_arn: str, changes: Sequence[GroupChange], *, emergency: bool
    ) -> Outcome:
        began[accelerator_arn] = asyncio.get_running_loop().time()
        return await change_group(accelerator_arn, changes, emergency=emergency)

    Method(change_zone).replace(slow_zone)
    Method(change_group).replace(group)
    written = await bench.carry_out(
        weight("shop", WEST, 0), weight("wiki", WEST, 0), dial(WEST, 0), emergency=True
    )

    assert began == {ZONE: 0, "Z2": 0, ARN: 0}
    assert [one.target for one in written] == [ZONE, "Z2", ARN]


async def test_what_waits_for_its_reading_is_no_receiver_of_what_is_sent() -> None:
    """The write that was to open the one region is not known to be; the other is not closed alone:
    weights that are all zero send users to both."""
    settings = small(services={"shop": weighted()})
    bench = Bench(settings)
    for record in leaves(settings):
        if record.set_identifier == EAST:
            bench.records.put(ZONE, replace(record, weight=0))
    opening, closing = weight("shop", EAST, 64, before=0), weight("shop", WEST, 0)
    await bench.observation.refresh(10)
    await asyncio.sleep(1)
    bench.records.trouble.lose_requests = 1
    await bench.carry_out(opening)
    with hanging(bench.records, "read"):
        await bench.observation.refresh(10)
        await bench.carry_out(opening, closing, emergency=True)

    weights = {r.set_identifier: r.weight for r in bench.records.stored(ZONE) if r.type == "A"}
    assert any(weights.values())
    await bench.observation.end()


async def test_one_bad_record_hinders_no_other_pool_though_no_cycle_has_the_time() -> None:
    """Route 53 takes a second, and cycles are requested all the time: only the first answer is
    awaited."""
    bench = Bench()
    wakeup = bench.actuation._pending._wakeup
    applied: list[str] = []

    async def change(
        hosted_zone_id: str, changes: Sequence[WeightChange], *, emergency: bool
    ) -> Outcome:
        assert emergency
        await asyncio.sleep(1)
        names = {one.record.name for one in changes}
        if "world.shop.test." in names:
            return Outcome(OutcomeStatus.REFUSED, "its health check was deleted")
        applied.extend(names)
        return Outcome(OutcomeStatus.APPLIED)

    with Method(bench.records.change).replaced(change):
        for _ in range(8):
            asyncio.get_running_loop().call_later(0.5, wakeup.notify)
            await bench.carry_out(weight("shop", WEST, 0), weight("blog", WEST, 0), emergency=True)
            await asyncio.sleep(2)
    await bench.actuation.end()

    assert applied[:1] == ["world.blog.test."]


async def test_one_bad_group_hinders_no_other_though_no_cycle_has_the_time() -> None:
    """The same behind an accelerator: what opens goes first, and is refused each time."""
    bench = Bench()
    wakeup = bench.actuation._pending._wakeup
    east = next(group for group in groups() if group.region == EAST)
    bench.accelerators.put(ARN, replace(east, dial=50.0))
    applied: list[str] = []

    async def change_group(
        accelerator_arn: str, changes: Sequence[GroupChange], *, emergency: bool
    ) -> Outcome:
        (change,) = changes
        await asyncio.sleep(1)
        if change.group.region == EAST:
            return Outcome(OutcomeStatus.REFUSED, "an endpoint of it was deleted")
        applied.append(change.group.region)
        return Outcome(OutcomeStatus.APPLIED)

    with Method(bench.accelerators.change).replaced(change_group):
        for _ in range(3):
            asyncio.get_running_loop().call_later(0.5, wakeup.notify)
            await bench.carry_out(dial(EAST, 100), dial(WEST, 0), emergency=True)
            await asyncio.sleep(2)
    await bench.actuation.end()

    assert applied[:1] == [WEST]
