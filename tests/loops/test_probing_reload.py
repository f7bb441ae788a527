"""Probing when other settings become active."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from controller.model.configuration import EndpointId, Settings
from controller.model.health import HealthState, ReferenceKind, Verdict
from tests.loops.probed import KNOWN_GOOD, QUICK, Bench, probe
from tests.loops.small import WEST

pytestmark = pytest.mark.looptime


def regrouped(settings: Settings, endpoints: dict[str, dict[str, object]], **more: Any) -> Settings:
    """The same settings with other endpoints in the one region, and other sections."""
    data = settings.model_dump(mode="json")
    data["services"]["shop"]["regions"][WEST]["endpoints"] = endpoints
    return Settings.model_validate(data | more)


async def test_after_a_reload_an_unchanged_endpoint_keeps_its_state_and_its_phase() -> None:
    """Another status set or interval is the same question; another address is not."""
    bench = Bench({}, {}, {}, {})
    async with bench.running():
        await asyncio.sleep(10.1)
        before = {name: bench.state(name) for name in "abcd"}
        bench.active_settings.swap(
            regrouped(
                bench.active_settings.settings,
                {
                    "a": {"probe": probe("a"), "interval_s": 5.0},
                    "b": {"probe": probe("other")},
                    "c": {"probe": probe("c"), "required": False},
                    "e": {"probe": probe("e")},
                },
            )
        )
        bench.probing.apply_settings()
        after = {i.endpoint: state for i, state in bench.probing.health.items()}
        await asyncio.sleep(10)

    assert before["a"].verdict is Verdict.UP
    assert after == {
        "a": before["a"],
        "b": HealthState(),
        "c": before["c"],
        "e": HealthState(),
    }
    assert bench.state("b").verdict is Verdict.UP
    assert bench.state("e").verdict is Verdict.UP
    assert [at for at in bench.asked(probe("a")) if at > 10.1] == [11, 16]
    assert [at for at in bench.asked(probe("c")) if at > 10.1] == [10.5 + i for i in range(10)]
    assert max(bench.asked(probe("b"))) < 10.1
    assert max(bench.asked(probe("d"))) < 10.1


async def test_a_probe_under_way_to_what_a_reload_took_away_is_forgotten() -> None:
    """Its answer must not be taken for the new address's."""
    bench = Bench(health={**QUICK, "down_after": 1})
    bench.prober.hang(probe("a"))
    async with bench.running():
        await asyncio.sleep(0.5)
        bench.active_settings.swap(
            regrouped(bench.active_settings.settings, {"a": {"probe": probe("new")}})
        )
        bench.probing.apply_settings()
        await asyncio.sleep(5)

    assert bench.state("a").verdict is Verdict.UP
    assert bench.state("a").last_failure == ""


async def test_known_good_targets_come_and_go_with_the_settings() -> None:
    """One that stays keeps its state."""
    bench = Bench(known_good=KNOWN_GOOD)
    async with bench.running():
        await asyncio.sleep(3.1)
        kept = bench.probing.known_good[KNOWN_GOOD[0]]
        new = [KNOWN_GOOD[0], "tcp://198.51.100.9:1"]
        bench.active_settings.swap(
            regrouped(
                bench.active_settings.settings,
                {"a": {"probe": probe("a")}},
                reference_targets={"known_good": new},
            )
        )
        bench.probing.apply_settings()
        assert bench.probing.known_good == {new[0]: kept, new[1]: HealthState()}
        await asyncio.sleep(3)

    assert len(bench.asked(new[1])) == 4
    assert max(bench.asked(KNOWN_GOOD[1])) < 3.1


async def test_known_bad_targets_come_and_go_with_the_settings() -> None:
    """One that moves to the other list is another question, and is counted as such."""
    moved = KNOWN_GOOD[0]
    bench = Bench(known_good=(moved,), known_bad=KNOWN_GOOD[1:])
    async with bench.running():
        await asyncio.sleep(3.1)
        kept = bench.probing.known_bad[KNOWN_GOOD[1]]
        endpoints: dict[str, dict[str, object]] = {"a": {"probe": probe("a")}}
        bench.active_settings.swap(
            regrouped(
                bench.active_settings.settings,
                endpoints,
                reference_targets={"known_good": [], "known_bad": [KNOWN_GOOD[1], moved]},
            )
        )
        bench.probing.apply_settings()
        assert bench.probing.known_good == {}
        assert bench.probing.known_bad == {KNOWN_GOOD[1]: kept, moved: HealthState()}
        bench.told.clear()
        await asyncio.sleep(3)

    assert kept.successes > 0
    assert len(bench.asked(moved)) == 4 + 4
    assert max(bench.asked(KNOWN_GOOD[2])) < 3.1
    assert {observed for observed, _ in bench.told} == {
        EndpointId("shop", WEST, "a"),
        ReferenceKind.KNOWN_BAD,
    }


async def test_a_preview_of_other_settings_changes_nothing() -> None:
    """What a dry run asks for."""
    bench = Bench({}, {})
    async with bench.running():
        await asyncio.sleep(5.1)
        new = regrouped(
            bench.active_settings.settings,
            {"a": {"probe": probe("a")}},
            reference_targets={"known_good": [KNOWN_GOOD[0]]},
        )
        health, known_good = bench.probing.health_under(new), bench.probing.known_good_under(new)
        assert health == {EndpointId("shop", WEST, "a"): bench.state("a")}
        assert known_good == {KNOWN_GOOD[0]: HealthState()}
        assert len(bench.probing.health) == 2


async def test_limits_that_a_reload_brings_hold_for_the_next_answer() -> None:
    """Of an endpoint, too, that answers as it always did."""
    gray = {"over_probes": 10, "bad_ratio": 0.5, "slow_factor": 30, "slow_least_s": 0.05}
    bench = Bench(health={**QUICK, "gray": gray})
    bench.prober.slow(probe("a"), 0.01)
    async with bench.running():
        await asyncio.sleep(10.5)
        bench.prober.slow(probe("a"), 0.1)
        await asyncio.sleep(2)
        before = bench.state("a").bad_ratio
        stricter = {"health": {**QUICK, "gray": {**gray, "slow_factor": 2}}}
        settings = bench.active_settings.settings
        bench.active_settings.swap(
            Settings.model_validate(settings.model_dump(mode="json") | stricter)
        )
        bench.probing.apply_settings()
        await asyncio.sleep(1)

    assert before == 0.0
    assert bench.state("a").bad_ratio == pytest.approx(0.1)
