"""A restart loses nothing that later decisions rest on, but for the last moment before a crash."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from controller.composition import Controller
from controller.model.decision import Hold
from controller.model.errors import StateUnavailableError
from controller.model.health import ResolvedAddresses, Verdict
from controller.model.levers import Position
from controller.model.stored.kept import KeptKey
from controller.planning.restart import VERDICTS_KEPT_S
from tests.loops.hanging import failing, hanging
from tests.loops.simulated import World
from tests.loops.small import events, logged
from tests.loops.watching import CALM, WELL_S, break_network, careful, edit, reasons

pytestmark = pytest.mark.looptime
DEAD, OTHER = "eu-west-1", "us-east-1"
PANIC_S = 35.0
"""Regions that fail further apart than this are no panic."""
ASKED_S = 1.5
"""By then each endpoint was asked again."""


@asynccontextmanager
async def killed(world: World) -> AsyncIterator[Controller]:
    """The daemon's loops, until they are killed: what the state file has then is all."""
    async with world.running() as controller:
        yield controller
        world.store.unavailable = True
    world.store.unavailable = False


@pytest.mark.parametrize("booted_at", [None, 3.0, 1e7])
async def test_the_allowances_of_before_are_used_up(booted_at: float | None) -> None:
    """A crash loop gets no fresh ones each time, nor does a machine that boots."""
    world = World(careful(auto_drains_per_h=1))
    async with killed(world):
        await asyncio.sleep(WELL_S)
        world.kill(DEAD)
        await asyncio.sleep(PANIC_S)
        assert world.weights("world")[DEAD] == 0
    if booted_at is not None:
        world.clock.boot(booted_at)
    async with world.running() as controller:
        await asyncio.sleep(WELL_S)
        world.kill(OTHER)
        await asyncio.sleep(3)
        held = reasons(controller)

    assert Hold.BLAST_RADIUS in held
    assert world.weights("world")[OTHER] == CALM[OTHER]


async def test_a_memory_goes_on_as_it_was() -> None:
    """Every field, by its age, in a process whose clock began elsewhere; but for the start."""
    world = World()
    async with killed(world) as controller:
        await asyncio.sleep(WELL_S)
        world.kill(DEAD)
        await asyncio.sleep(5)
        world.heal(DEAD)
        await asyncio.sleep(10)
        before, asked_at = controller.snapshots.memory.of("shop"), world.clock.monotonic()
    world.clock.boot(50_000.0)
    async with world.running() as controller:
        resumed, now = controller.snapshots.memory.of("shop"), world.clock.monotonic()

    assert all((before.drains, before.last_rise, before.flaps, before.warming_up))
    assert resumed.since == 50_000.0
    assert not resumed.begun
    assert now - resumed.drains[DEAD] == pytest.approx(asked_at - before.drains[DEAD], abs=1e-5)
    assert {p: round(now - at, 3) for p, at in resumed.last_rise.items()} == {
        p: round(asked_at - at, 3) for p, at in before.last_rise.items()
    }
    assert resumed.warming_up == before.warming_up
    assert resumed.learned_under == before.learned_under
    assert not resumed.closed_is_warming_up


@pytest.mark.parametrize("away_s", [0.0, 300.0])
async def test_verdicts_go_on_with_the_first_answer(away_s: float) -> None:
    """Until then they are unknown, if they are not fresh; a region that is out comes back no sooner
    for a restart."""
    world = World()
    async with killed(world):
        await asyncio.sleep(WELL_S)
        world.kill(DEAD)
        await asyncio.sleep(3)
    await asyncio.sleep(away_s)
    world.heal(DEAD)
    async with world.running() as controller:
        at_once = controller.probing.health
        unasked = controller.snapshots.build(())
        await asyncio.sleep(ASKED_S)
        asked = {i: state.verdict for i, state in controller.probing.health.items()}

    is_fresh = away_s == 0.0
    assert {state.verdict for i, state in at_once.items() if i.region == DEAD} == {Verdict.DOWN}
    assert {v for i, v in asked.items() if i.region != DEAD} == {Verdict.UP}
    assert {v for i, v in asked.items() if i.region == DEAD} == {Verdict.DOWN}, (
        "it is to be trusted"
    )
    ages = [unasked.now - (s.last_result_at or 0.0) for s in at_once.values()]
    assert (max(ages) <= 30.0) is is_fresh


@pytest.mark.parametrize(
    ("away_s", "verdict"), [(VERDICTS_KEPT_S - 90, "down"), (VERDICTS_KEPT_S + 90, "unknown")]
)
async def test_verdicts_of_long_ago_are_forgotten(away_s: float, verdict: str) -> None:
    """Hysteresis then begins anew."""
    world = World()
    async with killed(world):
        await asyncio.sleep(WELL_S)
        world.kill(DEAD)
        await asyncio.sleep(3)
    world.clock.start += timedelta(seconds=away_s)
    world.heal(DEAD)
    async with world.running() as controller:
        await asyncio.sleep(ASKED_S)
        verdicts = {s.verdict for i, s in controller.probing.health.items() if i.region == DEAD}

    assert verdicts == {verdict}


