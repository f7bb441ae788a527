"""One endpoint as it is probed: late answers, ended connections, gaps, mistakes."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest

from controller.model.configuration import Settings
from controller.model.health import ProbeOutcome, Verdict
from tests.loops.probed import FAST, KNOWN_GOOD, QUICK, Bench, probe
from tests.loops.small import EAST, WEST, in_background, region, small, weighted

pytestmark = pytest.mark.looptime


async def test_confirmations_are_spaced_more_and_more() -> None:
    """Packets that are lost together are not taken for a death; the last gap repeats."""
    bench = Bench(
        probing={**FAST, "interval_s": 10, "confirm_gaps_s": [0.05, 0.2, 0.5]},
        health={**QUICK, "down_after": 5},
    )
    bench.fail("a")
    async with bench.running():
        await asyncio.sleep(5)

    assert bench.asked(probe("a")) == [0, 0.05, 0.25, 0.75, 1.25]
    assert bench.state("a").verdict is Verdict.DOWN


async def test_a_late_answer_ends_the_confirmation() -> None:
    """It is slow, not dead; its failure stands until it is forgiven."""
    bench = Bench({"deadline_s": 0.5})
    bench.prober.hang(probe("a"))
    async with bench.running():
        await asyncio.sleep(0.6)
        bench.prober.answer(probe("a"), ProbeOutcome.PASSED)
        bench.prober.answer_late(probe("a"))
        await asyncio.sleep(0.3)
        state = bench.state("a")
        await asyncio.sleep(2)

    assert bench.asked(probe("a"))[:3] == [0, 1, 2]
    assert (state.failures, state.successes) == (1, 1)
    assert not bench.state("a").suspect


async def test_a_late_answer_while_a_confirmation_is_asked_leaves_it_a_first_probe() -> None:
    """When that fails too, there is something to confirm again."""
    bench = Bench({"deadline_s": 0.5})
    bench.prober.hang(probe("a"))
    async with bench.running():
        await asyncio.sleep(0.8)
        bench.prober.answer_late(probe("a"))
        await asyncio.sleep(1.1)

    assert bench.asked(probe("a")) == [0, 0.7, 1.4]
    assert bench.state("a").failures == 3


async def test_a_connection_that_ends_leads_to_a_probe_at_once() -> None:
    """Neither a failure nor the wait for the next scheduled probe."""
    bench = Bench()
    async with bench.running():
        await asyncio.sleep(5.3)
        before = bench.state("a")
        bench.prober.disturb(probe("a"))
        await asyncio.sleep(0.3)

        assert bench.asked(probe("a"))[-2:] == [5, 5.3]
        assert bench.state("a").successes == before.successes + 1
        assert not bench.state("a").suspect


async def test_a_server_that_always_hangs_up_doubles_its_probes_at_most() -> None:
    """Once for each scheduled probe."""
    bench = Bench()
    async with bench.running():
        await asyncio.sleep(5.05)
        for _ in range(30):
            bench.prober.disturb(probe("a"))
            await asyncio.sleep(0.1)

    assert [at for at in bench.asked(probe("a")) if at > 5.01] == [5.05, 6, 6.05, 7, 7.05, 8]


async def test_a_probe_under_way_is_begun_anew_when_its_question_changes() -> None:
    """Its answer must not be judged by what is not asked for any more."""
    bench = Bench({"deadline_s": 0.5})
    bench.prober.hang(probe("a"))
    async with bench.running():
        await asyncio.sleep(0.3)
        other = {"probe": probe("a"), "keep_alive": False, "required": False, "interval_s": 2.0}
        data: dict[str, Any] = bench.active_settings.settings.model_dump(mode="json")
        data["services"]["shop"]["regions"][WEST]["endpoints"]["a"] = other
        data["services"]["shop"]["regions"][WEST]["endpoints"]["b"] = {"probe": probe("b")}
        bench.active_settings.swap(Settings.model_validate(data))
        bench.prober.answer(probe("a"), ProbeOutcome.PASSED)
        bench.probing.apply_settings()
        await asyncio.sleep(0.1)

        assert bench.asked(probe("a")) == [0, 0.3]
        assert bench.state("a").successes == 1


@pytest.mark.parametrize("where", ["asking", "telling"])
async def test_a_mistake_of_ours_ends_probing(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """A daemon that half works must not go on; supervision gets the error. The event loop alone
    would log it, and no endpoint would be probed any more."""
    bench = Bench()

    def stumble(*given: object) -> None:
        raise ZeroDivisionError("of ours")

    owner, name = {"asking": (bench.prober, "takes_s"), "telling": (bench, "tell")}[where]
    monkeypatch.setattr(owner, name, stumble)
    with pytest.raises(ExceptionGroup) as caught:
        async with in_background(bench.probing.run()):
            await asyncio.sleep(5)

    assert caught.group_contains(ZeroDivisionError)


async def test_corroborators_of_many_failing_endpoints_are_probed_in_rounds() -> None:
    """Once at once, then at most every 0.2 s: not for each of them anew."""
    shop = weighted()
    names = [f"w{number}" for number in range(8)]
    western: dict[str, dict[str, object]] = {name: {"probe": probe(name)} for name in names}
    shop["regions"] = {
        WEST: region(**western),
        EAST: region(web={"probe": probe("east")}),
    }
    bench = Bench(
        settings=small(
            services={"shop": shop},
            reference_targets={"known_good": KNOWN_GOOD},
            probing={**FAST, "interval_s": 10, "fresh_for_s": 60},
            health=QUICK,
        )
    )
    async with bench.running():
        await asyncio.sleep(9.5)
        for name in names:
            bench.fail(name)
        await asyncio.sleep(9)

    asked = [at for at in bench.asked(probe("east")) if 9.5 < at < 19]
    assert len(asked) <= 2 * len(names)
    assert all(later - earlier >= 0.199 for earlier, later in pairwise(asked))
    assert all(bench.state(name).verdict is Verdict.DOWN for name in names)
