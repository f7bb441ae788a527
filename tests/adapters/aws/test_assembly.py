"""The adapters as the daemon, tests and the simulator get them: which share a budget."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from controller.adapters.aws.assembly import AwsAdapters, aws_adapters
from controller.adapters.aws.session import AwsClients
from controller.model.aws_calls import AwsCall
from tests.adapters.aws.scripted import ScriptedClient
from tests.fakes.clock import FakeClock
from tests.loops.simulated import SETTINGS

pytestmark = pytest.mark.looptime

EVERY_S = 10.0
"""Seconds in which one token returns; one of two is free."""
INSYNC = {"ChangeInfo": {"Status": "INSYNC"}}
CHECK = {"HealthCheck": {"HealthCheckConfig": {"Type": "TCP"}}}
ZONE = {"DelegationSet": {"NameServers": ["ns-1.example.test"]}}
DEPLOYED = {"Accelerator": {"Status": "DEPLOYED"}}


def adapters(observed: list[tuple[str, str]]) -> AwsAdapters:
    """Adapters with a budget of two calls; `observed` receives service and operation."""
    budget = {"calls_per_s": 1 / EVERY_S, "calls_burst": 2, "calls_reserve": 0}
    settings = SETTINGS.model_copy(update={"aws": SETTINGS.aws.model_copy(update=budget)})
    clients = AwsClients(
        cast(Any, ScriptedClient(INSYNC, CHECK, ZONE)),
        cast(Any, ScriptedClient(DEPLOYED)),
    )

    def observe(call: AwsCall) -> None:
        observed.append((call.service, call.operation))

    return aws_adapters(settings, clients, FakeClock(), observe)


async def test_all_that_ask_route_53_share_its_quota_and_nothing_else_does() -> None:
    """Records, checks and delegation sets use one bucket, accelerators another."""
    observed: list[tuple[str, str]] = []
    aws = adapters(observed)
    now = asyncio.get_running_loop().time

    await aws.records.is_insync("C1")
    await aws.checks.definition("check")
    await aws.accelerators.is_deployed("arn")
    assert now() == 0
    assert await aws.delegations.name_servers("Z1") == ("ns-1.example.test",)
    assert now() == pytest.approx(EVERY_S)

    assert observed == [
        ("route53", "GetChange"),
        ("route53", "GetHealthCheck"),
        ("globalaccelerator", "DescribeAccelerator"),
        ("route53", "GetHostedZone"),
    ]
