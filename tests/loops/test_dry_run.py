"""One service in dry run beside a steered one, through all loops."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from controller.loops.reload.reload import ReloadRefusedError
from controller.model.configuration import Settings
from controller.planning.account.explanation import explain_record
from controller.settings import LoadedSettings
from controller.settings.references import NO_REFERENCES
from tests.loops.simulated import SETTINGS, World
from tests.loops.small import logged

pytestmark = pytest.mark.looptime

OPEN = (100.0, 128)
HELD = "services.api.mode is dry_run: nothing of this service is written"
WITHHELD = ["api/world/eu-west-1 dial 100 weight 128 → dial 0 weight 0"]


def with_mode(mode: str, service: str = "api", daemon: str = "active") -> Settings:
    """The sandbox's settings with a mode of one service, and the daemon's."""
    data: dict[str, Any] = SETTINGS.model_dump(mode="json") | {"mode": daemon}
    data["services"][service]["mode"] = mode
    return Settings.model_validate(data)


async def test_a_service_in_dry_run_shows_exactly_what_it_would_write() -> None:
    """In the log, in `gtc why` and in the holds; the other service is steered meanwhile."""
    world = World(with_mode("dry_run"))
    async with world.running() as controller:
        await asyncio.sleep(20)
        with logged() as lines:
            world.kill("eu-west-1")
            await asyncio.sleep(5)
        record = await world.newest()
        gtc_mode = controller.api_dependencies().metrics.registry.get_sample_value(
            "gtc_mode", {"mode": "active"}
        )

    assert world.weights("world")["eu-west-1"] == 0
    assert world.dials()["eu-west-1"] == OPEN
    assert world.accelerators.writes == []
    assert gtc_mode == 1
    decisions = [line for line in lines if line["event"] == "decision"]
    assert [line["withheld"] for line in decisions if line["withheld"]][-1] == WITHHELD
    assert any(line["changes"] for line in decisions)
    held = [h for plan in record.plans if plan.service == "api" for h in plan.held]
    assert (held[0].reason.value, held[0].detail) == ("dry_run", HELD)
    told = explain_record(record)
    assert f"api/world dry_run: {HELD}" in told
    assert f"{WITHHELD[0]} not written" in told


async def test_a_service_switched_to_active_is_planned_first() -> None:
    """What it would now take traffic from counts as with every other reload."""
    world = World(with_mode("dry_run", "shop"))

    async def load() -> LoadedSettings:
        return LoadedSettings(with_mode("active", "shop"), NO_REFERENCES)

    async with world.running(load=load) as controller:
        await asyncio.sleep(20)
        world.kill("eu-west-1")
        await asyncio.sleep(40)  # apart from each other, so that no service panics
        world.kill("eu-central-1")
        await asyncio.sleep(10)
        with pytest.raises(ReloadRefusedError, match="2 regions would lose traffic") as refusal:
            await controller.reload.reload("ann")
        proposal = refusal.value.proposal
        await asyncio.sleep(30)
        assert world.records.writes == []

        await controller.reload.reload("ann", accept=proposal.hash)
        await asyncio.sleep(30)

    assert [str(one) for one in proposal.differences] == [
        "~ services.shop.mode: dry_run → active",
    ]
    assert proposal.restart == ()
    assert {move.service for move in proposal.moves} == {"shop"}
    assert proposal.losing == ("eu-central-1", "eu-west-1")
    weights = world.weights("world")
    assert (weights["eu-west-1"], weights["eu-central-1"]) == (0, 0)
    assert weights["us-east-1"]


@pytest.mark.parametrize("mode", ["active", "dry_run"])
async def test_a_daemon_in_dry_run_outranks_its_services(mode: str) -> None:
    """The stricter of the two holds, and the hold names the daemon's."""
    world = World(with_mode(mode, daemon="dry_run"))
    async with world.running():
        await asyncio.sleep(20)
        world.kill("eu-west-1")
        await asyncio.sleep(5)
        record = await world.newest()

    assert world.records.writes == []
    assert world.accelerators.writes == []
    assert {h.detail for plan in record.plans for h in plan.held} == {
        "mode is dry_run: nothing is written"
    }
