"""After a pause of this process what it saw is forgotten, and what it decided is not sent."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import pairwise

import pytest

from controller.composition import Controller
from controller.model.decision import Hold
from controller.model.health import ProbeOutcome, Verdict
from controller.model.traffic import Measurement
from tests.loops.hanging import hanging
from tests.loops.probed import FAST, Bench, probe
from tests.loops.simulated import World
from tests.loops.small import events, logged
from tests.loops.watching import CALM, WELL_S

pytestmark = pytest.mark.looptime
PAUSE_S = 61.0
DEAD = "eu-west-1"


async def decided_to_drain(world: World, controller: Controller) -> None:
    """A region dies, and its drain waits for the disk, which hangs."""
    world.kill(DEAD)
    for _ in range(500):
        await asyncio.sleep(0.01)
        if any(len(states) > 1 for states in controller.expectations.all.values()):
            return
    raise AssertionError("nothing was decided")


async def test_what_was_decided_before_is_not_sent() -> None:
    """The region was well again long before the machine went on."""
    world = World()
    with logged() as lines:
        async with world.running() as controller:
            await asyncio.sleep(WELL_S)
            with hanging(world.store, "expect", 60):
                await decided_to_drain(world, controller)
                world.clock.suspend(PAUSE_S)
                world.heal(DEAD)
                await asyncio.sleep(60)
            await asyncio.sleep(60)

    assert events(lines).count("process_paused") == 1
    assert events(lines).count("write_refused") == 1
    assert world.records.writes == []
    assert world.accelerators.writes == []
    assert world.weights("world") == CALM


async def test_a_region_that_still_fails_leaves_once_all_was_seen_anew() -> None:
    """A few seconds after the pause."""
    world = World()
    async with world.running() as controller:
        await asyncio.sleep(WELL_S)
        with hanging(world.store, "expect", 60):
            await decided_to_drain(world, controller)
            world.clock.suspend(PAUSE_S)
            await asyncio.sleep(5)

    assert world.weights("world")[DEAD] == 0
    assert world.dials()[DEAD][0] == 0.0


async def test_everything_seen_before_is_forgotten() -> None:
    """Health, also of reference targets; readings; users' reports; second opinions."""
    world = World()
    async with world.running() as controller:
        await asyncio.sleep(WELL_S)
        controller.traffic.add([Measurement("shop", "world", DEAD, 10, 0)])
        sources = controller.snapshots.sources
        before = controller.snapshots.build(())
        assert sources.opinions()
        assert before.measured
        world.clock.suspend(PAUSE_S)
        controller.snapshots.sources.pauses.look()
        after = controller.snapshots.build(())
        reads = len(world.records.reads)
        await asyncio.sleep(1)

    assert after.pause is not None
    assert after.pause.lasted_s == pytest.approx(PAUSE_S, abs=1)
    states = [*after.health["local"].values(), *after.known_good.values()]
    assert {state.last_result_at for state in states} == {None}
    assert not after.measured
    assert not after.opinions
    assert len(world.records.reads) > reads


async def test_a_probe_under_way_is_begun_again() -> None:
    """Its answer may have waited in the kernel for as long as the pause lasted."""
    bench = Bench()
    async with bench.running():
        await asyncio.sleep(0.1)
        assert bench.state("a").successes >= 1
        bench.prober.slow(probe("a"), 0.4)
        asked = len(bench.asked(probe("a")))
        for _ in range(100):
            await asyncio.sleep(0.02)
            if len(bench.asked(probe("a"))) > asked:
                break
        bench.probing.begin_anew()
        began_at = bench.clock.monotonic()
        bench.prober.answer_late(probe("a"))
        await asyncio.sleep(0.39)
        before = bench.state("a")
        await asyncio.sleep(0.02)
        anew = bench.state("a")

    assert bench.asked(probe("a"))[asked + 1] == pytest.approx(began_at, abs=0.001)
    assert before.last_result_at is None, "neither the old answer nor a late one counts"
    assert anew.successes == 1
    assert bench.wakes[-1] == pytest.approx(began_at + 0.4, abs=0.001), "all was seen again"


async def test_confirmations_from_before_are_given_up() -> None:
    """The failure that they were to confirm is forgotten."""
    bench = Bench(probing={**FAST, "confirm_gaps_s": (0.3,)})
    async with bench.running():
        await asyncio.sleep(0.1)
        bench.prober.answer_next(probe("a"), ProbeOutcome.FAILED)
        for _ in range(200):
            await asyncio.sleep(0.01)
            if bench.state("a").failures:
                break
        bench.probing.begin_anew()
        asked = len(bench.asked(probe("a")))
        await asyncio.sleep(1.3)

    gaps = [later - at for at, later in pairwise(bench.asked(probe("a"))[asked:])]
    assert all(gap == pytest.approx(1.0, abs=0.002) for gap in gaps)


@pytest.mark.parametrize(
    ("seconds", "is_pause"), [(9.0, False), (11.0, True), (-9.0, False), (-86400.0, False)]
)
async def test_only_what_is_longer_than_evidence_stays_fresh_is_a_pause(
    seconds: float, is_pause: bool
) -> None:
    """Also a date that goes ahead of the monotonic clock: the machine may have stood still."""
    world = World()
    async with world.running() as controller:
        await asyncio.sleep(WELL_S)
        world.clock.start += timedelta(seconds=seconds)
        await asyncio.sleep(0.3)
        count = controller.snapshots.sources.pauses.count

    assert world.settings.probing.fresh_for_s == 10
    assert count == int(is_pause)


async def test_the_pause_is_said_by_the_hold_and_the_verdict() -> None:
    """While one region hangs after it, and another fails."""
    world = World()
    async with world.running() as controller:
        await asyncio.sleep(WELL_S)
        for address in world.probes("us-east-1"):
            world.prober.slow(address, 2.0)
        world.kill(DEAD)
        world.clock.suspend(PAUSE_S)
        await asyncio.sleep(1.5)
        latest = controller.reconciliation.latest

    assert latest is not None
    held = [h for p in latest.decision.plans for h in p.held if h.reason is Hold.PAUSED]
    assert held, [h for p in latest.decision.plans for h in p.held]
    assert held[0].detail.startswith("this process stood still for 61.")
    silent = latest.decision.regions["shop"]["us-east-1"]
    assert silent.verdict is Verdict.UNKNOWN
    assert "not asked since this process stood still" in silent.why
