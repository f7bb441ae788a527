"""Who is asked besides a suspect, and whose answer wakes the loop."""

from __future__ import annotations

import asyncio

import pytest

from controller.model.health import ProbeOutcome
from tests.loops.probed import FAST, KNOWN_BAD, KNOWN_GOOD, QUICK, Bench, probe
from tests.loops.small import EAST, WEST, region, small, weighted

pytestmark = pytest.mark.looptime


async def test_reference_targets_are_asked_at_once_after_a_first_failure() -> None:
    """They do not wait out their interval."""
    bench = Bench({}, {}, known_good=KNOWN_GOOD)
    async with bench.running():
        await asyncio.sleep(10.3)
        bench.fail("b")
        await asyncio.sleep(0.5)

        assert [bench.asked(address)[-1] for address in KNOWN_GOOD] == [10.5] * 3


@pytest.mark.parametrize("known_good", [KNOWN_GOOD, ()], ids=["some", "none"])
async def test_known_bad_targets_are_not_probed_out_of_schedule(
    known_good: tuple[str, ...],
) -> None:
    """They corroborate nothing, and their own failures need no confirmation."""
    bench = Bench({}, {}, known_good=known_good, known_bad=(KNOWN_BAD,))
    bench.prober.answer(KNOWN_BAD, ProbeOutcome.FAILED, "refused")
    async with bench.running():
        await asyncio.sleep(10.3)
        wakes = list(bench.wakes)
        bench.fail("b")
        await asyncio.sleep(10)

    assert bench.asked(KNOWN_BAD) == list(range(21))
    assert not set(wakes) - {2, 2.5}, "only what turned up is news"


async def test_a_known_bad_target_wakes_the_loop_when_it_answers_and_when_it_fails() -> None:
    """When it counts as answering, no sooner: `forgive_after` times in a row."""
    bench = Bench(known_bad=(KNOWN_BAD,))
    bench.prober.answer(KNOWN_BAD, ProbeOutcome.FAILED, "refused")
    async with bench.running():
        await asyncio.sleep(9.5)
        bench.wakes.clear()
        bench.prober.answer(KNOWN_BAD, ProbeOutcome.PASSED)
        await asyncio.sleep(5)
        bench.prober.answer(KNOWN_BAD, ProbeOutcome.FAILED, "refused")
        await asyncio.sleep(5)

    assert bench.wakes == [11, 17]


async def test_a_reference_target_that_is_being_asked_meanwhile_is_asked_again() -> None:
    """An answer that was on its way when the failure came says too little about the time after."""
    bench = Bench({}, {}, known_good=KNOWN_GOOD)
    bench.prober.hang(KNOWN_GOOD[0])
    bench.fail("b")
    async with bench.running():
        await asyncio.sleep(1.5)

    assert bench.asked(KNOWN_GOOD[0]) == [0, 1]


async def test_a_verdict_wakes_the_loop_and_nothing_else_does() -> None:
    """Unknown to up, up to down; a steady endpoint is silent."""
    bench = Bench()
    async with bench.running():
        await asyncio.sleep(20)
        bench.fail("a")
        await asyncio.sleep(20)

    assert bench.wakes == [2, 20.4]


async def test_a_reference_target_that_becomes_suspect_or_well_wakes_the_loop() -> None:
    """Whether the prober is to be believed changes with it."""
    bench = Bench(known_good=KNOWN_GOOD, health={**QUICK, "up_after": 100})
    async with bench.running():
        await asyncio.sleep(9.5)
        bench.prober.answer_next(KNOWN_GOOD[0], ProbeOutcome.FAILED)
        await asyncio.sleep(10)

    assert bench.wakes == [10, 12]


@pytest.mark.parametrize("takes_s", [0.1, 0.9, 3, 9])
async def test_the_reference_targets_first_answers_wake_the_loop_while_a_down_vote_waits_for_them(
    takes_s: float,
) -> None:
    """However long they take; later answers are no news any more."""
    bench = Bench({}, {}, known_good=KNOWN_GOOD)
    async with bench.running():
        await asyncio.sleep(5.2)
        for address in KNOWN_GOOD:
            bench.prober.slow(address, takes_s)
        bench.fail("b")
        bench.wakes.clear()
        await asyncio.sleep(30)

    failed_at, down_at, answered_at = 5.5, 5.9, 5.5 + takes_s
    assert bench.asked(probe("b"))[5:8] == [failed_at, 5.7, down_at]
    assert bench.wakes == [down_at, *[answered_at] * (3 if answered_at > down_at else 0)]


async def test_without_reference_targets_the_other_endpoints_corroborate() -> None:
    """They are probed out of schedule, keep their schedule, and late answers wake the loop."""
    bench = Bench({}, {}, {}, {})
    async with bench.running():
        await asyncio.sleep(9.9)
        bench.prober.slow(probe("c"), 0.6)
        bench.fail("a")
        bench.wakes.clear()
        await asyncio.sleep(5)

    assert bench.asked(probe("b"))[9:13] == [9.25, 10, 10.25, 11.25]
    assert bench.wakes == [10.4, 10.6]


async def test_the_same_service_elsewhere_is_asked_at_once_and_other_endpoints_are_not() -> None:
    """Whether a region fails alone is what decides; reference targets or not."""
    shop = weighted()
    shop["regions"] = {
        name: region(web={"probe": probe(name)}, tcp={"probe": probe(f"tcp.{name}")})
        for name in (WEST, EAST)
    }
    other = weighted("blog.test.")
    other["regions"] = {WEST: region(web={"probe": probe("blog")}), EAST: region()}
    bench = Bench(
        settings=small(
            services={"shop": shop, "blog": other},
            reference_targets={"known_good": KNOWN_GOOD},
            probing=FAST,
            health=QUICK,
        )
    )
    async with bench.running():
        await asyncio.sleep(9.9)
        bench.fail(WEST)
        await asyncio.sleep(0.15)

    asked = {address for at, address in bench.prober.asked if round(at, 3) == 10}
    assert asked == {probe(WEST), probe(EAST), probe(f"tcp.{EAST}"), *KNOWN_GOOD}
