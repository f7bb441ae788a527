"""What is listed of a zone that others share: the runs, what they lead to, at times all of it."""

from __future__ import annotations

import asyncio

import pytest

from controller.model.levers import LeverState, Position
from controller.planning.levers import zone_scope
from tests.loops.small import events, logged
from tests.loops.zone_of_many import (
    APEX,
    READ_FOR_S,
    ManyRecords,
    geolocation,
    settings_at,
    simple,
    tree,
    weighted,
)
from tests.planning.residency.zones import ADDRESSES

pytestmark = pytest.mark.looptime
APP = f"app.{APEX}"
DEEP = f"app.prod.{APEX}"
AWAY = ADDRESSES["us-east-1"]
FOREIGN = 310
WHOLE = 2
"""Pages of all of it."""


def leaks(zone: ManyRecords, service: str = "app0") -> list[str]:
    """Where Europe's users could be led, and what was not read, as of the last reading."""
    found = zone.observation.observed()[service].leaks["eu"]
    return [leak.unread or str(leak.reached) for leak in found]


async def read(name: str = APP, *more: str) -> ManyRecords:
    """A zone that was read once."""
    zone = ManyRecords(settings_at(name, *more), FOREIGN)
    assert await zone.cycle() == WHOLE
    assert leaks(zone) == []
    return zone


async def test_a_hand_edit_of_a_weight_shows_with_the_next_reading() -> None:
    """And nothing else is listed for it."""
    zone = await read()
    zone.put(weighted(f"eu.{APP}", "eu-west-1", 7))

    assert [await zone.cycle() for _ in range(3)] == [1, 1, 1]
    seen = zone.observation.observed()["app0"].settings
    assert seen[Position("app0", "eu", "eu-west-1")] == LeverState(7)
    assert seen[Position("app0", "eu", "eu-central-1")] == LeverState(64)


async def test_a_reading_that_says_the_same_changes_nothing() -> None:
    """Not even when the first was of the whole zone."""
    zone = await read()
    zone.observation.observed()
    changes = zone.observation.changes
    for _ in range(3):
        await zone.cycle()

    assert zone.observation.changes == changes


@pytest.mark.parametrize("name", [APP, APEX], ids=["below the apex", "at the apex"])
async def test_a_record_made_at_the_services_own_name_shows_with_the_next_reading(
    name: str,
) -> None:
    """Where its users begin, wherever it lies."""
    zone = await read(name)
    zone.create([geolocation(name, "FR", f"rest.{name}")])
    zone.put(geolocation(name, "DE", f"rest.{name}"))
    await zone.cycle()

    assert leaks(zone) == ["us-east-1"]


async def test_an_unlawful_weighted_record_and_a_deleted_one_show_at_once() -> None:
    """And a name whose last record is gone is empty, not as it was."""
    zone = await read()
    zone.create([weighted(f"eu.{APP}", "us-east-1", 0)])
    zone.delete(*(weighted(f"rest.{APP}", region) for region in ADDRESSES))
    await zone.cycle()
    seen = zone.observation.observed()["app0"]

    assert leaks(zone) == ["us-east-1"]
    assert len(seen.faults["rest"]) == 1
    assert {position.pool for position in seen.settings} == {"eu"}


async def test_an_alias_to_another_name_is_followed_in_the_same_reading() -> None:
    """From alias to alias, to where they lead; the proof waits for no whole listing."""
    zone = await read()
    zone.create([simple(f"host.lb.{APEX}", AWAY)])
    zone.create([geolocation(f"lb.{APEX}", "*", f"host.lb.{APEX}")])
    zone.put(geolocation(APP, "DE", f"lb.{APEX}"))
    zone.latency_s = 0.0
    pages = await zone.cycle()

    assert leaks(zone) == ["us-east-1"]
    assert 3 <= pages <= 3 + 3
    assert [await zone.cycle() for _ in range(8)][-1] <= WHOLE


async def test_what_an_alias_leads_to_outside_the_runs_is_listed_again_and_again() -> None:
    """Its edit shows with the next reading; so does a target that begins to exist again."""
    home, away = (simple(f"zz-lb.{APEX}", ADDRESSES[r]) for r in ("eu-west-1", "us-east-1"))
    zone = ManyRecords(settings_at(APP), FOREIGN)
    zone.create([home])
    zone.put(geolocation(APP, "DE", f"zz-lb.{APEX}"))
    await zone.cycle()
    seen = [leaks(zone)]
    for change, record in ((zone.put, away), (zone.delete, away), (zone.put, away)):
        change(record)
        await zone.cycle()
        seen.append(leaks(zone))

    assert seen == [[], ["us-east-1"], [], ["us-east-1"]]


