"""Weights inside an endpoint group are its operators': never drift, never flattened.

h3poteto/aws-global-accelerator-controller 73, hashicorp/terraform-provider-aws 31254 and 32000: two
endpoints in each group with weights 230 and 25 (blue/green). In a calm system the daemon called
that drift by somebody else, and after its hold wrote 128 and 128: the canary got half.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from controller.model.configuration import Settings
from controller.model.levers import AcceleratedEndpoint, EndpointGroup
from tests.fakes.accelerators import FakeAccelerators
from tests.loops.hanging import hanging
from tests.loops.simulated import SETTINGS, World, groups
from tests.loops.small import events, logged
from tests.loops.watching import WELL_S, drain, drifting, reasons

pytestmark = pytest.mark.looptime(noop_cycles=0)

ARN = next(iter(groups(SETTINGS)))
WEST, EAST = "eu-west-1", "us-east-1"
BACK_S = 45
"""Seconds in which a region is believed again and returns by steps."""
HOLD_S = SETTINGS.guards.drift.hold_s
BLUE_GREEN = (230, 25)


def world_of(*weights: int, settings: Settings = SETTINGS, listeners: int = 1) -> World:
    """A world whose groups all have endpoints of these weights."""
    world = World(settings)
    found = []
    for group in groups(settings)[ARN]:
        endpoints = tuple(
            AcceleratedEndpoint(f"alb-{group.region}-{number}", weight, "HEALTHY", "{}")
            for number, weight in enumerate(weights)
        )
        for listener in range(1, listeners + 1):
            arn = group.arn.replace("/listener/1/", f"/listener/{listener}/")
            dial = group.dial if any(weights) else 0.0
            found.append(replace(group, arn=arn, endpoints=endpoints, dial=dial))
    world.accelerators = FakeAccelerators({ARN: found})
    return world


def at(world: World, region: str) -> list[tuple[float, tuple[int, ...]]]:
    """Dial and endpoint weights of the region's groups."""
    return [
        (group.dial, tuple(endpoint.weight for endpoint in group.endpoints))
        for group in world.accelerators.stored(ARN)
        if group.region == region
    ]


def edit(world: World, region: str, *weights: int, dial: float | None = None) -> None:
    """An operator gives the endpoints of a region's groups other weights."""
    for group in world.accelerators.stored(ARN):
        if group.region == region:
            endpoints = tuple(
                replace(endpoint, weight=weight)
                for endpoint, weight in zip(group.endpoints, weights, strict=True)
            )
            changed = replace(group, endpoints=endpoints)
            world.accelerators.put(ARN, changed if dial is None else replace(changed, dial=dial))


@pytest.mark.parametrize("weights", [BLUE_GREEN, (255, 0)])
async def test_a_calm_system_stays_as_it_was_found(weights: tuple[int, ...]) -> None:
    """No drift, no hold, no write, long after the hold of drift."""
    world = world_of(*weights)
    async with world.running() as controller:
        await asyncio.sleep(WELL_S + 3 * HOLD_S)
        assert (drifting(controller), reasons(controller)) == (set(), set())

    assert world.accelerators.writes == []


@pytest.mark.parametrize(
    ("weights", "listeners"), [(BLUE_GREEN, 1), (BLUE_GREEN, 2), ((255, 0, 3), 1), ((7,), 1)]
)
async def test_the_ratio_comes_back_after_a_drain(weights: tuple[int, ...], listeners: int) -> None:
    """Exactly: the dial carries the share, so that no weight needs another scale."""
    world = world_of(*weights, listeners=listeners)
    async with world.running() as controller:
        await asyncio.sleep(WELL_S)
        world.kill(WEST)
        await asyncio.sleep(10)
        drained = at(world, WEST)
        world.heal(WEST)
        await asyncio.sleep(BACK_S)
        assert drifting(controller) == set()

    assert drained == [(0.0, (0,) * len(weights))] * listeners
    assert at(world, WEST) == [(100.0, weights)] * listeners
    assert at(world, EAST) == [(100.0, weights)] * listeners


async def test_the_ratio_outlives_a_restart_in_the_middle_of_a_drain() -> None:
    """It is in the state file before the write that loses it."""
    world = world_of(*BLUE_GREEN)
    async with world.running():
        await asyncio.sleep(WELL_S)
        world.kill(WEST)
        await asyncio.sleep(10)
    world.heal(WEST)
    async with world.running() as controller:
        await asyncio.sleep(BACK_S)
        assert (drifting(controller), reasons(controller)) == (set(), set())

    assert at(world, WEST) == [(100.0, BLUE_GREEN)]


async def test_an_operator_who_shifts_blue_to_green_is_not_in_the_way() -> None:
    """Other weights in an open group are no drift; the newest ratio is what comes back."""
    world = world_of(*BLUE_GREEN)
    async with world.running() as controller:
        await asyncio.sleep(WELL_S)
        for weights in ((128, 128), (25, 230), (0, 255)):
            edit(world, WEST, *weights)
            await asyncio.sleep(HOLD_S + 1)  # AWS is read again
            assert (drifting(controller), reasons(controller)) == (set(), set())
            assert at(world, WEST) == [(100.0, weights)]
        await controller.overrides.add(drain(WEST, ttl_s=6))
        await asyncio.sleep(3)
        assert at(world, WEST) == [(0.0, (0, 0))]
        await asyncio.sleep(BACK_S)

    assert at(world, WEST) == [(100.0, (0, 255))]


