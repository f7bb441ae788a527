"""What users are answered, asked in their name: shares, mapping, silence, changes of weights."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from controller.composition import Controller
from controller.loops.cycle.reconciliation import CycleReport
from controller.model.decision import PoolName
from controller.model.health import OpinionSource, Verdict
from controller.model.levers import LeverState, Position
from controller.model.second_opinions import AnsweredCounts
from controller.planning.health.answered_shares import answer_notices, answered_share
from tests.fakes.methods import Method
from tests.loops.simulated import SETTINGS, ZONE, World, leaves
from tests.loops.small import events, logged
from tests.loops.test_bounds import sizes

pytestmark = pytest.mark.looptime
WEST, CENTRAL, EAST = "eu-west-1", "eu-central-1", "us-east-1"
ADDRESSES = {WEST: "192.0.2.101", CENTRAL: "192.0.2.102", EAST: "192.0.2.103"}
NAME = "shop.example.test."
GERMANY, FRANCE = "192.0.2.0/28", "192.0.2.16/28"
EUROPE = ("shop", "europe")
SUBNETS = {"country:DE": GERMANY, "country:FR": FRANCE}
ANSWERS = {"subnets": SUBNETS, "interval_s": 10, "asks": 10, "settled_after_s": 20}


def world(*, alias: bool = False) -> World:
    """The sandbox with a different address for every region; one pool is sampled."""
    found = World(SETTINGS.model_copy(update={"answers": SETTINGS.answers.__class__(**ANSWERS)}))  # type: ignore[arg-type]  # the keys above
    for leaf in leaves(found.settings):
        region = str(leaf.set_identifier)
        rest: dict[str, object] = {"TTL": 5, "ResourceRecords": [{"Value": ADDRESSES[region]}]}
        if alias:
            rest = {"AliasTarget": {"DNSName": f"lb.{region}.example."}}
            found.name_servers.lead(f"lb.{region}.example", ADDRESSES[region])
        found.records.put(ZONE, replace(leaf, rest=json.dumps(rest)))
    return found


def answer(found: World, regions: Sequence[str]) -> None:
    """Users of Germany and France are answered these, in turn."""
    for subnet in (GERMANY, FRANCE):
        found.name_servers.answer(NAME, subnet, [ADDRESSES[region] for region in regions])


def latest(controller: Controller) -> Mapping[PoolName, AnsweredCounts]:
    """What a snapshot made now would say."""
    return controller.snapshots.build(()).answered


@pytest.mark.parametrize("alias", [False, True], ids=["addresses", "aliases"])
async def test_the_answered_split_is_estimated_from_many_answers(alias: bool) -> None:
    """Each pool with the subnets of its geographies round-robin, evenly spread."""
    outside = world(alias=alias)
    answer(outside, [WEST, WEST, WEST, CENTRAL])
    async with outside.running() as controller:
        await asyncio.sleep(71)
        found = latest(controller)

    assert set(found) == {EUROPE}
    assert answered_share(found[EUROPE], WEST) == pytest.approx(0.75, abs=0.03)
    assert 45 <= found[EUROPE].total <= 52  # one a second once the weights have settled
    asked = [subnet for zone, name, subnet in outside.name_servers.asked]
    assert {(zone, name) for zone, name, _ in outside.name_servers.asked} == {(ZONE, NAME)}
    assert abs(asked.count(GERMANY) - asked.count(FRANCE)) <= 1


async def test_no_pool_is_sampled_without_a_subnet() -> None:
    """It is a setting: only the operator knows where users are."""
    outside = World(SETTINGS.model_copy(update={"answers": SETTINGS.answers.__class__()}))
    async with outside.running():
        await asyncio.sleep(120)

    assert outside.name_servers.asked == []


async def test_other_weights_begin_another_count_once_they_have_settled() -> None:
    """Answers from before, or during the change, say nothing about the present weights."""
    outside = world()
    answer(outside, [WEST, CENTRAL])
    async with outside.running() as controller:
        await asyncio.sleep(60)
        assert latest(controller)[EUROPE].total > 20
        outside.kill(WEST)
        await asyncio.sleep(3)
        assert outside.weights("europe")[WEST] == 0
        assert EUROPE not in latest(controller)
        asked = len(outside.name_servers.asked)
        await asyncio.sleep(15)
        assert len(outside.name_servers.asked) == asked
        answer(outside, [CENTRAL])
        await asyncio.sleep(15)
        found = latest(controller)[EUROPE]

    assert found.counts[WEST] == 0


async def test_no_cycle_holds_answers_against_weights_that_they_were_not_given_by() -> None:
    """Not even the one that reads the new weights back: status would show a withheld record."""
    outside = world()
    answer(outside, [WEST, CENTRAL])
    seen: dict[int, CycleReport] = {}
    async with outside.running() as controller:
        await asyncio.sleep(60)
        outside.kill(WEST)
        for _ in range(300):
            await asyncio.sleep(0.01)
            report = controller.reconciliation.latest
            assert report is not None
            seen[report.cycle] = report

    place = Position(*EUROPE, WEST)
    snapshots = [report.snapshot for report in seen.values()]
    drained = [s for s in snapshots if s.observed["shop"].settings[place] == LeverState(0)]
    assert drained
    assert [snapshot for snapshot in drained if EUROPE in snapshot.answered] == []
    assert [text for snapshot in drained for text in answer_notices(snapshot, "shop")] == []


async def test_no_pool_is_sampled_while_a_write_is_known_not_to_be_insync() -> None:
    """However long that takes."""
    outside = world()
    answer(outside, [CENTRAL])
    async with outside.running() as controller:
        await asyncio.sleep(60)
        outside.records.hold_insync = True
        outside.kill(WEST)
        await asyncio.sleep(3)
        asked = len(outside.name_servers.asked)
        await asyncio.sleep(100)
        assert controller.follow_up.is_spreading(ZONE)
        assert len(outside.name_servers.asked) == asked
        outside.records.hold_insync = False
        await asyncio.sleep(10)
        assert not controller.follow_up.is_spreading(ZONE)

    assert len(outside.name_servers.asked) > asked


async def test_a_leaf_that_route_53_withholds_corroborates_what_our_probes_say() -> None:
    """The answers end a panic where the health checks cannot be polled."""
    outside = world()
    answer(outside, [WEST, CENTRAL])
    outside.checks.trouble.unavailable = True
    async with outside.running():
        await asyncio.sleep(60)
        outside.kill(WEST)
        outside.kill(EAST)
        await asyncio.sleep(20)
        assert outside.records.writes == []
        answer(outside, [CENTRAL])
        await asyncio.sleep(45)
        assert outside.weights("europe")[WEST] == 0
        written = [r for r in await outside.store.records(limit=50) if r.written]

    assert len(written) == 1
    trigger = written[0].trigger[0]
    assert trigger.startswith("shop/eu-west-1 is down, and more say so: web: 3 probes failed")
    assert "; the zone's answers agree: not answered" in trigger
    assert outside.weights("world")[EAST] == 128  # this pool is not sampled: it is held


async def test_silent_name_servers_are_logged_once_and_leave_nothing_known() -> None:
    """Old answers are no answers; when they answer again, the count goes on."""
    outside = world()
    answer(outside, [WEST, CENTRAL])
    with capture_logs() as log:
        async with outside.running() as controller:
            await asyncio.sleep(60)
            outside.name_servers.trouble.unavailable = True
            await asyncio.sleep(70)
            assert latest(controller) == {}
            outside.name_servers.trouble.unavailable = False
            await asyncio.sleep(10)
            assert latest(controller)[EUROPE].at > 0

    assert [line["event"] for line in log].count("name_servers_unknown") == 1


async def test_answers_that_belong_to_no_weighted_record_are_described() -> None:
    """They may belong to anything: nothing else follows from them."""
    outside = world()
    outside.name_servers.answer(NAME, GERMANY, ["203.0.113.99"])
    answer_france = [ADDRESSES[WEST]]
    outside.name_servers.answer(NAME, FRANCE, answer_france)
    async with outside.running() as controller:
        await asyncio.sleep(90)
        latest = controller.reconciliation.latest

    assert latest is not None
    assert set(latest.snapshot.answered[EUROPE].elsewhere) == {"203.0.113.99"}
    sources = latest.decision.regions["shop"][CENTRAL].sources
    assert [one.verdict for one in sources if one.source is OpinionSource.ANSWERS] == []
    assert latest.decision.regions["shop"][CENTRAL].verdict is Verdict.UP


async def test_addresses_that_a_load_balancer_had_long_ago_are_forgotten() -> None:
    """It changes them all the time, for months."""
    outside = world(alias=True)
    answer(outside, [WEST])
    async with outside.running() as controller:
        for minute in range(20):
            for region in (WEST, CENTRAL, EAST):
                outside.name_servers.lead(f"lb.{region}.example", f"198.51.100.{minute}")
            await asyncio.sleep(61)
        kept = {
            name: size
            for name, size in sizes(controller)
            if name.startswith(".dns_sampling._aliases.")
        }

    assert len(kept) > 2, "the walk has lost its way"
    assert {name: size for name, size in kept.items() if size > 12} == {}


@pytest.mark.parametrize("answer", [None, 7, frozenset({7}), "text"])
async def test_an_answer_of_any_shape_is_none_of_the_loops_business(answer: object) -> None:
    """Nothing is known of that pool's users; the log says why once; the loop goes on."""
    outside = world()
    original, asked = outside.name_servers.ask, list[str]()

    async def ask(hosted_zone_id: str, name: str, subnet: str) -> Any:
        asked.append(subnet)
        return answer if len(asked) % 2 else await original(hosted_zone_id, name, subnet)

    Method(original).replace(ask)
    with logged() as lines:
        async with outside.running() as controller:
            await asyncio.sleep(120)
            assert controller.supervision.failing == {}

    assert len(asked) > 20
    assert len([one for one in events(lines) if one == "answers_not_understood"]) <= 2


@pytest.mark.parametrize(
    "rest", ["", "[]", "null", '{"ResourceRecords": [{}]}', '{"AliasTarget": 1}']
)
async def test_a_leaf_of_any_shape_concerns_its_own_service_alone(rest: str) -> None:
    """A manual edit, or a kind of record that we do not know."""
    outside = world()
    for leaf in outside.records.stored(ZONE):
        outside.records.put(ZONE, replace(leaf, rest=rest))
    async with outside.running() as controller:
        await asyncio.sleep(60)
        assert "answered" not in controller.supervision.failing
        assert "answered_follow" not in controller.supervision.failing
