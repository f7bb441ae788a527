"""The endpoint groups of Global Accelerator.

UpdateEndpointGroup replaces the whole endpoint list, and a missing weight becomes 128 (API
Reference, *UpdateEndpointGroup*, *EndpointConfiguration*). So each write contains every endpoint
with an explicit weight, and the group that AWS returns is compared with the wanted one. The API has
no version to compare: a manual edit between read and write is overwritten.

AWS does not list the attachment of a cross-account endpoint (*EndpointDescription* has no
AttachmentArn), so a write cannot repeat it; it repeats all listed properties.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from controller.adapters.aws.calls import AwsCalls
from controller.adapters.aws.error_mapping import AWS_ERRORS
from controller.model.levers import (
    AcceleratedEndpoint,
    EndpointGroup,
    GroupChange,
    Outcome,
    OutcomeStatus,
)
from controller.ports import Clock

if TYPE_CHECKING:
    from types_aiobotocore_globalaccelerator import GlobalAcceleratorClient
    from types_aiobotocore_globalaccelerator.type_defs import (
        EndpointConfigurationTypeDef,
        EndpointDescriptionTypeDef,
        EndpointGroupTypeDef,
        ListEndpointGroupsRequestTypeDef,
        ListListenersRequestTypeDef,
    )

# *EndpointConfiguration*: `0 <= weight <= 255`, 128 by default.
_DEFAULT_WEIGHT = 128
# AWS stores the dial as a 32-bit float: 33.3 is returned as 33.29999.
_DIAL_ROUNDING = 0.01
_PAGE_SIZE = 100
_STEERED_FIELDS = frozenset({"EndpointId", "Weight"})
# Properties that AWS lists but does not accept in a request.
_READ_ONLY = frozenset({"HealthState", "HealthReason"})


class GlobalAccelerators:
    """Implements the Accelerators port."""

    def __init__(self, client: GlobalAcceleratorClient, calls: AwsCalls, clock: Clock) -> None:
        self._client = client
        self._calls = calls
        self._clock = clock
        # One write per accelerator at a time: AWS refuses a second one (TransactionInProgress).
        self._write_locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def read(self, accelerator_arn: str) -> tuple[EndpointGroup, ...]:
        """All endpoint groups of all listeners, in the order of AWS's listings."""
        groups: list[EndpointGroup] = []
        for listener_arn in await self._listeners(accelerator_arn):
            groups += await self._groups(listener_arn)
        return tuple(groups)

    async def change(
        self, accelerator_arn: str, changes: Sequence[GroupChange], *, emergency: bool
    ) -> Outcome:
        """Set the one group's dial and its endpoints' weights; its other properties stay.

        The outcome is unknown when AWS returns another group than the wanted one. Writes to one
        accelerator wait for each other. No retry.
        """
        (change,) = changes
        started = self._clock.monotonic()
        invalid_reason = _invalid_reason(change)
        if invalid_reason:
            return Outcome(OutcomeStatus.REFUSED, f"not sent: {invalid_reason}")
        async with self._write_locks[accelerator_arn]:
            outcome = await self._send(change)
        return replace(outcome, took_s=self._clock.monotonic() - started)

    async def is_deployed(self, accelerator_arn: str) -> bool:
        """Whether the accelerator's status is DEPLOYED; groups have no status."""
        answer = await self._calls.ask(
            "DescribeAccelerator",
            lambda: self._client.describe_accelerator(AcceleratorArn=accelerator_arn),
        )
        return answer["Accelerator"].get("Status") == "DEPLOYED"

    async def _listeners(self, accelerator_arn: str) -> list[str]:
        found: list[str] = []
        request: ListListenersRequestTypeDef
        request = {"AcceleratorArn": accelerator_arn, "MaxResults": _PAGE_SIZE}
        while True:
            page = await self._calls.ask(
                "ListListeners", lambda: self._client.list_listeners(**request)
            )
            found += [listener["ListenerArn"] for listener in page["Listeners"]]
            if "NextToken" not in page:
                return found
            request["NextToken"] = page["NextToken"]

    async def _groups(self, listener_arn: str) -> list[EndpointGroup]:
        found: list[EndpointGroup] = []
        request: ListEndpointGroupsRequestTypeDef
        request = {"ListenerArn": listener_arn, "MaxResults": _PAGE_SIZE}
        while True:
            page = await self._calls.ask(
                "ListEndpointGroups", lambda: self._client.list_endpoint_groups(**request)
            )
            found += map(_group, page["EndpointGroups"])
            if "NextToken" not in page:
                return found
            request["NextToken"] = page["NextToken"]

    async def _send(self, change: GroupChange) -> Outcome:
        try:
            # Writes are few: all count as urgent, whatever the caller says.
            async with self._calls.limited("UpdateEndpointGroup", emergency=True):
                answer = await self._client.update_endpoint_group(
                    EndpointGroupArn=change.group.arn,
                    TrafficDialPercentage=change.dial,
                    EndpointConfigurations=[
                        _configuration(endpoint, weight) for endpoint, weight in _endpoints(change)
                    ],
                )
        except AWS_ERRORS as error:
            if await self._calls.renewed(error):
                return await self._send(change)
            return self._calls.outcome(error)
        difference = _difference(change, _group(answer["EndpointGroup"]))
        if difference:
            return Outcome(OutcomeStatus.UNKNOWN, f"AWS returned another group: {difference}")
        return Outcome(OutcomeStatus.APPLIED)