async def test_what_appears_beside_the_runs_is_found_within_the_hour() -> None:
    """A delegation above the service: no record of the runs tells of it."""
    zone = await read(DEEP)
    servers = {"Name": f"prod.{APEX}", "Type": "NS", "TTL": 60}
    zone.create([{**servers, "ResourceRecords": [{"Value": "ns.elsewhere.test."}]}])
    for _ in range(50):
        await zone.cycle(60)
    assert leaks(zone) == []
    for _ in range(11):
        await zone.cycle(60)
    assert leaks(zone) == ["None"]
    zone.delete({**servers, "ResourceRecords": [{"Value": "ns.elsewhere.test."}]})
    await zone.cycle()
    await zone.cycle()

    assert leaks(zone) == []


async def test_all_of_a_zone_is_listed_once_an_hour_while_nothing_happens() -> None:
    """The setting says how often; readings never wait for it."""
    settings = settings_at(APP, cycle={"whole_zone_every_s": 600})
    zone = ManyRecords(settings, FOREIGN)
    await zone.cycle()
    pages = [await zone.cycle(60) for _ in range(30)]

    assert sum(pages) == pytest.approx(30 + 3 * WHOLE, abs=WHOLE)
    assert zone.observation.listing_states()[zone.zone].whole_age_s <= 660


async def test_another_structure_has_all_of_the_zone_listed_once_a_minute_at_most() -> None:
    """Somebody else creates and deletes a record below the service's name all the time."""
    zone = await read()
    pages = 0
    for _ in range(10):
        zone.create([simple(f"_acme.{APP}")])
        pages += await zone.cycle(15)
        zone.delete(simple(f"_acme.{APP}"))
        pages += await zone.cycle(15)

    assert 20 + 4 * WHOLE <= pages <= 20 + 6 * WHOLE


async def test_a_whole_listing_that_fails_hinders_no_reading() -> None:
    """It is said, and tried again after a minute."""
    zone = await read()
    zone.put(geolocation(APP, "DE", f"rest.{APP}"))
    await zone.cycle(70)
    zone.failing_from = zone.pages + 2
    with logged() as lines:
        await zone.cycle(11)
        await asyncio.sleep(1)
    assert "whole_listing_failed" in events(lines)
    assert zone.observation.failing == {}
    assert "no answer" in zone.observation.listing_states()[zone.zone].error

    zone.failing_from = float("inf")
    zone.put(weighted(f"eu.{APP}", "eu-west-1", 9))
    await zone.cycle()
    seen = zone.observation.observed()["app0"].settings
    assert seen[Position("app0", "eu", "eu-west-1")] == LeverState(9)
    with logged() as lines:
        for _ in range(8):
            await zone.cycle()
    assert "whole_listing_recovered" in events(lines)
    assert zone.observation.listing_states()[zone.zone].error == ""


async def test_a_slow_whole_listing_delays_no_reading() -> None:
    """A write is read back while all of the zone is still being listed."""
    zone = await read()
    await asyncio.sleep(40)
    zone.latency_s = 2.0
    asking = asyncio.create_task(zone.observation.read_whole(READ_FOR_S))
    await asyncio.sleep(2.5)
    zone.put(weighted(f"eu.{APP}", "eu-west-1", 0))
    zone.observation.invalidate(zone.zone)
    await zone.observation.refresh(10, wait_s=2.5)
    seen = zone.observation.observed()["app0"].settings

    assert seen[Position("app0", "eu", "eu-west-1")] == LeverState(0)
    assert not asking.done()
    assert await asking == ()


async def test_who_asks_for_all_of_a_zone_gets_what_it_shows_then() -> None:
    """`gtc validate --observed`: at once; soon after only what is steered is listed again."""
    zone = await read(DEEP)
    await asyncio.sleep(40)
    values = [{"Value": "ns.elsewhere.test."}]
    zone.create([{"Name": f"prod.{APEX}", "Type": "NS", "TTL": 60, "ResourceRecords": values}])
    before = zone.pages

    assert await zone.observation.read_whole(30) == ()
    assert leaks(zone) == ["None"]
    asked = zone.pages
    assert await zone.observation.read_whole(30) == ()
    assert (asked - before, zone.pages - asked) == (WHOLE + 1 + 1, 1)


async def test_who_asks_in_vain_is_told_which_zone_it_was() -> None:
    """Not what an earlier reading showed."""
    zone = await read()
    await asyncio.sleep(40)
    zone.failing_from = 0

    assert await zone.observation.read_whole(30) == (zone.zone,)