async def test_a_drift_hold_ends_when_it_would_have() -> None:
    """Another party's change is held since it was first seen, not since the start."""
    ends = []
    for restarts in (False, True):
        world = World()
        async with killed(world):
            await asyncio.sleep(WELL_S)
            edit(world, "world", OTHER, 77)
            await asyncio.sleep(11)
            began_at = world.clock.monotonic()
            if not restarts:
                ends.append(await put_right(world) - began_at)
        if restarts:
            async with world.running():
                ends.append(await put_right(world) - began_at)

    assert ends[0] > 0.5
    assert abs(ends[0] - ends[1]) <= 0.5


async def put_right(world: World) -> float:
    """When the region's weight is as it was."""
    for _ in range(600):
        await asyncio.sleep(0.05)
        if world.weights("world")[OTHER] == CALM[OTHER]:
            return world.clock.monotonic()
    raise AssertionError("it never was")


@pytest.mark.parametrize("away_s", [0.0, 600.0])
async def test_a_panic_goes_on(away_s: float) -> None:
    """Regions that failed together are not drained one by one for a restart."""
    world = World()
    async with killed(world):
        await asyncio.sleep(WELL_S)
        for region in (DEAD, OTHER):
            world.kill(region)
        await asyncio.sleep(60)
    world.clock.start += timedelta(seconds=away_s)
    async with world.running() as controller:
        await asyncio.sleep(60)
        held = reasons(controller)

    assert Hold.PANIC in held
    assert world.records.writes == []
    assert world.accelerators.writes == []


async def test_an_isolation_goes_on() -> None:
    """While the reference targets fail, nothing is believed; not for a moment at the start."""
    world = World()
    async with killed(world) as controller:
        await asyncio.sleep(WELL_S)
        break_network(world)
        await asyncio.sleep(10)
        assert controller.snapshots.memory.isolated_since is not None
    async with world.running() as controller:
        await asyncio.sleep(0.2)
        memory = controller.snapshots.memory
        await asyncio.sleep(WELL_S)

    assert memory.isolated_since is not None
    assert world.records.writes == []


async def test_figures_and_addresses_are_kept_with_their_age() -> None:
    """And given to their owners at the start."""
    world = World()
    host, place = "127.0.10.1", Position("shop", "world", DEAD)
    async with killed(world) as controller:
        await asyncio.sleep(5)
        controller.figures.report_demand("shop", "world", 123.0)
        world.prober.known[host] = ResolvedAddresses(("192.0.2.7",), world.clock.monotonic())
        await asyncio.sleep(5)
    world.clock.boot(1.0)
    async with world.running() as controller:
        demand = controller.figures.read().demand_rps["shop", "world"]
        now = world.clock.monotonic()

    assert place.service == "shop"
    assert (demand.value, round(now - demand.at, 3)) == (123.0, 5.0)
    assert world.prober.restored[host].addresses == ("192.0.2.7",)
    assert now - world.prober.restored[host].found_at == pytest.approx(5.0, abs=0.001)


async def test_addresses_of_a_name_that_is_gone_are_kept_no_more() -> None:
    """Nor those of last month."""
    world = World()
    hosts = ("127.0.10.1", "127.0.20.1")
    async with killed(world):
        found = ResolvedAddresses(("192.0.2.7",), world.clock.monotonic())
        world.prober.known = dict.fromkeys(hosts, found)
        await asyncio.sleep(3)
        del world.prober.known[hosts[0]]
        await asyncio.sleep(3)
    async with world.running():
        assert set(world.prober.restored) == {hosts[1]}
    world.prober.restored.clear()
    world.clock.start += timedelta(days=8)
    async with world.running():
        assert world.prober.restored == {}


async def test_what_other_settings_named_is_deleted() -> None:
    """With the first write after the start."""
    world = World()
    strange = {
        KeptKey("memory", "gone"): "{}",
        KeptKey("health", "shop/gone/web"): "{}",
        KeptKey("weather", "x"): "1",
    }
    await world.store.keep(dict(strange))
    async with world.running():
        await asyncio.sleep(WELL_S)
        rows = await world.store.kept()

    assert not strange.keys() & rows.keys()
    assert KeptKey("memory", "shop") in rows
    assert KeptKey("health", "shop/eu-west-1/web") in rows


