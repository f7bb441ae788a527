"""Settings are taken over by all followers, or by none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from controller.composition import Controller
from controller.loops.reload.settings_swap import Participant
from controller.model.configuration import Endpoint, EndpointId
from controller.ports import ProbeListener
from controller.settings import LoadedSettings
from tests.fakes.methods import Method
from tests.fakes.prober import FakeTarget
from tests.loops.simulated import SETTINGS, World
from tests.loops.small import events, logged
from tests.loops.test_reload import WELL_S, File, edited, metric

pytestmark = pytest.mark.looptime
FOLLOWERS = 5
NEW = EndpointId("shop", "eu-west-1", "new")


def with_another_endpoint(data: dict[str, Any]) -> None:
    """One endpoint more, a shorter interval, another limit for orders."""
    endpoints = data["services"]["shop"]["regions"]["eu-west-1"]["endpoints"]
    endpoints["new"] = {"probe": "http://127.0.10.9:8080/healthz"}
    data["probing"]["interval_s"] = 0.5
    data["overrides"]["max_ttl_s"] = 100
    data["overrides"]["default_ttl_s"] = 50


class Noted:
    """Followers that note what they are told; one of them fails in one of the two phases."""

    def __init__(self, failing: int, phase: str) -> None:
        self.failing = failing
        self.phase = phase
        self.prepared: list[int] = []
        self.taken_over: list[int] = []

    def follower(self, number: int) -> Participant:
        def prepare(_: LoadedSettings) -> Callable[[], None]:
            if (number, "prepare") == (self.failing, self.phase):
                raise RuntimeError("cannot prepare")
            self.prepared.append(number)
            return take_over

        def take_over() -> None:
            if (number, "take over") == (self.failing, self.phase):
                raise RuntimeError("cannot take over")
            self.taken_over.append(number)

        return prepare


@pytest.mark.parametrize("failing", range(FOLLOWERS))
@pytest.mark.parametrize("phase", ["prepare", "take over"])
async def test_a_follower_that_fails_leaves_no_half_of_the_settings(
    failing: int, phase: str
) -> None:
    """Before the swap nothing has changed; after it all others have committed, and it is so
    answered."""
    world, file, noted = World(), File(), Noted(failing, phase)
    file.settings = edited(with_another_endpoint)
    async with file.running(world) as controller:
        controller.reload._swap._followers = tuple(map(noted.follower, range(FOLLOWERS)))
        with logged() as lines:
            results = await asyncio.gather(controller.reload.reload("ann"), return_exceptions=True)
        settings = controller.api_dependencies().settings
        await asyncio.sleep(1)
        actions = [e.action for e in await world.store.audit_entries(limit=5)]

    if phase == "prepare":
        assert isinstance(results[0], RuntimeError)
        assert settings is SETTINGS
        assert noted.taken_over == []
        assert actions[:2] == ["reload_not_carried_out", "settings_reloaded"]
    else:
        assert not isinstance(results[0], Exception)
        assert settings is file.settings
        assert noted.taken_over == [n for n in range(FOLLOWERS) if n != failing]
        assert "settings_not_followed" in events(lines)
        assert actions[0] == "settings_reloaded"


def shown(controller: Controller) -> object:
    """Everything that a reload could have changed half."""
    families = controller.api_dependencies().metrics.registry.collect()
    series = {(s.name, *sorted(s.labels.items())) for f in families for s in f.samples}
    return (
        controller.api_dependencies().settings,
        controller.api_dependencies().settings_hash,
        set(controller.probing.health),
        {monitor.timing for monitor in controller.probing._all_monitors()},
        {i: s.since for i, s in controller.probing.health.items()},
        {one for one in series if "new" in str(one)},
    )


async def test_a_target_that_cannot_be_made_leaves_everything_as_it_was() -> None:
    """The last of the endpoints: those before it are prepared by then."""
    world, file = World(), File()
    file.settings = edited(with_another_endpoint)
    original, method = world.prober.target, Method(world.prober.target)

    def target(endpoint: Endpoint, listener: ProbeListener) -> FakeTarget:
        if "127.0.30.1" in endpoint.probe or "127.0.10.9" in endpoint.probe:
            raise ValueError("no such place")
        return original(endpoint, listener)

    async with file.running(world) as controller:
        before = shown(controller)
        method.replace(target)
        with pytest.raises(ValueError, match="no such place"):
            await controller.reload.reload("ann")
        await asyncio.sleep(WELL_S)
        assert shown(controller) == before
        assert metric(controller, "gtc_config_last_reload_successful") == 0

        method.restore()
        await controller.reload.reload("ann")
        await asyncio.sleep(WELL_S)
        assert NEW in controller.probing.health
        named = {"service": NEW.service, "region": NEW.region, "endpoint": NEW.endpoint}
        assert (metric(controller, "gtc_probes_total", **named, outcome="passed") or 0) > 10
