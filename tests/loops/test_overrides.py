"""A person's standing instructions: taken, kept, announced, ended."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from controller.loops.overrides import DAEMON
from controller.model.errors import InvalidRequestError, StateUnavailableError
from controller.model.events import EventType
from controller.model.overrides import Override, OverrideKind
from tests.loops.hanging import hanging
from tests.loops.ordered import DRAIN, FREEZE, Bench, SlowStore
from tests.loops.small import (
    EAST,
    WEST,
    events,
    in_background,
    logged,
    small,
)

pytestmark = pytest.mark.looptime


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"service": "shoop"}, "service", "no service is named 'shoop'"),
        ({"region": "eu-west-9"}, "region", "no region is named 'eu-west-9'"),
        ({"region": "eu-west-9", "service": "shop"}, "region", "of service shop is named"),
        ({"region": None}, "region", "a drain needs its region"),
        ({"ttl_s": 59.9}, "ttl_s", "ttl_s is 59.9; allowed are 60 to 3600 s"),
        ({"ttl_s": 34_560_000}, "ttl_s", "ttl_s is 34560000; allowed are 60 to 3600 s"),
        ({"ttl_s": 3600.1}, "ttl_s", "allowed are 60 to 3600 s"),
        ({"ttl_s": float("nan")}, "ttl_s", "allowed are 60 to 3600 s"),
        ({"reason": " "}, "reason", "an override needs its reason"),
        ({"author": ""}, "author", "an override needs its author"),
        ({"ignore_guards": ("panik",)}, "ignore_guards", "no guard is named 'panik'"),
        ({"ignore_guards": ("frozen",)}, "ignore_guards", "no guard is named 'frozen'"),
        ({"kind": OverrideKind.FREEZE}, "region", "a freeze has no region"),
        ({"share": 0.3}, "share", "a drain has no share"),
        (
            {"kind": OverrideKind.FREEZE, "region": None, "share": 0.3},
            "share",
            "a freeze has no share",
        ),
        ({"kind": OverrideKind.PIN}, "share", "a pin needs its share"),
        ({"kind": OverrideKind.PIN, "region": None}, "region", "a pin needs its region"),
        (
            {"kind": OverrideKind.PIN, "share": 0},
            "share",
            "share is 0, which takes the region out: drain it instead",
        ),
        (
            {"kind": OverrideKind.PIN, "share": 30},
            "share",
            "share is 30; allowed is a part above 0 up to 1, such as 0.3 for 30 %",
        ),
        ({"kind": OverrideKind.PIN, "share": -0.1}, "share", "share is -0.1; allowed is a part"),
        ({"kind": OverrideKind.PIN, "share": float("nan")}, "share", "share is nan; allowed"),
        ({"pool": "world"}, "service", "a pool is one service's: name the service, too"),
        ({"service": "shop", "pool": "wrld"}, "pool", "no pool of service shop is named 'wrld'"),
        (
            {"service": "shop", "pool": "world", "region": "eu-west-9"},
            "region",
            "no region of pool world is named 'eu-west-9'",
        ),
    ],
)
async def test_what_makes_no_sense_is_refused_and_not_stored(
    change: dict[str, Any], field: str, message: str
) -> None:
    """With the field that was wrong and one line that says why."""
    bench = Bench()
    with pytest.raises(InvalidRequestError, match=message) as refused:
        await bench.overrides.add(replace(DRAIN, **change))

    assert refused.value.field == field
    assert await bench.store.overrides() == ()
    assert bench.wakes == []


@pytest.mark.parametrize(
    ("change", "valid"),
    [
        ({"service": "shoop"}, ("shop", "api")),
        ({"region": "eu-west-9"}, (WEST, EAST)),
        ({"region": None}, (WEST, EAST)),
    ],
)
async def test_a_refusal_names_what_is_possible(
    change: dict[str, Any], valid: tuple[str, ...]
) -> None:
    """So that no operator has to look it up at night."""
    with pytest.raises(InvalidRequestError) as refused:
        Bench().overrides.check(replace(DRAIN, **change))

    assert refused.value.valid == valid


@pytest.mark.parametrize("ttl_s", [60, 3600])
async def test_the_limits_themselves_are_allowed(ttl_s: float) -> None:
    """Both ends."""
    Bench().overrides.check(replace(DRAIN, ttl_s=ttl_s))


@pytest.mark.parametrize("share", [0.001, 0.3, 1])
async def test_a_region_may_be_pinned_at_any_part(share: float) -> None:
    """Of nearly nothing up to everything."""
    Bench().overrides.check(replace(DRAIN, kind=OverrideKind.PIN, share=share))


async def test_a_newer_pin_takes_the_place_of_the_older() -> None:
    """Whatever its share; a drain of the same region stands beside it."""
    bench = Bench()
    pin = replace(DRAIN, kind=OverrideKind.PIN, share=0.3)
    for request in (pin, DRAIN, replace(pin, share=0.6)):
        await bench.overrides.add(request)

    assert [(o.kind, o.share) for o in bench.overrides.active()] == [
        (OverrideKind.DRAIN, None),
        (OverrideKind.PIN, 0.6),
    ]


async def test_a_condition_is_given_what_would_be_in_force_and_may_refuse_it() -> None:
    """What it refuses changes nothing, in the store neither; mistakes are found before it."""
    bench, seen = Bench(), list[tuple[Override, ...]]()
    first = await bench.overrides.add(DRAIN)

    def refuse(supposed: Sequence[Override]) -> None:
        seen.append(tuple(supposed))
        raise LookupError("another state")

    with pytest.raises(InvalidRequestError):
        await bench.overrides.add(replace(DRAIN, region="eu-west-9"), refuse)
    assert seen == []
    with pytest.raises(LookupError):
        await bench.overrides.add(replace(DRAIN, reason="INC-43"), refuse)

    ((supposed,),) = seen
    assert (supposed.target, supposed.reason) == (first.target, "INC-43")
    assert supposed.id > first.id
    assert bench.overrides.active() == (first,)
    assert await bench.store.overrides() == (first,)


async def test_an_override_is_stored_active_and_announced_at_once() -> None:
    """Acknowledged means durable, and the loop is woken for it."""
    bench = Bench()
    override = await bench.overrides.add(DRAIN)

    assert await bench.store.overrides() == bench.overrides.active() == (override,)
    assert override.expires_at - override.created_at == timedelta(seconds=100)
    assert bench.overrides.remaining_s(override.id) == 100
    assert bench.wakes == [0]
    assert bench.told == [(EventType.OVERRIDE_SET, 1, "ann", "")]


async def test_an_override_that_cannot_be_stored_is_not_obeyed() -> None:
    """Its author gets an error."""
    bench = Bench()
    bench.store.unavailable = True
    with pytest.raises(StateUnavailableError):
        await bench.overrides.add(DRAIN)

    assert bench.active() == []
    assert bench.wakes == []


async def test_a_newer_one_at_the_same_place_takes_the_place_of_the_older() -> None:
    """Of the same kind, service and region; others stand beside it."""
    bench = Bench()
    for request in (DRAIN, replace(DRAIN, region=EAST), replace(DRAIN, service="shop"), FREEZE):
        await bench.overrides.add(request)
    await bench.overrides.add(replace(DRAIN, reason="INC-43"))

    assert bench.active() == [2, 3, 4, 5]
    assert [o.id for o in await bench.store.overrides()] == [2, 3, 4, 5]
    assert (EventType.OVERRIDE_ENDED, 1, "ann", "replaced") in bench.told


async def test_two_at_the_same_place_at_the_same_moment_leave_one() -> None:
    """The store takes its time; the second must see the first."""
    bench = Bench()
    bench.store = SlowStore()
    bench.overrides = bench.restarted()
    async with asyncio.TaskGroup() as group:
        for author in ("ann", "bob"):
            group.create_task(bench.overrides.add(replace(DRAIN, author=author)))

    assert [override.author for override in bench.overrides.active()] == ["bob"]
    assert len(await bench.store.overrides()) == 1


async def test_two_who_withdraw_at_the_same_moment_are_answered_apart() -> None:
    """One ended it; the other gets an error that it is not active any more."""
    bench = Bench()
    bench.store = SlowStore()
    bench.overrides = bench.restarted()
    await bench.overrides.add(DRAIN)
    results = await asyncio.gather(
        bench.overrides.withdraw(1, "ann"),
        bench.overrides.withdraw(1, "bob"),
        return_exceptions=True,
    )

    assert [type(result) for result in results] == [Override, InvalidRequestError]
    assert (await bench.audit())[-1] == ("ann", "override_withdrawn")


async def test_withdrawing_ends_it_now_and_durably() -> None:
    """And wakes the loop, because traffic may return."""
    bench = Bench()
    await bench.overrides.add(DRAIN)
    await asyncio.sleep(5)
    await bench.overrides.withdraw(1, "bob")

    assert bench.active() == []
    assert await bench.store.overrides() == ()
    assert bench.wakes == [0, 5]
    assert bench.told[-1] == (EventType.OVERRIDE_ENDED, 1, "bob", "withdrawn")


async def test_withdrawing_what_is_not_in_force_names_what_is() -> None:
    """Unknown and ended ones alike."""
    bench = Bench()
    await bench.overrides.add(DRAIN)
    await bench.overrides.add(replace(DRAIN, region=EAST))
    await bench.overrides.withdraw(1, "bob")
    for override_id in (1, 99):
        with pytest.raises(InvalidRequestError, match=f"no override {override_id} is") as refused:
            await bench.overrides.withdraw(override_id, "bob")

        assert refused.value.valid == ("2",)


async def test_a_withdrawal_that_cannot_be_stored_changes_nothing() -> None:
    """Otherwise it would come back after a restart."""
    bench = Bench()
    await bench.overrides.add(DRAIN)
    bench.store.unavailable = True
    with pytest.raises(StateUnavailableError):
        await bench.overrides.withdraw(1, "bob")

    assert bench.active() == [1]


async def test_an_override_ends_when_its_time_is_up() -> None:
    """In the decision first, at once, then in the store; the daemon signs for it."""
    bench = Bench()
    async with in_background(bench.overrides.run()):
        await bench.overrides.add(DRAIN)
        await asyncio.sleep(99.9)
        assert bench.active() == [1]
        await asyncio.sleep(0.2)

    assert bench.active() == []
    assert await bench.store.overrides() == ()
    assert await bench.audit() == [("ann", "override_added"), (DAEMON, "override_expired")]
    assert set(bench.wakes) == {0, 100}


async def test_its_end_is_announced_once_and_in_time() -> None:
    """Half a minute before; not again when something else happens meanwhile."""
    bench = Bench()
    with logged() as lines:
        async with in_background(bench.overrides.run()):
            await bench.overrides.add(DRAIN)
            await asyncio.sleep(69.9)
            early = events(lines)
            await asyncio.sleep(0.2)
            await bench.overrides.add(replace(FREEZE, ttl_s=3600))
            await asyncio.sleep(40)

    assert early == ["override_set"]
    assert events(lines).count("override_expires_soon") == 1
    assert [line["left_s"] for line in lines if "left_s" in line] == [30]
    assert (EventType.OVERRIDE_EXPIRES_SOON, 1, DAEMON, "") in bench.told


async def test_one_shorter_than_the_notice_is_announced_at_once() -> None:
    """Better short notice than none."""
    bench = Bench()
    bench.settings = small(overrides={"min_ttl_s": 1, "announce_before_s": 30})
    bench.overrides = bench.restarted()
    async with in_background(bench.overrides.run()):
        await bench.overrides.add(replace(DRAIN, ttl_s=5))
        await asyncio.sleep(0.1)

        assert (EventType.OVERRIDE_EXPIRES_SOON, 1, DAEMON, "") in bench.told


@pytest.mark.parametrize("jump", [timedelta(days=1), timedelta(days=-1)])
async def test_a_wall_clock_that_jumps_neither_ends_nor_prolongs_it(jump: timedelta) -> None:
    """Time is counted on a clock that cannot be set."""
    bench = Bench()
    async with in_background(bench.overrides.run()):
        await bench.overrides.add(DRAIN)
        await asyncio.sleep(10)
        bench.clock.start += jump
        await asyncio.sleep(89.9)
        assert bench.active() == [1]
        assert bench.overrides.remaining_s(1) == pytest.approx(0.1)
        await asyncio.sleep(0.2)

    assert bench.active() == []
    assert await bench.store.overrides() == ()


@pytest.mark.parametrize(("stopped_s", "left_s"), [(40, 60), (99, 1), (100, None), (5000, None)])
async def test_after_a_restart_the_date_counts(stopped_s: float, left_s: float | None) -> None:
    """What expired while no daemon ran is ended at once, and never active again."""
    bench = Bench()
    await bench.overrides.add(DRAIN)
    bench.clock.start += timedelta(seconds=stopped_s)
    bench.overrides = bench.restarted()
    await bench.overrides.load()
    async with in_background(bench.overrides.run()):
        active = bench.active()
        await asyncio.sleep(0.1)

    if left_s is None:
        assert active == []
        assert await bench.store.overrides() == ()
    else:
        assert active == [1]
        assert bench.overrides.remaining_s(1) == pytest.approx(left_s - 0.1)


@pytest.mark.parametrize(
    "jump",
    [timedelta(seconds=-11), timedelta(hours=-1), timedelta(days=-365), timedelta(days=-9999)],
)
async def test_a_start_with_a_clock_that_is_behind_prolongs_no_order(jump: timedelta) -> None:
    """From the start on it lasts as long as it was given for, whatever the clock does then."""
    bench = Bench()
    await bench.overrides.add(DRAIN)
    bench.clock.start += jump
    bench.overrides = bench.restarted()
    with logged() as lines:
        await bench.overrides.load()
    async with in_background(bench.overrides.run()):
        assert bench.overrides.remaining_s(1) == pytest.approx(100)
        assert [override.id for override in bench.overrides.given_later] == [1]
        await asyncio.sleep(50)
        bench.clock.start -= jump
        assert bench.overrides.remaining_s(1) == pytest.approx(50)
        await asyncio.sleep(50.1)

    assert events(lines) == ["override_of_the_future"]
    assert bench.active() == []
    assert bench.overrides.given_later == ()
    assert await bench.store.overrides() == ()


async def test_an_extended_order_keeps_what_it_was_extended_to() -> None:
    """Its whole time is what a wrong clock may give it at most."""
    bench = Bench()
    await bench.overrides.add(DRAIN)
    await asyncio.sleep(50)
    await bench.overrides.extend(1, 600, "bob", "longer")
    bench.overrides = bench.restarted()
    await bench.overrides.load()
    assert bench.overrides.remaining_s(1) == pytest.approx(600)
    assert bench.overrides.given_later == ()
    bench.clock.start -= timedelta(days=30)
    bench.overrides = bench.restarted()
    await bench.overrides.load()
    assert bench.overrides.remaining_s(1) == pytest.approx(650)


async def test_two_clocks_that_differ_a_little_are_no_matter() -> None:
    """The start may be on another machine."""
    bench = Bench()
    await bench.overrides.add(DRAIN)
    bench.clock.start -= timedelta(seconds=9)
    bench.overrides = bench.restarted()
    with logged() as lines:
        await bench.overrides.load()
    assert events(lines) == []
    assert bench.overrides.given_later == ()


async def test_an_end_that_cannot_be_stored_is_tried_again_and_not_obeyed_meanwhile() -> None:
    """Its time is up, whatever the disk says."""
    bench = Bench()
    async with in_background(bench.overrides.run()):
        await bench.overrides.add(DRAIN)
        await asyncio.sleep(50)
        bench.store.unavailable = True
        await asyncio.sleep(60)
        assert bench.active() == []
        with pytest.raises(InvalidRequestError, match="no override 1 is in force"):
            await bench.overrides.withdraw(1, "bob")
        bench.store.unavailable = False
        await asyncio.sleep(1.1)

    assert await bench.store.overrides() == ()
    assert (await bench.audit())[-1] == (DAEMON, "override_expired")


async def test_an_order_of_which_the_store_says_nothing_is_not_acknowledged() -> None:
    """After five seconds; stored in the end, it counts from then on."""
    bench = Bench()
    with hanging(bench.store, "add_override", 60), pytest.raises(StateUnavailableError) as refused:
        await bench.overrides.add(DRAIN)
    assert "no answer from the state file within 5 s" in str(refused.value)
    assert asyncio.get_running_loop().time() == pytest.approx(5)
    assert bench.active() == []
    await asyncio.sleep(56)

    assert bench.active() == [1]
    assert await bench.store.overrides() == bench.overrides.active()
    assert bench.overrides.remaining_s(1) == pytest.approx(100 - 61), "from when it was asked for"
    assert bench.told == [(EventType.OVERRIDE_SET, 1, "ann", "")]


async def test_while_a_change_is_being_stored_others_are_refused_and_nothing_piles_up() -> None:
    """A refused caller knows that nothing has changed, then or later."""
    bench = Bench()
    await bench.overrides.add(FREEZE)
    with hanging(bench.store, "add_override", 60):
        hung = asyncio.create_task(bench.overrides.add(DRAIN))
        await asyncio.sleep(1)
        others = await asyncio.gather(
            bench.overrides.add(replace(DRAIN, region=EAST)),
            bench.overrides.extend(1, 200, "bob", "longer"),
            bench.overrides.withdraw(1, "bob"),
            hung,
            return_exceptions=True,
        )
    await asyncio.sleep(100)

    assert [type(one) for one in others] == [StateUnavailableError] * 4
    assert all("nothing has changed" in str(one) for one in others[:3])
    assert [o.region for o in await bench.store.overrides()] == [None, WEST]
    assert bench.active() == []  # their time is over


@pytest.mark.parametrize("method", ["add_override", "extend_override", "end_override"])
async def test_a_store_that_hangs_prolongs_nothing(method: str) -> None:
    """Orders end at their time, are announced, and wake the loop, whatever is being stored."""
    bench = Bench()
    acts = {
        "add_override": lambda: bench.overrides.add(replace(DRAIN, region=EAST)),
        "extend_override": lambda: bench.overrides.extend(1, 300, "bob", "longer"),
        "end_override": lambda: bench.overrides.withdraw(1, "bob"),
    }
    async with in_background(bench.overrides.run()):
        for region, ttl_s in ((None, 100), (WEST, 100), (EAST, 150)):
            kind = OverrideKind.DRAIN if region else OverrideKind.FREEZE
            await bench.overrides.add(replace(DRAIN, kind=kind, region=region, ttl_s=ttl_s))
        await asyncio.sleep(50)
        with hanging(bench.store, method):
            act = asyncio.create_task(acts[method]())
            await asyncio.sleep(50.5)
            assert bench.active() == [3]
            assert any(100 <= at <= 100.5 for at in bench.wakes)
            await asyncio.sleep(20)
            assert (EventType.OVERRIDE_EXPIRES_SOON, 3, DAEMON, "") in bench.told
            await asyncio.sleep(30)
            assert bench.active() == []
            assert any(150 <= at <= 150.5 for at in bench.wakes)
        await asyncio.gather(act, return_exceptions=True)
    await bench.overrides.end()


async def test_an_extension_that_hangs_keeps_an_order_no_longer_than_it_is_waited_for() -> None:
    """It must not expire while the store works, nor stay active for an hour unless it is stored."""
    bench = Bench()
    await bench.overrides.add(DRAIN)
    await asyncio.sleep(99)
    with hanging(bench.store, "extend_override", 30):
        act = asyncio.create_task(bench.overrides.extend(1, 600, "bob", "longer"))
        await asyncio.sleep(4)
        assert bench.active() == [1]
        await asyncio.sleep(2)
        assert bench.active() == []
        await asyncio.sleep(30)
    assert isinstance((await asyncio.gather(act, return_exceptions=True))[0], StateUnavailableError)
    assert bench.active() == [1], "it is stored now"
    assert bench.overrides.remaining_s(1) == pytest.approx(600 - 36)


@pytest.mark.parametrize("suspended_s", [1, 49, 51, 5000])
async def test_an_order_ends_when_people_were_shown_after_the_machine_was_suspended(
    suspended_s: float,
) -> None:
    """Timers and the monotonic clock stood still meanwhile; dates went on."""
    bench = Bench()
    async with in_background(bench.overrides.run()):
        override = await bench.overrides.add(DRAIN)
        await asyncio.sleep(50)
        bench.clock.suspend(suspended_s)
        left_s = (override.expires_at - bench.clock.wall()).total_seconds()
        assert bench.overrides.remaining_s(1) == pytest.approx(max(0, left_s))
        assert bench.active() == ([1] if left_s > 0 else [])
        await asyncio.sleep(max(0, left_s) + 10.1)

        assert bench.active() == []
        assert await bench.store.overrides() == ()
        assert (EventType.OVERRIDE_ENDED, 1, DAEMON, "expired") in bench.told


async def test_a_suspend_and_a_clock_that_is_set_back_do_not_add_up() -> None:
    """A laptop that wakes with a wrong date: the order neither ends at once nor lasts longer."""
    bench = Bench()
    async with in_background(bench.overrides.run()):
        await bench.overrides.add(DRAIN)
        bench.clock.suspend(30)
        bench.clock.start -= timedelta(days=400)
        assert bench.overrides.remaining_s(1) == pytest.approx(70)
        await asyncio.sleep(69.9)
        assert bench.active() == [1]
        await asyncio.sleep(0.2)
        assert bench.active() == []


async def test_before_earlier_orders_are_read_none_is_taken() -> None:
    """It might replace one of them, or stand against it."""
    bench = Bench()
    bench.overrides.loaded = False
    with pytest.raises(StateUnavailableError, match="have not been read yet; nothing has changed"):
        await bench.overrides.add(DRAIN)
    await bench.overrides.load()
    await bench.overrides.add(DRAIN)
    assert bench.active() == [1]
