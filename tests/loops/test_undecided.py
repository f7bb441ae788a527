"""A mistake with one service is logged once, counted, and stops no other service's failover."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

import pytest

from controller.model.decision import Hold, PoolPlan
from controller.planning import decision as deciding
from controller.planning.service_decision import ServiceConclusion, ServiceProposal, conclude
from tests.loops.simulated import World
from tests.loops.small import events, logged

pytestmark = pytest.mark.looptime


async def test_a_dead_region_leaves_the_other_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole daemon with a mistake in it, and its end."""

    def mistaken(
        proposal: ServiceProposal, plans: tuple[PoolPlan, ...], waiting: Collection[str]
    ) -> ServiceConclusion:
        if proposal.service == "api":
            raise KeyError("eu-west-1")
        return conclude(proposal, plans, waiting)

    world = World()
    async with world.running() as controller:
        await asyncio.sleep(20)
        with logged() as lines, monkeypatch.context() as patch:
            patch.setattr(deciding, "conclude", mistaken)
            world.kill("eu-west-1")
            await asyncio.sleep(5)
            latest = controller.reconciliation.latest
            shop, api = world.weights("world")["eu-west-1"], world.dials()["eu-west-1"]
            gauge = controller.metrics.registry.get_sample_value(
                "gtc_undecided", {"service": "api"}
            )
            fine = controller.metrics.registry.get_sample_value(
                "gtc_undecided", {"service": "shop"}
            )
        with logged() as later:
            await asyncio.sleep(5)

    assert latest is not None
    held = {h.reason for p in latest.decision.plans if p.service == "api" for h in p.held}
    assert (shop, api[0] > 0) == (0, True)
    assert held == {Hold.UNDECIDED}
    assert (gauge, fine) == (1, 0)
    assert events(lines).count("service_undecided") == 1
    assert events(later).count("service_decided_again") == 1
    assert world.dials()["eu-west-1"] == (0, 0)