async def test_proposed_settings_are_read_with_the_names_that_only_they_need() -> None:
    """In the same zone, without losing sight of the active ones; a reload then reads both."""
    zone = await read()
    both = settings_at(APP, f"web.{APEX}")
    zone.create(tree(both.services["app1"]))
    await zone.observation.refresh(10, both, wait_s=READ_FOR_S)
    assert zone.observation.observed(both)["app1"].leaks == {"eu": ()}
    assert len(zone.observation.observed(both)["app1"].settings) == 5
    assert leaks(zone) == []

    zone.active_settings.swap(both)
    zone.observation.forget_unused()
    for _ in range(8):
        await zone.cycle()
    assert (leaks(zone, "app0"), leaks(zone, "app1")) == ([], [])
    assert await zone.cycle() <= 2


async def test_a_service_that_no_reading_showed_yet_is_not_observed() -> None:
    """New settings while AWS does not answer: its records are unknown, not missing."""
    zone = await read()
    both = settings_at(APP, f"web.{APEX}")
    zone.create(tree(both.services["app1"]))
    zone.failing_from = 0
    await zone.observation.refresh(10, both, wait_s=1)
    zone.active_settings.swap(both)
    zone.observation.forget_unused()
    assert set(zone.observation.observed()) == {"app0"}
    assert set(zone.observation.resources("app1").values()) == {()}

    zone.failing_from = float("inf")
    await zone.cycle()
    seen = zone.observation.observed()
    assert len(seen["app1"].settings) == len(seen["app0"].settings) == 5
    assert (leaks(zone, "app0"), leaks(zone, "app1")) == ([], [])


async def test_a_zone_as_large_as_its_runs_is_listed_as_a_whole_each_time() -> None:
    """One page is one page."""
    zone = ManyRecords(settings_at(APP), 250)
    assert [await zone.cycle() for _ in range(3)] == [1, 1, 1]

    state = zone.observation.listing_states()[zone.zone]
    assert (state.is_whole, state.pages) == (True, 1)
    assert state.whole_age_s < 1


async def test_a_zone_that_is_emptied_is_seen_to_be_empty() -> None:
    """Every steered record gone, others still there."""
    zone = await read()
    zone.delete(*tree(zone.active_settings.settings.services["app0"]))
    await zone.cycle()
    seen = zone.observation.observed()["app0"]

    assert (seen.settings, leaks(zone)) == ({}, [])
    assert {pool: len(faults) for pool, faults in seen.faults.items()} == {"eu": 1, "rest": 1}


async def test_several_services_runs_of_one_zone_are_listed_together() -> None:
    """Side by side and one below the other."""
    zone = await read(APP, f"api.{APP}", f"apq.{APEX}")

    assert [await zone.cycle() for _ in range(3)] == [1, 1, 1]
    seen = zone.observation.observed()
    assert [len(seen[name].settings) for name in ("app0", "app1", "app2")] == [5, 5, 5]


async def test_settings_without_the_zone_forget_it() -> None:
    """And cancel what is being listed of it."""
    zone = await read()
    await asyncio.sleep(40)
    zone.latency_s = 5.0
    asking = asyncio.create_task(zone.observation.read_whole(20))
    await asyncio.sleep(1)
    only = zone.active_settings.settings
    elsewhere = only.services["app0"].levers.route53
    assert elsewhere is not None
    moved = elsewhere.model_copy(update={"hosted_zone_id": "Z0OTHER"})
    service = only.services["app0"]
    levers = service.levers.model_copy(update={"route53": moved})
    services = {"app0": service.model_copy(update={"levers": levers})}
    zone.active_settings.swap(only.model_copy(update={"services": services}))
    zone.observation.forget_unused()

    assert zone.observation.listing_states() == {}
    await asking
    await zone.observation.end()


async def test_a_record_that_this_program_fails_on_costs_its_service_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Which names are needed cannot be told then: all are read, until it can be told again."""
    zone = await read()

    def fails(*_: object) -> None:
        raise KeyError("DNSName")

    with monkeypatch.context() as broken, logged() as lines:
        broken.setattr(zone_scope, "look_up", fails)
        zone.put(weighted(f"eu.{APP}", "eu-west-1", 5))
        assert await zone.cycle() == 1 + WHOLE
        assert await zone.cycle() == WHOLE
        seen = zone.observation.observed()["app0"].settings
        assert seen[Position("app0", "eu", "eu-west-1")] == LeverState(5)
    assert events(lines).count("names_not_understood") == 1
    assert zone.observation.failing == {}

    assert [await zone.cycle() for _ in range(2)] == [WHOLE, 1]


async def test_a_service_that_is_not_of_the_zone_is_read_all_the_same() -> None:
    """Its names are nowhere in it; asked for them, Route 53 might refuse."""
    zone = ManyRecords(settings_at("app.elsewhere.test."), FOREIGN)
    assert [await zone.cycle() for _ in range(2)] == [WHOLE, WHOLE]
    assert len(zone.observation.observed()["app0"].faults["eu"]) == 1
