"""The endpoint groups of Global Accelerator.

UpdateEndpointGroup replaces the whole endpoint list, and a weight left out comes back as 128 (API
Reference, *UpdateEndpointGroup*, *EndpointConfiguration*). So each write carries every endpoint
with an explicit weight, and the group that AWS returns is compared with what was asked for. There
is no version to compare with: a hand edit between reading and writing is overwritten.

AWS does not list the attachment of a cross-account endpoint (*EndpointDescription* has no
AttachmentArn), so it cannot be repeated; whatever else it lists is.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from controller.adapters.aws.calls import Calls
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

# *EndpointConfiguration*: weights are 0 to 255, 128 when none is given.
_DEFAULT_WEIGHT = 128
# The dial is a 32-bit float on AWS's side: 33.3 comes back as 33.29999.
_DIAL_ROUNDING = 0.01
_PAGE_SIZE = 100
_FIELDS = frozenset({"EndpointId", "Weight"})
# What AWS reports of an endpoint but does not take back.
_REPORTED = frozenset({"HealthState", "HealthReason"})


class GlobalAccelerators:
    """Fulfils the Accelerators port."""

    def __init__(self, client: GlobalAcceleratorClient, calls: Calls, clock: Clock) -> None:
        self._client = client
        self._calls = calls
        self._clock = clock
        # A second write while AWS carries out the first is refused: TransactionInProgress.
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def read(self, accelerator_arn: str) -> tuple[EndpointGroup, ...]:
        """All endpoint groups of all listeners, in the order of AWS's listings."""
        groups: list[EndpointGroup] = []
        for listener_arn in await self._listeners(accelerator_arn):
            groups += await self._groups(listener_arn)
        return tuple(groups)

    async def change(self, change: GroupChange) -> Outcome:
        """Set the group's dial and all its endpoints' weights; other properties are repeated.

        Unknown when AWS returns another group than the one asked for. Writes to one accelerator
        wait for each other. Not retried.
        """
        started = self._clock.monotonic()
        fault = _fault(change)
        if fault:
            return Outcome(OutcomeStatus.REFUSED, f"not sent: {fault}")
        async with self._turns[_accelerator_of(change.group.arn)]:
            outcome = await self._send(change)
        return replace(outcome, took_s=self._clock.monotonic() - started)

    async def is_deployed(self, accelerator_arn: str) -> bool:
        """Whether the accelerator's status is DEPLOYED; groups have none of their own."""
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
            answer = await self._calls.send(
                "UpdateEndpointGroup",
                lambda: self._client.update_endpoint_group(
                    EndpointGroupArn=change.group.arn,
                    TrafficDialPercentage=change.dial,
                    EndpointConfigurations=[
                        _configuration(endpoint, change.endpoint_weight)
                        for endpoint in change.group.endpoints
                    ],
                ),
                # The port does not tell which write is urgent; writes are few, so any may be.
                emergency=True,
            )
        except AWS_ERRORS as error:
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
    kept = {n: v for n, v in described.items() if n not in _FIELDS | _REPORTED}
    return AcceleratedEndpoint(
        endpoint_id=described["EndpointId"],
        weight=described.get("Weight", _DEFAULT_WEIGHT),
        health=described.get("HealthState", "INITIAL"),
        rest=json.dumps(kept, sort_keys=True, separators=(",", ":")),
    )


def _configuration(endpoint: AcceleratedEndpoint, weight: int) -> EndpointConfigurationTypeDef:
    fields = {"EndpointId": endpoint.endpoint_id, "Weight": weight}
    # The rest comes from AWS's own listing, whose member names are those of the request.
    return cast("EndpointConfigurationTypeDef", fields | json.loads(endpoint.rest))


def _fault(change: GroupChange) -> str:
    """Why AWS could not accept the change; empty when nothing speaks against it."""
    if not change.group.endpoints:
        return "the group had no endpoint when it was read; writing would keep it empty"
    if not 0 <= change.dial <= 100:
        return f"dial {change.dial} is outside 0 to 100"
    if not 0 <= change.endpoint_weight <= 255:
        return f"weight {change.endpoint_weight} is outside 0 to 255"
    return ""


def _difference(change: GroupChange, returned: EndpointGroup) -> str:
    """Where the returned group is not the one asked for; empty when it is."""
    if abs(returned.dial - change.dial) > _DIAL_ROUNDING:
        return f"dial {returned.dial:g} instead of {change.dial:g}"
    asked = {(e.endpoint_id, change.endpoint_weight, e.rest) for e in change.group.endpoints}
    got = {(e.endpoint_id, e.weight, e.rest) for e in returned.endpoints}
    if asked != got:
        return f"endpoints {sorted(got)} instead of {sorted(asked)}"
    return ""


def _accelerator_of(group_arn: str) -> str:
    """`arn:…:accelerator/<id>/listener/<id>/endpoint-group/<id>` without what follows the id."""
    return group_arn.partition("/listener/")[0]
