"""The accelerator adapter: pages, order, and answers that differ from the request."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from controller.adapters.aws.global_accelerator import GlobalAccelerators
from controller.model.levers import (
    AcceleratedEndpoint,
    EndpointGroup,
    OutcomeStatus,
)
from tests.adapters.aws.scripted import ScriptedClient, calls, refusal
from tests.fakes.accelerators import to_all
from tests.fakes.clock import FakeClock

pytestmark = pytest.mark.looptime

ARN = "arn:aws:globalaccelerator::000000000000:accelerator/a"
ENDPOINT = AcceleratedEndpoint("eipalloc-1", 128, "HEALTHY", '{"ClientIPPreservationEnabled":true}')
GROUP = EndpointGroup(f"{ARN}/listener/l/endpoint-group/g", "eu-west-1", 100, (ENDPOINT,))


def _described(dial: float = 50, weight: int | None = 128, **more: Any) -> dict[str, Any]:
    endpoint = {
        "EndpointId": "eipalloc-1",
        "HealthState": "HEALTHY",
        "HealthReason": "fine",
        "ClientIPPreservationEnabled": True,
        **({} if weight is None else {"Weight": weight}),
        **more,
    }
    return {
        "EndpointGroupArn": GROUP.arn,
        "EndpointGroupRegion": "eu-west-1",
        "TrafficDialPercentage": dial,
        "EndpointDescriptions": [endpoint],
    }


def _adapter(*answers: Any) -> tuple[GlobalAccelerators, ScriptedClient]:
    client: Any = ScriptedClient(*answers)
    return GlobalAccelerators(client, calls("globalaccelerator"), FakeClock()), client


async def test_all_pages_of_listeners_and_groups_are_read() -> None:
    """An unread group would look like a missing one."""
    adapter, client = _adapter(
        {"Listeners": [{"ListenerArn": "l1"}], "NextToken": "t1"},
        {"Listeners": [{"ListenerArn": "l2"}]},
        {"EndpointGroups": [_described(1)], "NextToken": "t2"},
        {"EndpointGroups": [_described(2)]},
        {"EndpointGroups": [_described(3)]},
    )

    assert [group.dial for group in await adapter.read(ARN)] == [1, 2, 3]
    assert [members.get("NextToken") for _, members in client.asked] == [
        None,
        "t1",
        None,
        "t2",
        None,
    ]


async def test_a_weight_aws_does_not_name_is_128() -> None:
    """The documented default."""
    adapter, _ = _adapter(
        {"Listeners": [{"ListenerArn": "l"}]}, {"EndpointGroups": [_described(weight=None)]}
    )
    (group,) = await adapter.read(ARN)

    assert group.endpoints == (ENDPOINT,)


async def test_the_whole_endpoint_list_is_sent_with_its_properties() -> None:
    """Explicit weights and all listed properties except read-only ones."""
    adapter, client = _adapter({"EndpointGroup": _described(0, 0)})
    outcome = await adapter.change(ARN, [to_all(GROUP, 0, 0)], emergency=False)

    endpoint = {"EndpointId": "eipalloc-1", "Weight": 0, "ClientIPPreservationEnabled": True}
    asked = {
        "EndpointGroupArn": GROUP.arn,
        "TrafficDialPercentage": 0,
        "EndpointConfigurations": [endpoint],
    }
    assert client.asked == [("update_endpoint_group", asked)]
    assert outcome.status is OutcomeStatus.APPLIED


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (_described(100, 0), "dial 100 instead of 0"),
        (_described(0, 128), "128"),
        (_described(0, 0, ClientIPPreservationEnabled=False), "false"),
        (_described(0, 0, EndpointId="eipalloc-2"), "eipalloc-2"),
    ],
)
async def test_an_answer_that_differs_from_the_request_is_unknown(
    answer: dict[str, Any], detail: str
) -> None:
    """Another writer was faster, or AWS read the request differently: read again."""
    adapter, _ = _adapter({"EndpointGroup": answer})
    outcome = await adapter.change(ARN, [to_all(GROUP, 0, 0)], emergency=False)

    assert outcome.status is OutcomeStatus.UNKNOWN
    assert detail in outcome.detail


async def test_a_dial_may_come_back_rounded() -> None:
    """AWS stores it as a 32-bit float."""
    adapter, _ = _adapter({"EndpointGroup": _described(33.29999923706055)})

    outcome = await adapter.change(ARN, [to_all(GROUP, 33.3, 128)], emergency=False)

    assert outcome.status is OutcomeStatus.APPLIED


async def test_a_transaction_in_progress_may_be_sent_again() -> None:
    """It was refused only because of order; the caller decides when."""
    adapter, client = _adapter(refusal("TransactionInProgressException"))
    outcome = await adapter.change(ARN, [to_all(GROUP, 0, 0)], emergency=False)

    assert (outcome.status, outcome.throttled) == (OutcomeStatus.REFUSED, True)
    assert len(client.asked) == 1


async def test_writes_to_one_accelerator_wait_for_each_other() -> None:
    """Writes to another accelerator do not."""
    under_way: list[str] = []
    most: dict[str, int] = {}

    class SlowClient:
        async def update_endpoint_group(self, **members: Any) -> Any:
            accelerator = members["EndpointGroupArn"].partition("/listener/")[0]
            under_way.append(accelerator)
            most[accelerator] = max(most.get(accelerator, 0), under_way.count(accelerator))
            await asyncio.sleep(1)
            under_way.remove(accelerator)
            return {"EndpointGroup": _described(0, 0)}

    client: Any = SlowClient()
    adapter = GlobalAccelerators(client, calls("globalaccelerator"), FakeClock())
    other = EndpointGroup(GROUP.arn.replace("accelerator/a", "accelerator/b"), "x", 1, (ENDPOINT,))
    async with asyncio.TaskGroup() as group:
        for changed in (GROUP, GROUP, other):
            arn = changed.arn.partition("/listener/")[0]
            group.create_task(adapter.change(arn, [to_all(changed, 0, 0)], emergency=False))

    assert set(most.values()) == {1}
    assert asyncio.get_running_loop().time() == pytest.approx(2)
