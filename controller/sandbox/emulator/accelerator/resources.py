"""Accelerators, listeners, endpoint groups and endpoints as immutable values.

Follows Global Accelerator's API reference: *Accelerator*, *Listener*, *EndpointGroup*,
*EndpointConfiguration*, *EndpointDescription*. Endpoints are Elastic IP addresses whose allocation
id contains the address: `eipalloc-0` and sixteen hexadecimal digits, the last eight of them the
address (127.0.10.1 is ...7f000a01). Not emulated and refused: load balancers and instances as
endpoints, HTTP and HTTPS endpoint checks, port overrides, UDP, dual stack, own addresses.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from ipaddress import IPv4Address

from controller.sandbox.emulator.http.wire_messages import (
    ACCOUNT_ID,
    AwsError,
    Params,
    Result,
    not_emulated,
)

DEFAULT_WEIGHT = 128
_ALLOCATION = re.compile(r"eipalloc-0[0-9a-f]{8}([0-9a-f]{8})")
_ARN = f"arn:aws:globalaccelerator::{ACCOUNT_ID}:accelerator/"

EndpointHealthState = Callable[[str, str], str]  # endpoint group ARN and endpoint id to HealthState


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint of a group."""

    id: str
    weight: int = DEFAULT_WEIGHT
    client_ip_preservation: bool = False

    @property
    def address(self) -> str:
        """The address in the allocation id."""
        return _address(self.id)


@dataclass(frozen=True, slots=True)
class EndpointGroup:
    """The endpoints of one Region under one listener, with their dial and health checks."""

    arn: str
    region: str
    check_port: int
    dial: float = 100.0
    check_path: str = "/"
    check_interval_s: int = 30
    threshold: int = 3
    endpoints: tuple[Endpoint, ...] = ()


@dataclass(frozen=True, slots=True)
class Listener:
    """The TCP ports on which an accelerator accepts connections."""

    arn: str
    port_ranges: tuple[tuple[int, int], ...]
    affinity: str
    groups: tuple[EndpointGroup, ...] = ()

    @property
    def ports(self) -> tuple[int, ...]:
        """All ports of all ranges."""
        return tuple(p for first, last in self.port_ranges for p in range(first, last + 1))

    def with_group(self, group: EndpointGroup) -> "Listener":
        """The listener with a group added, or replaced where the ARN is known."""
        return replace(self, groups=(*self.without_group(group.arn).groups, group))

    def without_group(self, arn: str) -> "Listener":
        """The listener without the group of that ARN."""
        return replace(self, groups=tuple(g for g in self.groups if g.arn != arn))


@dataclass(frozen=True, slots=True)
class Accelerator:
    """An accelerator with its listeners, groups and endpoints: one value, replaced as a whole."""

    id: str
    name: str
    enabled: bool
    idempotency_token: str
    addresses: tuple[str, ...]
    created_at: float
    modified_at: float
    listeners: tuple[Listener, ...] = ()

    @property
    def arn(self) -> str:
        """The accelerator's ARN."""
        return _ARN + self.id

    @property
    def dns_name(self) -> str:
        """`a`, sixteen hexadecimal digits, and Global Accelerator's domain."""
        return f"a{self.id.replace('-', '')[-16:]}.awsglobalaccelerator.com"

    def with_listener(self, listener: Listener) -> "Accelerator":
        """The accelerator with a listener added, or replaced where the ARN is known."""
        return replace(self, listeners=(*self.without_listener(listener.arn).listeners, listener))

    def without_listener(self, arn: str) -> "Accelerator":
        """The accelerator without the listener of that ARN."""
        return replace(self, listeners=tuple(x for x in self.listeners if x.arn != arn))


def endpoints_from_params(configurations: Sequence[Params]) -> tuple[Endpoint, ...]:
    """The endpoints of a client's request; the default weight is 128."""
    endpoints = tuple(
        Endpoint(
            configuration["EndpointId"],
            configuration.get("Weight", DEFAULT_WEIGHT),
            configuration.get("ClientIPPreservationEnabled", False),
        )
        for configuration in configurations
    )
    ids = [endpoint.id for endpoint in endpoints]
    if len(set(ids)) < len(ids):
        raise AwsError("InvalidArgumentException", f"an endpoint is given twice in {ids}")
    for endpoint_id in ids:
        _address(endpoint_id)
    return endpoints


def accelerator_result(accelerator: Accelerator, deployed: bool) -> Result:
    """The accelerator as the API describes it."""
    addresses = list(accelerator.addresses)
    return {
        "AcceleratorArn": accelerator.arn,
        "Name": accelerator.name,
        "IpAddressType": "IPV4",
        "Enabled": accelerator.enabled,
        "IpSets": [
            {"IpFamily": "IPv4", "IpAddresses": addresses, "IpAddressFamily": "IPv4"},
        ],
        "DnsName": accelerator.dns_name,
        "Status": "DEPLOYED" if deployed else "IN_PROGRESS",
        "CreatedTime": datetime.fromtimestamp(accelerator.created_at, UTC),
        "LastModifiedTime": datetime.fromtimestamp(accelerator.modified_at, UTC),
    }


def listener_result(listener: Listener) -> Result:
    """The listener as the API describes it."""
    return {
        "ListenerArn": listener.arn,
        "PortRanges": [{"FromPort": a, "ToPort": b} for a, b in listener.port_ranges],
        "Protocol": "TCP",
        "ClientAffinity": listener.affinity,
    }


def group_result(group: EndpointGroup, health: EndpointHealthState) -> Result:
    """The endpoint group as the API describes it."""
    return {
        "EndpointGroupArn": group.arn,
        "EndpointGroupRegion": group.region,
        "EndpointDescriptions": endpoint_results(group, health),
        "TrafficDialPercentage": group.dial,
        "HealthCheckPort": group.check_port,
        "HealthCheckProtocol": "TCP",
        "HealthCheckPath": group.check_path,
        "HealthCheckIntervalSeconds": group.check_interval_s,
        "ThresholdCount": group.threshold,
    }


def endpoint_results(group: EndpointGroup, health: EndpointHealthState) -> list[Result]:
    """The group's endpoints as the API describes them."""
    return [
        {
            "EndpointId": endpoint.id,
            "Weight": endpoint.weight,
            "HealthState": health(group.arn, endpoint.id),
            "ClientIPPreservationEnabled": endpoint.client_ip_preservation,
        }
        for endpoint in group.endpoints
    ]


def _address(endpoint_id: str) -> str:
    found = _ALLOCATION.fullmatch(endpoint_id)
    if found is not None:
        return str(IPv4Address(int(found[1], 16)))
    if endpoint_id.startswith("eipalloc-"):
        message = f"{endpoint_id}: in the sandbox an allocation id ends in the address, in hex"
        raise AwsError("EndpointNotFoundException", message)
    raise not_emulated(f"endpoint {endpoint_id!r}, being no Elastic IP address,")