def _group(described: EndpointGroupTypeDef) -> EndpointGroup:
    return EndpointGroup(
        arn=described["EndpointGroupArn"],
        region=described["EndpointGroupRegion"],
        dial=described.get("TrafficDialPercentage", 100.0),
        endpoints=tuple(map(_endpoint, described.get("EndpointDescriptions", []))),
    )


def _endpoint(described: EndpointDescriptionTypeDef) -> AcceleratedEndpoint:
    other_fields = {n: v for n, v in described.items() if n not in _STEERED_FIELDS | _READ_ONLY}
    return AcceleratedEndpoint(
        endpoint_id=described["EndpointId"],
        weight=described.get("Weight", _DEFAULT_WEIGHT),
        health=described.get("HealthState", "INITIAL"),
        rest=json.dumps(other_fields, sort_keys=True, separators=(",", ":")),
    )


def _configuration(endpoint: AcceleratedEndpoint, weight: int) -> EndpointConfigurationTypeDef:
    fields = {"EndpointId": endpoint.endpoint_id, "Weight": weight}
    # `rest` comes from AWS's listing, which uses the same member names as the request.
    return cast("EndpointConfigurationTypeDef", fields | json.loads(endpoint.rest))


def _invalid_reason(change: GroupChange) -> str:
    """Why AWS would refuse the change; empty if it would not."""
    if not change.group.endpoints:
        return "the group had no endpoint when it was read; writing would keep it empty"
    if not 0 <= change.dial <= 100:
        return f"dial {change.dial} is outside 0 to 100"
    if len(change.weights) != len(change.group.endpoints):
        return f"{len(change.weights)} weights for {len(change.group.endpoints)} endpoints"
    outside = [weight for weight in change.weights if not 0 <= weight <= 255]
    return f"weight {outside[0]} is outside 0 to 255" if outside else ""


def _endpoints(change: GroupChange) -> Iterator[tuple[AcceleratedEndpoint, int]]:
    """Each endpoint with the weight it gets."""
    return zip(change.group.endpoints, change.weights, strict=True)


def _difference(change: GroupChange, returned: EndpointGroup) -> str:
    """How the returned group differs from the wanted one; empty if it does not."""
    if abs(returned.dial - change.dial) > _DIAL_ROUNDING:
        return f"dial {returned.dial:g} instead of {change.dial:g}"
    wanted = {(e.endpoint_id, weight, e.rest) for e, weight in _endpoints(change)}
    present = {(e.endpoint_id, e.weight, e.rest) for e in returned.endpoints}
    if wanted != present:
        return f"endpoints {sorted(present)} instead of {sorted(wanted)}"
    return ""