async def test_a_row_that_cannot_be_read_costs_that_row() -> None:
    """And is said; all others are taken over."""
    world = World()
    async with killed(world):
        await asyncio.sleep(WELL_S)
        world.kill(DEAD)
        await asyncio.sleep(3)
    bad = KeptKey("memory", "api")
    await world.store.keep({bad: '{"since": "yesterday"}', KeptKey("health", "api/x/tcp"): "{"})
    with logged() as lines:
        async with world.running() as controller:
            memory = controller.snapshots.memory
            await asyncio.sleep(WELL_S)
            rows = await world.store.kept()

    assert events(lines).count("memory_unreadable") == 1
    assert memory.of("shop").drains
    assert not memory.of("api").drains
    assert isinstance(json.loads(rows[bad])["since"], float)


async def test_a_disk_that_hangs_costs_nothing_but_the_memory() -> None:
    """No cycle waits for it, and an end not for long."""
    world = World()
    async with world.running() as controller:
        await asyncio.sleep(WELL_S)
        with hanging(world.store, "keep"):
            await asyncio.sleep(2)
            world.kill(DEAD)
            await asyncio.sleep(1.5)
            drained, silent_s = world.weights("world")[DEAD], controller.heartbeat.silent_s
            ending = world.clock.monotonic()
            await controller.restart_memory.end()
            ended = world.clock.monotonic()

    assert drained == 0
    assert silent_s < 2
    assert ended - ending <= 2


async def test_what_the_disk_refused_is_written_when_it_can_be() -> None:
    """The newest of each row; it is said once."""
    world = World()
    with logged() as lines:
        async with killed(world):
            await asyncio.sleep(WELL_S)
            with failing(world.store, "keep", StateUnavailableError("the disk is full")):
                world.kill(DEAD)
                await asyncio.sleep(30)
            await asyncio.sleep(5)
            said = events(lines).count("memory_not_kept")
    async with world.running() as controller:
        drains = controller.snapshots.memory.of("shop").drains

    assert said == 1
    assert set(drains) == {DEAD}


async def test_a_date_that_is_set_changes_no_age_at_the_next_start() -> None:
    """All is written again with the new date."""
    world = World()
    async with killed(world) as controller:
        await asyncio.sleep(WELL_S)
        world.kill(DEAD)
        await asyncio.sleep(3)
        drained_at = controller.snapshots.memory.of("shop").drains[DEAD]
        world.clock.start -= timedelta(days=400)
        await asyncio.sleep(3)
    async with world.running() as controller:
        resumed = controller.snapshots.memory.of("shop").drains[DEAD]

    assert resumed == pytest.approx(drained_at, abs=1e-5)


@pytest.mark.parametrize("days", [-400, 400])
async def test_a_date_that_is_set_while_no_daemon_runs_hides_no_drain_in_the_future(
    days: int,
) -> None:
    """Set back: everything was just now. Set forward: everything is old."""
    world = World()
    async with killed(world):
        await asyncio.sleep(WELL_S)
        world.kill(DEAD)
        await asyncio.sleep(3)
    world.clock.start += timedelta(days=days)
    async with world.running() as controller:
        memory, now = controller.snapshots.memory.of("shop"), world.clock.monotonic()

    assert now - memory.drains[DEAD] == (0.0 if days < 0 else 30 * 86400.0)


async def test_a_memory_that_is_read_late_counts_before_anything_is_written() -> None:
    """All is held until then, and goes on with it."""
    world = World(careful(auto_drains_per_h=1))
    async with killed(world):
        await asyncio.sleep(WELL_S)
        world.kill(DEAD)
        await asyncio.sleep(3)
        world.heal(DEAD)
        await asyncio.sleep(PANIC_S)
    with hanging(world.store, "kept", 60):
        async with world.running() as controller:
            await asyncio.sleep(WELL_S)
            world.kill(OTHER)
            await asyncio.sleep(5)
            meanwhile = reasons(controller)
            await asyncio.sleep(60)
            afterwards = reasons(controller)

    assert meanwhile == {Hold.STATE_UNREAD}
    assert Hold.BLAST_RADIUS in afterwards
    assert world.weights("world")[OTHER] == CALM[OTHER]


async def test_what_stays_the_same_is_not_written_again() -> None:
    """A calm day: a sign of life a minute, and a few baselines."""
    world = World()
    async with world.running():
        await asyncio.sleep(60)
        world.kill(DEAD)
        await asyncio.sleep(30)
        noted = list[KeptKey]()
        keep = world.store.keep

        async def noting(rows: dict[KeptKey, str | None]) -> None:
            noted.extend(rows)
            await keep(rows)

        world.store.keep = noting  # type: ignore[assignment,method-assign] # counts, and keeps
        await asyncio.sleep(120)
        written = list(noted)

    assert [key.name for key in written if key.part == "memory"] == []
    counts = Counter(key.part for key in written)
    assert counts["process"] <= 4, counts
