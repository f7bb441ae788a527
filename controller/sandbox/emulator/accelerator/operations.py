"""Global Accelerator's control plane.

Follows the API reference: *CreateAccelerator* to *DeleteAccelerator*, the same for listeners and
endpoint groups, *AddEndpoints*, *RemoveEndpoints*. The endpoint list of UpdateEndpointGroup
replaces the old one; leaving it out keeps it. Ids follow from the IdempotencyToken (see
identifiers.py); a known token returns the resource that it created. Not emulated: custom routing,
cross-account attachments, tags, flow logs, quotas, TransactionInProgressException (except as a
fault); see resources.py for more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from controller.sandbox.emulator.accelerator.resources import (
    Accelerator,
    EndpointGroup,
    EndpointHealthState,
    Listener,
    accelerator_result,
    endpoint_results,
    endpoints_from_params,
    group_result,
    listener_result,
)
from controller.sandbox.emulator.accelerator.store import AcceleratorStore
from controller.sandbox.emulator.geography import known_region
from controller.sandbox.emulator.http.wire_messages import (
    AwsError,
    Operation,
    Params,
    Result,
    not_emulated,
)
from controller.sandbox.emulator.identifiers import short_id, uuid_id

API_REGION = "us-west-2"
DEFAULT_PAGE = 10

T = TypeVar("T")


class GlobalAccelerator:
    """The operations of the API as methods named after them."""

    def __init__(self, store: AcceleratorStore, health: EndpointHealthState) -> None:
        """`health` returns the HealthState of a group's endpoint."""
        self._store = store
        self._health = health

    @property
    def operations(self) -> Mapping[str, Operation]:
        """The operations of the API that are emulated here, by their names."""
        return {
            "CreateAccelerator": self.create_accelerator,
            "DescribeAccelerator": self.describe_accelerator,
            "ListAccelerators": self.list_accelerators,
            "UpdateAccelerator": self.update_accelerator,
            "DeleteAccelerator": self.delete_accelerator,
            "CreateListener": self.create_listener,
            "DescribeListener": self.describe_listener,
            "ListListeners": self.list_listeners,
            "UpdateListener": self.update_listener,
            "DeleteListener": self.delete_listener,
            "CreateEndpointGroup": self.create_endpoint_group,
            "DescribeEndpointGroup": self.describe_endpoint_group,
            "ListEndpointGroups": self.list_endpoint_groups,
            "UpdateEndpointGroup": self.update_endpoint_group,
            "DeleteEndpointGroup": self.delete_endpoint_group,
            "AddEndpoints": self.add_endpoints,
            "RemoveEndpoints": self.remove_endpoints,
        }

    def create_accelerator(self, params: Params) -> Result:
        """A new accelerator, or the one this token created."""
        if params.get("IpAddresses") or params.get("IpAddressType", "IPV4") != "IPV4":
            raise not_emulated("an accelerator with own addresses or IPv6")
        token = params["IdempotencyToken"]
        known = next((a for a in self._store.all() if a.idempotency_token == token), None)
        return self._accelerator_answer(known or self._store.put(self._new(params, token)))

    def describe_accelerator(self, params: Params) -> Result:
        """One accelerator with its status."""
        return self._accelerator_answer(self._store.accelerator(params["AcceleratorArn"]))

    def list_accelerators(self, params: Params) -> Result:
        """Accelerators in the order of their creation."""
        page, token = _page(self._store.all(), params)
        return {"Accelerators": [self._described(a) for a in page], "NextToken": token}

    def update_accelerator(self, params: Params) -> Result:
        """Change name or enabled state."""
        accelerator = self._store.accelerator(params["AcceleratorArn"])
        changed = replace(
            accelerator,
            name=params.get("Name", accelerator.name),
            enabled=params.get("Enabled", accelerator.enabled),
        )
        return self._accelerator_answer(self._store.put(changed))

    def delete_accelerator(self, params: Params) -> Result:
        """Delete an accelerator that is disabled and has no listener."""
        accelerator = self._store.accelerator(params["AcceleratorArn"])
        if accelerator.enabled:
            raise AwsError("AcceleratorNotDisabledException", f"disable {accelerator.arn} first")
        if accelerator.listeners:
            message = f"{accelerator.arn} has {len(accelerator.listeners)} listener(s)"
            raise AwsError("AssociatedListenerFoundException", message)
        self._store.delete(accelerator)
        return {}

    def create_listener(self, params: Params) -> Result:
        """A new listener, or the one this token created."""
        accelerator = self._store.accelerator(params["AcceleratorArn"])
        if params.get("Protocol", "TCP") != "TCP":
            raise not_emulated("a UDP listener")
        arn = f"{accelerator.arn}/listener/{short_id(params['IdempotencyToken'])[:8]}"
        known = next((x for x in accelerator.listeners if x.arn == arn), None)
        affinity = params.get("ClientAffinity", "NONE")
        listener = known or Listener(arn, _port_ranges(params, accelerator.listeners), affinity)
        if known is None:
            self._store.put(accelerator.with_listener(listener))
        return {"Listener": listener_result(listener)}

    def describe_listener(self, params: Params) -> Result:
        """One listener."""
        return {"Listener": listener_result(self._store.listener(params["ListenerArn"])[1])}

    def list_listeners(self, params: Params) -> Result:
        """An accelerator's listeners."""
        listeners = self._store.accelerator(params["AcceleratorArn"]).listeners
        page, token = _page(listeners, params)
        return {"Listeners": [listener_result(x) for x in page], "NextToken": token}

    def update_listener(self, params: Params) -> Result:
        """Change ports or affinity."""
        accelerator, listener = self._store.listener(params["ListenerArn"])
        if params.get("Protocol", "TCP") != "TCP":
            raise not_emulated("a UDP listener")
        others = accelerator.without_listener(listener.arn).listeners
        ranges = _port_ranges(params, others) if "PortRanges" in params else listener.port_ranges
        affinity = params.get("ClientAffinity", listener.affinity)
        changed = replace(listener, port_ranges=ranges, affinity=affinity)
        self._store.put(accelerator.with_listener(changed))
        return {"Listener": listener_result(changed)}

    def delete_listener(self, params: Params) -> Result:
        """Delete a listener that has no endpoint group."""
        accelerator, listener = self._store.listener(params["ListenerArn"])
        if listener.groups:
            message = f"{listener.arn} has {len(listener.groups)} endpoint group(s)"
            raise AwsError("AssociatedEndpointGroupFoundException", message)
        self._store.put(accelerator.without_listener(listener.arn))
        return {}

    def create_endpoint_group(self, params: Params) -> Result:
        """A new group, or the one this token created; one for each Region and listener."""
        accelerator, listener = self._store.listener(params["ListenerArn"])
        region = params["EndpointGroupRegion"]
        arn = f"{listener.arn}/endpoint-group/{short_id(params['IdempotencyToken'])}"
        known = next((group for group in listener.groups if group.arn == arn), None)
        if known is not None:
            return self._group_answer(known)
        if any(group.region == region for group in listener.groups):
            message = f"{listener.arn} already has an endpoint group in {region}"
            raise AwsError("EndpointGroupAlreadyExistsException", message)
        if not known_region(region):
            raise AwsError("InvalidArgumentException", f"EndpointGroupRegion {region} is unknown")
        group = _with_settings(EndpointGroup(arn, region, listener.ports[0]), params)
        return self._put_group(accelerator, listener, group)

    def describe_endpoint_group(self, params: Params) -> Result:
        """One group with the health of its endpoints."""
        return self._group_answer(self._store.group(params["EndpointGroupArn"])[2])

    def list_endpoint_groups(self, params: Params) -> Result:
        """A listener's groups."""
        page, token = _page(self._store.listener(params["ListenerArn"])[1].groups, params)
        groups = [group_result(group, self._health) for group in page]
        return {"EndpointGroups": groups, "NextToken": token}

    def update_endpoint_group(self, params: Params) -> Result:
        """Change the settings given; a given endpoint list replaces the old one."""
        accelerator, listener, group = self._store.group(params["EndpointGroupArn"])
        return self._put_group(accelerator, listener, _with_settings(group, params))

    def delete_endpoint_group(self, params: Params) -> Result:
        """Delete a group with its endpoints."""
        accelerator, listener, group = self._store.group(params["EndpointGroupArn"])
        self._store.put(accelerator.with_listener(listener.without_group(group.arn)))
        return {}

    def add_endpoints(self, params: Params) -> Result:
        """Add endpoints, or replace known ones; the others stay."""
        accelerator, listener, group = self._store.group(params["EndpointGroupArn"])
        added = endpoints_from_params(params["EndpointConfigurations"])
        ids = {endpoint.id for endpoint in added}
        kept = tuple(endpoint for endpoint in group.endpoints if endpoint.id not in ids)
        changed = replace(group, endpoints=kept + added)
        self._put_group(accelerator, listener, changed)
        only_added = replace(group, endpoints=added)
        descriptions = endpoint_results(only_added, self._health)
        return {"EndpointGroupArn": group.arn, "EndpointDescriptions": descriptions}

    def remove_endpoints(self, params: Params) -> Result:
        """Remove endpoints: the only way to exclude one from all traffic."""
        accelerator, listener, group = self._store.group(params["EndpointGroupArn"])
        ids = {identifier["EndpointId"] for identifier in params["EndpointIdentifiers"]}
        kept = tuple(endpoint for endpoint in group.endpoints if endpoint.id not in ids)
        self._put_group(accelerator, listener, replace(group, endpoints=kept))
        return {}

    def _new(self, params: Params, token: str) -> Accelerator:
        now = self._store.clock()
        return Accelerator(
            id=uuid_id(token),
            name=params["Name"],
            enabled=params.get("Enabled", True),
            idempotency_token=token,
            addresses=self._store.new_addresses(),
            created_at=now,
            modified_at=now,
        )

    def _described(self, accelerator: Accelerator) -> Result:
        return accelerator_result(accelerator, self._store.deployed(accelerator.arn))

    def _accelerator_answer(self, accelerator: Accelerator) -> Result:
        return {"Accelerator": self._described(accelerator)}

    def _put_group(
        self, accelerator: Accelerator, listener: Listener, group: EndpointGroup
    ) -> Result:
        self._store.put(accelerator.with_listener(listener.with_group(group)))
        return self._group_answer(group)

    def _group_answer(self, group: EndpointGroup) -> Result:
        return {"EndpointGroup": group_result(group, self._health)}


