"""A region whose network is withdrawn is drained, for others prove that our own network works.

After Facebook Engineering, "More details about the October 4 outage" (2021): the prefixes of a
network are withdrawn, and every router answers "network unreachable" (ENETUNREACH). That alone may
be our own fault. But reference targets and the other regions go on answering over the same address
family, so it is not; and whoever must do without such witnesses is told why a region is unknown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest

from controller.composition import Controller
from controller.model.health import NotRunCause, ProbeOutcome, Verdict
from tests.loops.simulated import World
from tests.loops.small import logged
from tests.loops.watching import CALM, WELL_S

pytestmark = pytest.mark.looptime(noop_cycles=0)
WEST = "eu-west-1"


def addressed() -> World:
    """A world whose endpoints and reference targets have IPv4 addresses."""
    world = World()
    probes = [endpoint.probe for _, endpoint in world.settings.endpoints()]
    for number, probe in enumerate([*probes, *world.settings.reference_targets.known_good], 1):
        world.prober.resolve(probe, f"192.0.2.{number}:8080")
    return world


def withdraw(world: World, cause: NotRunCause, probes: Iterable[str]) -> None:
    """No probe of these can be run from now on."""
    world.prober.not_run_cause = cause
    for probe in probes:
        world.prober.answer(probe, ProbeOutcome.COULD_NOT_RUN, "no route from here")


def verdict(controller: Controller) -> tuple[Verdict, str]:
    latest = controller.reconciliation.latest
    assert latest is not None
    health = latest.decision.regions["shop"][WEST]
    return health.verdict, health.why


async def test_it_is_down_once_the_witnesses_have_settled_it() -> None:
    """Not before `unreachable_for_s`, and then as fast as any failure."""
    world = addressed()
    async with world.running() as controller:
        await asyncio.sleep(WELL_S)
        withdraw(world, NotRunCause.NO_ROUTE, world.probes(WEST))
        await asyncio.sleep(29)
        before = world.weights("europe")
        await asyncio.sleep(3)
        after, (found, why) = world.weights("europe"), verdict(controller)

    assert before[WEST] == CALM[WEST]
    assert after[WEST] == 0
    assert found is Verdict.DOWN
    assert "no route to it for 30 s, while reference targets and other regions answer" in why


@pytest.mark.parametrize("cause", [c for c in NotRunCause if not c.value.startswith("no_")])
async def test_what_is_ours_never_drains_and_is_always_said(cause: NotRunCause) -> None:
    """Descriptors, ports, memory, permission: however long it lasts, whoever answers."""
    world = addressed()
    with logged() as lines:
        async with world.running() as controller:
            await asyncio.sleep(WELL_S)
            withdraw(world, cause, world.probes(WEST))
            await asyncio.sleep(60)
            found, why = verdict(controller)
            (lacking,) = controller.probing.unasked.now

    assert found is Verdict.UNKNOWN
    assert "its probes could not be run: no route from here" in why
    assert world.records.writes == []
    assert (lacking.cause, lacking.subjects) == (cause, len(world.probes(WEST)))
    said = [line for line in lines if line["event"] == "probes_could_not_run"]
    assert 1 <= len(said) <= 3
    assert {line["why"] for line in said} == {cause.value}


@pytest.mark.parametrize("others", ["reference targets", "regions", "all"])
async def test_without_witnesses_it_stays_unknown_and_says_what_is_lacking(others: str) -> None:
    """Our own network may be gone."""
    world = addressed()
    known_good = world.settings.reference_targets.known_good
    elsewhere = [probe for region in CALM if region != WEST for probe in world.probes(region)]
    too = {"reference targets": known_good, "regions": elsewhere, "all": [*known_good, *elsewhere]}
    async with world.running() as controller:
        await asyncio.sleep(WELL_S)
        withdraw(world, NotRunCause.NO_ROUTE, [*world.probes(WEST), *too[others]])
        await asyncio.sleep(90)
        found, why = verdict(controller)

    assert found is Verdict.UNKNOWN
    assert "no route from here; that is a failure after 30 s, if reference targets and" in why
    assert world.records.writes == []


async def test_a_route_that_is_back_ends_the_failure() -> None:
    """Through the same hysteresis as any other."""
    world = addressed()
    async with world.running() as controller:
        await asyncio.sleep(WELL_S)
        withdraw(world, NotRunCause.NO_ROUTE, world.probes(WEST))
        await asyncio.sleep(40)
        world.heal(WEST)
        await asyncio.sleep(1.5)
        assert verdict(controller)[0] is Verdict.DOWN
        assert controller.probing.unasked.now == ()
        await asyncio.sleep(60)
        assert verdict(controller)[0] is Verdict.UP
