"""Seeding the emulated AWS from the sandbox's configuration."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from controller.adapters.aws.global_accelerator import GlobalAccelerators
from controller.adapters.aws.route53 import Route53RecordSets
from controller.adapters.aws.session import AwsSetupError
from controller.adapters.clock import SystemClock
from controller.model.configuration import Settings
from controller.model.levers import (
    EndpointGroup,
    LeverState,
    OutcomeStatus,
    RecordSet,
    WeightChange,
)
from controller.planning.levers.accelerator import ACCELERATOR
from controller.planning.levers.route53 import ROUTE53
from controller.sandbox.emulator.stores import Stores
from controller.sandbox.seeding.stack import seed, seed_through
from controller.settings import load
from tests.contracts.emulated import Emulated, emulated_aws
from tests.faults.slow_aws import SlowAws
from tests.faults.test_large_failover import settings as large_settings

CONFIGURATION = Path(__file__).parents[2] / "config" / "sandbox.yaml"


@pytest.fixture
def settings() -> Settings:
    """The sandbox's settings."""
    return load(CONFIGURATION)


async def _zone(emulated: Emulated, settings: Settings) -> tuple[RecordSet, ...]:
    lever = settings.services["shop"].levers.route53
    assert lever is not None
    return await _port(emulated).read(lever.hosted_zone_id)


def _port(emulated: Emulated) -> Route53RecordSets:
    return Route53RecordSets(emulated.clients.route53, emulated.calls("route53"), SystemClock())


async def _groups(emulated: Emulated, settings: Settings) -> tuple[EndpointGroup, ...]:
    lever = settings.services["api"].levers.accelerator
    assert lever is not None
    calls = emulated.calls("globalaccelerator")
    port = GlobalAccelerators(emulated.clients.global_accelerator, calls, SystemClock())
    return await port.read(lever.arn)


async def test_the_daemon_finds_a_tree_without_fault(settings: Settings) -> None:
    """Nothing missing, extra, unequal or without a check, and the shares that it would plan."""
    async with emulated_aws() as emulated:
        await seed(settings)
        shop = ROUTE53.observe_listing(
            "shop", settings.services["shop"], await _zone(emulated, settings), at=0
        )
        api = ACCELERATOR.observe_listing(
            "api", settings.services["api"], await _groups(emulated, settings), at=0
        )

    for observed in (shop, api):
        assert (observed.faults, observed.unequal, observed.notices) == ({}, frozenset(), ())
    world = {p.region: s for p, s in shop.settings.items() if p.pool == "world"}
    assert world == {
        "us-east-1": LeverState(128),
        "us-west-2": LeverState(21),
        "eu-west-1": LeverState(0),
        "eu-central-1": LeverState(0),
    }
    assert set(api.settings.values()) == {LeverState(128, 100)}


async def test_seeding_again_changes_nothing(settings: Settings) -> None:
    """Not even weights that were changed meanwhile."""
    async with emulated_aws() as emulated:
        await seed(settings)
        leaf = next(r for r in await _zone(emulated, settings) if r.weight)
        outcome = await _port(emulated).change(
            "Z0SANDBOX0000000001", [WeightChange(leaf, 0)], emergency=False
        )
        assert outcome.status is OutcomeStatus.APPLIED
        zone, groups = await _zone(emulated, settings), await _groups(emulated, settings)
        checks = await emulated.clients.route53.list_health_checks()
        await seed(settings)

        assert await _zone(emulated, settings) == zone
        assert [g.arn for g in await _groups(emulated, settings)] == [g.arn for g in groups]
        again = await emulated.clients.route53.list_health_checks()
        assert again["HealthChecks"] == checks["HealthChecks"]


@pytest.mark.looptime
async def test_a_service_of_more_records_than_a_request_may_hold_is_seeded() -> None:
    """In several requests, each within what Route 53 takes; 20 regions x 26 pools are 1,040."""
    large = large_settings(20, 26)
    large = large.model_copy(update={"services": {"shop": large.services["shop"]}})
    loop = asyncio.get_running_loop()
    aws = SlowAws(Stores(loop.time, 0.1, 0.1))
    await seed_through(aws.clients(), large)
    lever = large.services["shop"].levers.route53
    assert lever is not None
    zone = aws.stores.zones.listed_zones()[lever.hosted_zone_id]
    weighted = [r for group in zone.groups.values() for r in group if r.weight is not None]

    assert len(weighted) == 2 * 20 * 26
    assert aws.writes()["ChangeResourceRecordSets"] == 4


async def test_a_service_behind_an_accelerator_has_a_name(settings: Settings) -> None:
    """Users resolve it as they do the others."""
    async with emulated_aws() as emulated:
        await seed(settings)
        alias = next(r for r in await _zone(emulated, settings) if r.name == "api.example.test.")

    assert '"HostedZoneId":"Z2BJ6XQ5FK7U4H"' in alias.rest
    assert ".awsglobalaccelerator.com" in alias.rest


async def test_accelerators_alone_get_a_zone_of_their_own(settings: Settings) -> None:
    """With any services in the configuration the name exists."""
    alone = settings.model_copy(update={"services": {"api": settings.services["api"]}})
    async with emulated_aws() as emulated:
        await seed(alone)
        zones = await emulated.clients.route53.list_hosted_zones()

    assert [zone["Name"] for zone in zones["HostedZones"]] == ["example.test."]


async def test_nothing_is_seeded_without_an_endpoint(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user's real account is never touched."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with pytest.raises(AwsSetupError):
        await seed(settings)