def _with_settings(group: EndpointGroup, params: Params) -> EndpointGroup:
    if params.get("HealthCheckProtocol", "TCP") != "TCP":
        raise not_emulated(f"an endpoint check by {params['HealthCheckProtocol']}")
    if params.get("PortOverrides"):
        raise not_emulated("a port override")
    interval_s = params.get("HealthCheckIntervalSeconds", group.check_interval_s)
    if interval_s not in (10, 30):
        message = f"HealthCheckIntervalSeconds must be 10 or 30, not {interval_s}"
        raise AwsError("InvalidArgumentException", message)
    endpoints = params.get("EndpointConfigurations")
    return replace(
        group,
        dial=params.get("TrafficDialPercentage", group.dial),
        check_port=params.get("HealthCheckPort", group.check_port),
        check_path=params.get("HealthCheckPath", group.check_path),
        check_interval_s=interval_s,
        threshold=params.get("ThresholdCount", group.threshold),
        endpoints=group.endpoints if endpoints is None else endpoints_from_params(endpoints),
    )


def _port_ranges(params: Params, others: Sequence[Listener]) -> tuple[tuple[int, int], ...]:
    ranges = tuple((each["FromPort"], each["ToPort"]) for each in params["PortRanges"])
    taken = {port for listener in others for port in listener.ports}
    for first, last in ranges:
        if first > last or taken & set(range(first, last + 1)):
            message = f"ports {first} to {last} are in the wrong order or already listened on"
            raise AwsError("InvalidPortRangeException", message)
    return ranges


def _page(items: Sequence[T], params: Params) -> tuple[Sequence[T], str | None]:
    token = params.get("NextToken", "0")
    if not token.isdecimal() or int(token) > len(items):
        raise AwsError("InvalidNextTokenException", f"no such token: {token}")
    end = int(token) + params.get("MaxResults", DEFAULT_PAGE)
    return items[int(token) : end], str(end) if end < len(items) else None
