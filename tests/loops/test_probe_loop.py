"""Probing in simulated time: when who is asked, and what becomes of the answers."""

from __future__ import annotations

import asyncio

import pytest

from controller.model.configuration import EndpointId
from controller.model.health import HealthState, ProbeOutcome, Verdict
from tests.loops.probed import KNOWN_GOOD, QUICK, Bench, probe
from tests.loops.small import WEST

pytestmark = pytest.mark.looptime


async def test_endpoints_are_spread_evenly_over_the_interval() -> None:
    """Four endpoints and one second: a probe every quarter, round after round, for ever."""
    bench = Bench({}, {}, {}, {})
    async with bench.running():
        await asyncio.sleep(100.1)

    assert bench.asked(probe("a"))[:3] == [0, 1, 2]
    assert bench.asked(probe("b"))[:3] == [0.25, 1.25, 2.25]
    assert bench.asked(probe("d"))[:3] == [0.75, 1.75, 2.75]
    assert bench.asked(probe("c")) == [round(0.5 + i, 3) for i in range(100)]


async def test_an_endpoint_may_have_its_own_interval_and_deadline() -> None:
    """What stands at the endpoint outranks the section."""
    bench = Bench({"interval_s": 5.0, "deadline_s": 2.5}, health={**QUICK, "down_after": 1})
    bench.prober.hang(probe("a"))
    async with bench.running():
        await asyncio.sleep(3)
        failed_at = bench.state("a").since
        await asyncio.sleep(3)

    assert failed_at == pytest.approx(2.5)
    assert bench.asked(probe("a")) == [0, 5]


@pytest.mark.parametrize(
    ("deadline_s", "asked"),
    [(0.9, [0, 1, 2, 3, 4, 5, 6]), (1.5, [0, 2, 4, 6]), (2.5, [0, 3, 6])],
)
async def test_after_an_overrun_the_next_probe_is_due_at_its_old_phase(
    deadline_s: float, asked: list[float]
) -> None:
    """Missed probes are skipped, never made up for, and endpoints stay spread."""
    bench = Bench({"deadline_s": deadline_s}, health={**QUICK, "down_after": 1})
    bench.prober.hang(probe("a"))
    async with bench.running():
        await asyncio.sleep(6.5)

    assert bench.asked(probe("a")) == asked


async def test_confirmations_follow_each_other_with_the_gap_between_them() -> None:
    """The gap is reckoned from the end of a probe; after the verdict the interval rules again."""
    bench = Bench({"deadline_s": 0.5})
    bench.prober.hang(probe("a"))
    async with bench.running():
        await asyncio.sleep(2.5)

    assert bench.asked(probe("a")) == [0, 0.7, 1.4, 2.0]
    assert bench.state("a").verdict is Verdict.DOWN
    assert bench.state("a").since == pytest.approx(1.9)


async def test_confirmation_stops_at_a_success() -> None:
    """One lost probe costs one more."""
    bench = Bench()
    bench.answer_in_turn("a", "-")
    async with bench.running():
        await asyncio.sleep(2.5)

    assert bench.asked(probe("a")) == [0, 0.2, 1, 2]
    assert not bench.state("a").suspect


async def test_a_failure_soon_after_a_forgiven_one_is_confirmed_as_well() -> None:
    """A region that dies a moment after a lost probe is found as fast as any other."""
    bench = Bench()
    bench.answer_in_turn("a", "-+---")
    async with bench.running():
        await asyncio.sleep(1.9)

    assert bench.asked(probe("a")) == [0, 0.2, 1, 1.2]
    assert bench.state("a").verdict is Verdict.DOWN


async def test_a_success_is_not_confirmed_although_a_failure_still_stands() -> None:
    """Only failures call for more probes."""
    bench = Bench(known_good=KNOWN_GOOD, health={**QUICK, "forgive_after": 3})
    bench.answer_in_turn("a", "-")
    async with bench.running():
        await asyncio.sleep(1.9)

    assert bench.asked(probe("a")) == [0, 0.2, 1]


async def test_a_probe_that_could_not_be_run_only_leaves_its_reason_and_is_observed() -> None:
    """Neither verdict nor freshness nor pace change: what is missing is ours, not theirs."""
    bench = Bench()
    async with bench.running():
        await asyncio.sleep(5.5)
        before, wakes = bench.state("a"), list(bench.wakes)
        bench.answer_in_turn("a", "oo")
        await asyncio.sleep(2)

        left = bench.state("a")
        assert left.not_run == "could_not_run"
        assert left.not_run_since == pytest.approx(6)
        assert left._replace(not_run="", not_run_since=None) == before
        assert bench.wakes == wakes
        assert bench.asked(probe("a"))[-2:] == [6, 7]
        assert bench.told[-1] == (EndpointId("shop", WEST, "a"), ProbeOutcome.COULD_NOT_RUN)


async def test_probes_that_cannot_be_run_do_not_prolong_a_confirmation_without_end() -> None:
    """A process without file descriptors must not probe more often for it."""
    bench = Bench()
    bench.answer_in_turn("a", "-" + "o" * 20)
    async with bench.running():
        await asyncio.sleep(3.9)

    assert bench.asked(probe("a")) == [0, 0.2, 0.4, 0.6, 1, 2, 3]
    assert bench.state("a").verdict is Verdict.UNKNOWN


async def test_an_endpoint_that_is_down_is_asked_at_its_interval_only() -> None:
    """There is nothing to confirm any more."""
    bench = Bench()
    bench.fail("a")
    async with bench.running():
        await asyncio.sleep(5.1)

    assert bench.asked(probe("a")) == [0, 0.2, 0.4, 1, 2, 3, 4, 5]


async def test_forgetting_makes_every_endpoint_unknown_and_leaves_the_reference_targets() -> None:
    """What an isolated prober saw of them is no evidence; the reference targets showed that."""
    bench = Bench({}, {}, known_good=KNOWN_GOOD)
    async with bench.running():
        await asyncio.sleep(5)
        known_good = bench.probing.known_good
        bench.probing.reset()
        assert set(bench.probing.health.values()) == {HealthState()}
        assert bench.probing.known_good == known_good
        bench.wakes.clear()
        await asyncio.sleep(5)

    assert bench.state("a").verdict is Verdict.UP
    assert len(bench.wakes) == 2


async def test_forgetting_while_a_probe_is_under_way_counts_its_answer_anew() -> None:
    """The answer is folded into the state it meets, not into the one it left."""
    bench = Bench({"deadline_s": 0.5})
    bench.prober.hang(probe("a"))
    async with bench.running():
        await asyncio.sleep(0.8)
        bench.probing.reset()
        await asyncio.sleep(0.5)

        assert bench.state("a").failures == 1
