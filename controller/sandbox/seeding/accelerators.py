"""Seeds the accelerator of one service: what is missing of listener, groups and endpoints.

Endpoints are Elastic IP addresses. Their allocation ids contain the address in hexadecimal, from
which the emulated accelerator knows where to send connections. Follows *CreateAccelerator*,
*CreateListener* and *CreateEndpointGroup* in the Global Accelerator API Reference.
"""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from controller.model.configuration import AcceleratorLever, Service
from controller.sandbox.errors import SandboxError
from controller.sandbox.seeding.record_tree import address_and_port

if TYPE_CHECKING:
    from types_aiobotocore_globalaccelerator import GlobalAcceleratorClient


async def seed_accelerator(
    client: GlobalAcceleratorClient, name: str, service: Service, lever: AcceleratorLever
) -> str:
    """Seed one accelerator; return its DNS name.

    Raises SandboxError if AWS gives it another ARN than `lever` has.
    """
    answer = await client.create_accelerator(
        Name=name, IdempotencyToken=f"id:{lever.arn.rpartition('/')[2]}"
    )
    accelerator = answer["Accelerator"]
    if accelerator["AcceleratorArn"] != lever.arn:
        raise SandboxError(
            f"service {name}: the configuration names {lever.arn}, the emulated AWS made "
            f"{accelerator['AcceleratorArn']}"
        )
    port = _common_port(name, service, lever)
    listener_arn = await _listener(client, name, lever, port)
    await _groups(client, name, service, lever, listener_arn, port)
    return accelerator["DnsName"]


def _common_port(name: str, service: Service, lever: AcceleratorLever) -> int:
    """The listener's port, which all regions must have. Raises SandboxError if they differ."""
    regions = service.pools[lever.pool].regions
    ports = {region: address_and_port(region, service.regions[region])[1] for region in regions}
    if len(set(ports.values())) != 1:
        raise SandboxError(
            f"service {name}: regions behind one accelerator differ in port: {ports}"
        )
    return next(iter(ports.values()))


async def _listener(
    client: GlobalAcceleratorClient, name: str, lever: AcceleratorLever, port: int
) -> str:
    listed = await client.list_listeners(AcceleratorArn=lever.arn)
    if listed["Listeners"]:
        return listed["Listeners"][0]["ListenerArn"]
    made = await client.create_listener(
        AcceleratorArn=lever.arn,
        PortRanges=[{"FromPort": port, "ToPort": port}],
        Protocol="TCP",
        IdempotencyToken=f"{name}-{port}",
    )
    return made["Listener"]["ListenerArn"]


async def _groups(
    client: GlobalAcceleratorClient,
    name: str,
    service: Service,
    lever: AcceleratorLever,
    listener_arn: str,
    port: int,
) -> None:
    listed = await client.list_endpoint_groups(ListenerArn=listener_arn, MaxResults=100)
    existing = {group["EndpointGroupRegion"] for group in listed["EndpointGroups"]}
    for region in service.pools[lever.pool].regions:
        if region in existing:
            continue
        address, _ = address_and_port(region, service.regions[region])
        await client.create_endpoint_group(
            ListenerArn=listener_arn,
            EndpointGroupRegion=region,
            EndpointConfigurations=[
                {"EndpointId": _allocation_id(address), "Weight": lever.endpoint_weight}
            ],
            TrafficDialPercentage=100,
            HealthCheckPort=port,
            HealthCheckProtocol="TCP",
            HealthCheckIntervalSeconds=10,
            ThresholdCount=3,
            IdempotencyToken=f"{name}-{region}",
        )


def _allocation_id(address: IPv4Address) -> str:
    return f"eipalloc-0{int(address):016x}"
