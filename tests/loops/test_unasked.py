"""Probes that could not be run: said with their cause, in bounds, and no longer than they last."""

from __future__ import annotations

import asyncio

import pytest

from controller.loops.probing.unasked import LOG_EVERY_S, UnaskedProbes
from controller.model.health import NotRunCause, ProbeOutcome, ProbeResult
from tests.loops.probed import KNOWN_GOOD, Bench, probe
from tests.loops.small import logged

pytestmark = pytest.mark.looptime


def unasked(at: float, cause: NotRunCause | None, detail: str = "said") -> ProbeResult:
    return ProbeResult(ProbeOutcome.COULD_NOT_RUN, at, 0.0, detail, cause=cause)


def test_what_lacks_the_same_is_one_line_of_status_and_log() -> None:
    """However many endpoints: the number, one of them, and since when."""
    probes = UnaskedProbes()
    with logged() as lines:
        for number in range(1000):
            probes.add(number, f"e{number}", unasked(10.0, NotRunCause.DESCRIPTORS))
        for number in range(1000):
            probes.add(number, f"e{number}", unasked(10.0 + LOG_EVERY_S, NotRunCause.DESCRIPTORS))

    (one,) = probes.now
    assert (one.cause, one.subjects, one.since, one.example) == ("descriptors", 1000, 10.0, "e0")
    assert [(line["event"], line["probes"]) for line in lines] == [
        ("probes_could_not_run", 1),
        ("probes_could_not_run", 1000),
    ]


def test_each_subject_has_its_last_cause_and_the_widest_comes_first() -> None:
    """A cause without any is not shown; a result without one is our mistake."""
    probes = UnaskedProbes()
    with logged():
        probes.add("a", "a", unasked(1.0, NotRunCause.PORTS))
        probes.add("a", "a", unasked(2.0, NotRunCause.MEMORY))
        probes.add("b", "b", unasked(3.0, NotRunCause.MEMORY))
        probes.add("c", "c", unasked(4.0, None))
    assert [(one.cause, one.subjects) for one in probes.now] == [("memory", 2), ("mistake", 1)]
    probes.discard("a")
    probes.discard("a")
    probes.discard("b")
    assert [one.cause for one in probes.now] == ["mistake"]


async def test_endpoints_and_reference_targets_are_noted_until_they_are_asked_again() -> None:
    """Or are asked no more."""
    bench = Bench({}, {}, known_good=KNOWN_GOOD[:1])
    bench.prober.not_run_cause = NotRunCause.DESCRIPTORS
    for name in (probe("a"), probe("b"), KNOWN_GOOD[0]):
        bench.prober.answer(name, ProbeOutcome.COULD_NOT_RUN, "no file descriptor")
    with logged():
        async with bench.running():
            await asyncio.sleep(2.5)
            assert [one.subjects for one in bench.probing.unasked.now] == [3]
            bench.prober.answer(probe("a"), ProbeOutcome.PASSED)
            await asyncio.sleep(1)
            assert [one.subjects for one in bench.probing.unasked.now] == [2]
        assert bench.probing.unasked.now == ()


async def test_a_look_up_that_could_not_run_is_forgotten_once_addresses_are_known() -> None:
    """Then each address is noted by itself."""
    bench = Bench()
    bench.prober.not_run_cause = NotRunCause.DESCRIPTORS
    bench.prober.answer(probe("a"), ProbeOutcome.COULD_NOT_RUN, "no file descriptor")
    with logged():
        async with bench.running():
            await asyncio.sleep(2.5)
            assert [one.subjects for one in bench.probing.unasked.now] == [1]
            bench.prober.resolve(probe("a"), "192.0.2.1:1", "192.0.2.2:1")
            bench.prober.answer("192.0.2.2:1", ProbeOutcome.COULD_NOT_RUN, "no port")
            await asyncio.sleep(1)
            (one,) = bench.probing.unasked.now
            assert one.example == "shop/eu-west-1/a at 192.0.2.2:1"
            bench.prober.answer("192.0.2.2:1", ProbeOutcome.PASSED)
            await asyncio.sleep(2)
            assert bench.probing.unasked.now == ()
