"""The health check adapter: its rate limit and its translation; see tests/contracts, too."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from controller.adapters.aws.calls import AwsCalls
from controller.adapters.aws.delegation_sets import DelegationSets
from controller.adapters.aws.health_checks import Route53HealthChecks
from controller.adapters.aws.token_bucket import TokenBucket
from controller.model.errors import ProviderRejectedError, ProviderUnavailableError
from controller.model.second_opinions import CheckKind
from tests.adapters.aws.scripted import ScriptedClient, calls, refusal
from tests.fakes.clock import FakeClock

pytestmark = pytest.mark.looptime
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
NO_REPORTS: dict[str, Any] = {"HealthCheckObservations": []}


def adapter(*answers: Any) -> Route53HealthChecks:
    """The adapter with a client that answers this."""
    client: Any = ScriptedClient(*answers)
    return Route53HealthChecks(client, calls(), FakeClock())


def observation(address: str, **report: Any) -> dict[str, Any]:
    """One checker's entry."""
    return {"Region": "eu-west-1", "IPAddress": address, "StatusReport": report}


async def test_statuses_are_asked_for_once_a_second_after_a_burst_of_four() -> None:
    """AWS's limit of an account for this operation."""
    checks = adapter(*[NO_REPORTS] * 10)
    times = []
    for _ in range(10):
        await checks.reports("c")
        times.append(asyncio.get_running_loop().time())

    assert [round(at) for at in times] == [0, 0, 0, 0, 1, 2, 3, 4, 5, 6]


async def test_failovers_reserve_is_never_spent() -> None:
    """With only the reserve left, the read waits and an emergency does not."""
    clock = FakeClock()
    budget = TokenBucket(0.1, 4, 3, clock)
    common = AwsCalls("route53", budget=budget, deadline_s=5, clock=clock, observe=lambda *_: None)
    client: Any = ScriptedClient(*[NO_REPORTS] * 2)
    checks = Route53HealthChecks(client, common, clock)
    await checks.reports("c")  # the one token above the reserve
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(checks.reports("c"))
        for _ in range(3):
            await budget.take(emergency=True)
        assert clock.monotonic() == 0
        await waiting

    assert clock.monotonic() >= 40


async def test_an_unknown_status_text_is_no_report() -> None:
    """It counts neither as passed nor as failed."""
    answer = {
        "HealthCheckObservations": [
            observation("192.0.2.1", Status="Success: HTTP Status Code 200, OK", CheckedTime=NOON),
            observation("192.0.2.2", Status="Failure: connection refused", CheckedTime=NOON),
            observation("192.0.2.3", Status="Checking", CheckedTime=NOON),
            observation("192.0.2.4", Status="Success"),
            {"Region": "eu-west-1", "IPAddress": "192.0.2.5"},
        ]
    }

    reports = await adapter(answer).reports("c")

    assert [(r.checker, r.passed) for r in reports] == [("192.0.2.1", True), ("192.0.2.2", False)]


@pytest.mark.parametrize(
    ("type_", "kind"),
    [
        ("HTTPS_STR_MATCH", CheckKind.ENDPOINT),
        ("TCP", CheckKind.ENDPOINT),
        ("CALCULATED", CheckKind.CALCULATED),
        ("CLOUDWATCH_METRIC", CheckKind.OTHER),
        ("RECOVERY_CONTROL", CheckKind.OTHER),
    ],
)
async def test_a_checks_type_gives_its_kind(type_: str, kind: CheckKind) -> None:
    """Only endpoint checks have reports; missing settings have AWS's defaults."""
    found = await adapter({"HealthCheck": {"HealthCheckConfig": {"Type": type_}}}).definition("c")

    assert found.kind is kind
    assert (found.interval_s, found.failure_threshold) == (30, 3)
    assert not found.inverted


async def test_a_throttled_read_may_be_tried_again() -> None:
    """Another client of the account may have used the quota."""
    with pytest.raises(ProviderUnavailableError, match="Throttling"):
        await adapter(refusal("Throttling")).reports("c")


async def test_a_private_zone_has_no_name_servers_to_ask() -> None:
    """AWS answers without a delegation set."""
    client: Any = ScriptedClient({"HostedZone": {"Id": "Z1"}})

    with pytest.raises(ProviderRejectedError, match="zone Z1 is private"):
        await DelegationSets(client, calls()).name_servers("Z1")