async def test_an_endpoint_that_is_closed_whole_is_still_drift() -> None:
    """Weights of 0 at every endpoint take the region's users away."""
    world = world_of(*BLUE_GREEN)
    async with world.running() as controller:
        await asyncio.sleep(WELL_S)
        edit(world, WEST, 0, 0)
        await asyncio.sleep(HOLD_S + 1)  # AWS is read again
        assert {position.region for position in drifting(controller)} == {WEST}
        await asyncio.sleep(2 * HOLD_S + BACK_S)

    assert at(world, WEST) == [(100.0, BLUE_GREEN)], "put right by its policy, in the old ratio"


def never_seen(**weights: dict[str, int]) -> Settings:
    """Settings that state the weights of these regions' endpoints, with `_` for `-`."""
    api = SETTINGS.services["api"]
    stated = {region.replace("_", "-"): each for region, each in weights.items()}
    assert api.levers.accelerator is not None
    lever = api.levers.accelerator.model_copy(update={"weights": stated})
    levers = api.levers.model_copy(update={"accelerator": lever})
    services = {**SETTINGS.services, "api": api.model_copy(update={"levers": levers})}
    return SETTINGS.model_copy(update={"services": services})


def close_west(world: World) -> None:
    edit(world, WEST, 0, 0, dial=0.0)


async def test_a_ratio_that_nobody_knows_is_not_guessed() -> None:
    """Held with the setting and the command that state it; the other region is steered."""
    world = world_of(*BLUE_GREEN)
    close_west(world)
    with logged() as lines:
        async with world.running() as controller:
            await asyncio.sleep(WELL_S)
            latest = controller.reconciliation.latest
            assert latest is not None
            (held,) = [h for plan in latest.decision.plans for h in plan.held]
            said = latest.snapshot.observed["api"].misconfigured("world")
            assert (held.reason.value, held.region, said) == ("misconfigured", WEST, (held.detail,))
            assert at(world, WEST) == [(0.0, (0, 0))]
            # What the text says: the command, with the weights put in.
            edit(world, WEST, 200, 50, dial=0.0)
            await asyncio.sleep(BACK_S)

    assert "services.api.levers.accelerator.weights.eu-west-1" in held.detail
    group = f"{ARN}/listener/1/endpoint-group/{WEST}"
    assert f"update-endpoint-group --endpoint-group-arn {group}" in held.detail
    assert "EndpointId=alb-eu-west-1-0,Weight=? EndpointId=alb-eu-west-1-1,Weight=?" in held.detail
    assert [line["event"] for line in lines if line["log_level"] == "error"] == ["misconfigured"]
    assert at(world, WEST) == [(100.0, (200, 50))]


async def test_a_ratio_that_the_settings_state_comes_back() -> None:
    """No person needs to touch AWS."""
    stated = {"alb-eu-west-1-0": 90, "alb-eu-west-1-1": 10}
    world = world_of(*BLUE_GREEN, settings=never_seen(eu_west_1=stated))
    close_west(world)
    async with world.running():
        await asyncio.sleep(BACK_S)
    assert at(world, WEST) == [(100.0, (90, 10))]


async def test_endpoints_that_change_while_the_region_is_out_keep_what_is_known() -> None:
    """A new one comes with the weight that it was added with, one that is gone is forgotten."""
    world = world_of(*BLUE_GREEN)
    async with world.running() as controller:
        await asyncio.sleep(WELL_S)
        await controller.overrides.add(drain(WEST, ttl_s=20))
        await asyncio.sleep(3)
        (group,) = [g for g in world.accelerators.stored(ARN) if g.region == WEST]
        blue, _ = group.endpoints
        added = replace(blue, endpoint_id="alb-new", weight=128)
        world.accelerators.put(ARN, EndpointGroup(group.arn, WEST, 0.0, (blue, added)))
        await asyncio.sleep(BACK_S)

    assert at(world, WEST) == [(100.0, (230, 128))]


async def test_settings_that_differ_from_an_open_group_change_nothing_and_are_said() -> None:
    """What stands is kept."""
    stated = {"alb-eu-west-1-0": 90, "alb-eu-west-1-1": 10}
    world = world_of(*BLUE_GREEN, settings=never_seen(eu_west_1=stated))
    async with world.running() as controller:
        await asyncio.sleep(WELL_S)
        latest = controller.reconciliation.latest
        assert latest is not None
        (notice,) = latest.snapshot.observed["api"].notices

    assert "eu-west-1 has weights alb-eu-west-1-0 230, alb-eu-west-1-1 25" in notice
    assert world.accelerators.writes == []


async def test_a_ratio_that_may_be_in_the_state_file_is_not_called_unknown() -> None:
    """While the disk hangs at a start: all is held for that, and nothing is misconfigured."""
    world = world_of(*BLUE_GREEN)
    async with world.running() as controller:
        await asyncio.sleep(WELL_S)
        await controller.overrides.add(drain(WEST, ttl_s=6))
        await asyncio.sleep(3)
    with logged() as lines, hanging(world.store, "kept_weights", 20):
        async with world.running() as controller:
            await asyncio.sleep(10)
            assert "state_unread" in {reason.value for reason in reasons(controller)}
            await asyncio.sleep(20 + BACK_S)

    assert "misconfigured" not in events(lines)
    assert at(world, WEST) == [(100.0, BLUE_GREEN)]
