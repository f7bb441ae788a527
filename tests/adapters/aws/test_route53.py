"""The Route 53 adapter with throttling and timeouts; the rest is in tests/contracts."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from controller.adapters.aws.route53 import Route53RecordSets
from controller.model.levers import OutcomeStatus, RecordSet, WeightChange
from tests.adapters.aws.scripted import ScriptedClient, calls, refusal
from tests.fakes.clock import FakeClock

pytestmark = pytest.mark.looptime

APPLIED = {"ChangeInfo": {"Id": "/change/C1"}}
THROTTLED = refusal("Throttling")
LEAF = RecordSet(
    "eu.shop.example.test.",
    "A",
    "eu-west-1",
    64,
    "check",
    '{"ResourceRecords":[{"Value":"192.0.2.1"}],"TTL":60}',
)


def _adapter(*answers: Any) -> tuple[Route53RecordSets, ScriptedClient]:
    client: Any = ScriptedClient(*answers)
    return Route53RecordSets(client, calls(), FakeClock()), client


async def test_a_batch_deletes_exactly_what_was_read_and_creates_it_with_the_new_weight() -> None:
    """The compare-and-swap as AWS gets it, with our comment."""
    adapter, client = _adapter(APPLIED)
    outcome = await adapter.change("Z1", [WeightChange(LEAF, 0)], emergency=False)

    record = {
        "Name": "eu.shop.example.test.",
        "Type": "A",
        "SetIdentifier": "eu-west-1",
        "Weight": 64,
        "HealthCheckId": "check",
        "TTL": 60,
        "ResourceRecords": [{"Value": "192.0.2.1"}],
    }
    changes = [
        {"Action": "DELETE", "ResourceRecordSet": record},
        {"Action": "CREATE", "ResourceRecordSet": record | {"Weight": 0}},
    ]
    batch = {"Comment": "Global Traffic Controller: weights", "Changes": changes}
    asked = {"HostedZoneId": "Z1", "ChangeBatch": batch}
    assert client.asked == [("change_resource_record_sets", asked)]
    assert (outcome.status, outcome.change_id) == (OutcomeStatus.APPLIED, "C1")


async def test_a_throttled_emergency_is_sent_again_with_growing_pauses() -> None:
    """0.25 s, then 0.5 s; the outcome has the whole duration."""
    adapter, client = _adapter(THROTTLED, refusal("PriorRequestNotComplete"), APPLIED)
    outcome = await adapter.change("Z1", [WeightChange(LEAF, 0)], emergency=True)

    assert outcome.status is OutcomeStatus.APPLIED
    assert len(client.asked) == 3
    assert outcome.took_s == pytest.approx(0.75)
    assert asyncio.get_running_loop().time() == pytest.approx(0.75)


async def test_an_emergency_gives_up_after_five_tries() -> None:
    """The next cycle decides again."""
    adapter, client = _adapter(*[THROTTLED] * 5)
    outcome = await adapter.change("Z1", [WeightChange(LEAF, 0)], emergency=True)

    assert (outcome.status, outcome.throttled) == (OutcomeStatus.REFUSED, True)
    assert len(client.asked) == 5
    assert outcome.took_s == pytest.approx(3.75)


async def test_without_emergency_throttling_is_returned_at_once() -> None:
    """Other writes must not compete with a failover."""
    adapter, client = _adapter(THROTTLED)
    outcome = await adapter.change("Z1", [WeightChange(LEAF, 0)], emergency=False)

    assert (outcome.status, outcome.throttled) == (OutcomeStatus.REFUSED, True)
    assert len(client.asked) == 1


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (TimeoutError(), OutcomeStatus.UNKNOWN),
        (refusal("InternalFailure", 500), OutcomeStatus.UNKNOWN),
        (refusal("InvalidChangeBatch"), OutcomeStatus.REFUSED),
    ],
)
async def test_nothing_but_throttling_is_ever_sent_again(
    error: Exception, status: OutcomeStatus
) -> None:
    """An unknown write may have been applied; its repetition would be refused."""
    adapter, client = _adapter(error)
    outcome = await adapter.change("Z1", [WeightChange(LEAF, 0)], emergency=True)

    assert outcome.status is status
    assert len(client.asked) == 1


async def test_long_values_count_against_the_batch() -> None:
    """450 records fit by number, but not by characters: 450 × 2 × 39 is above 32,000."""
    rest = '{"ResourceRecords":[{"Value":"2001:0db8:0000:0000:0000:0000:0000:0001"}],"TTL":60}'
    leaf = RecordSet("eu.example.test.", "AAAA", "eu-west-1", 64, "check", rest)
    adapter, client = _adapter()
    outcome = await adapter.change("Z1", [WeightChange(leaf, 0)] * 450, emergency=True)

    assert outcome.status is OutcomeStatus.REFUSED
    assert "35100 characters" in outcome.detail
    assert client.asked == []
