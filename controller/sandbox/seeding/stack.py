"""Seeds the AWS resources that the daemon steers: zones, health checks, records, accelerators.

It makes ordinary AWS calls with the daemon's clients, so it works with anything that has AWS's API.
Existing resources are not changed, so seeding is idempotent. CallerReference and IdempotencyToken
of the form `id:…` request an id, which the emulator honours: a configuration file can name
resources that do not exist yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from controller.adapters.aws.session import AwsClients, aws_clients
from controller.model.configuration import AcceleratorLever, Route53Lever, Service, Settings
from controller.planning.levers.batches import BatchSize
from controller.sandbox.errors import SandboxError
from controller.sandbox.seeding import record_tree as tree
from controller.sandbox.seeding.accelerators import seed_accelerator

if TYPE_CHECKING:
    from types_aiobotocore_route53 import Route53Client
    from types_aiobotocore_route53.type_defs import (
        HealthCheckConfigTypeDef,
        ResourceRecordSetTypeDef,
    )

SANDBOX_ZONE = "example.test."
"""The zone of services behind an accelerator: `<service>.example.test.`"""
_SPARE_ZONE_ID = "Z0SANDBOX0000000000"


async def seed(settings: Settings) -> None:
    """Create what is missing of all services' zones, checks, records and accelerators.

    Raises AwsSetupError where a real AWS would be called, SandboxError for settings that the
    sandbox does not support, and errors of AWS.
    """
    async with aws_clients(deadline_s=settings.aws.call_deadline_s, emulated_only=True) as clients:
        await seed_through(clients, settings)


async def seed_through(clients: AwsClients, settings: Settings) -> None:
    """The same with these clients; does not check where they lead."""
    for service in settings.services.values():
        if service.levers.route53 is not None:
            await _seed_records(clients.route53, settings, service, service.levers.route53)
    for name, service in settings.services.items():
        if service.levers.accelerator is not None:
            lever = service.levers.accelerator
            await _seed_accelerated(clients, settings, name, service, lever)


async def _seed_records(
    route53: Route53Client, settings: Settings, service: Service, lever: Route53Lever
) -> None:
    """Seed one service's zone: targets before the records that refer to them."""
    await _ensure_zone(route53, lever.name.partition(".")[2], lever.hosted_zone_id)
    for region in service.regions:
        await _ensure_check(route53, region, service, lever)
    existing = await _existing(route53, lever.hosted_zone_id)
    for records in (
        tree.region_names(service, lever),
        tree.weighted_records(service, lever, settings),
        tree.geolocation_aliases(service, lever),
    ):
        await _create_missing(route53, lever.hosted_zone_id, records, existing)


async def _seed_accelerated(
    clients: AwsClients, settings: Settings, name: str, service: Service, lever: AcceleratorLever
) -> None:
    dns_name = await seed_accelerator(clients.global_accelerator, name, service, lever)
    zone_id = _sandbox_zone_id(settings)
    await _ensure_zone(clients.route53, SANDBOX_ZONE, zone_id)
    alias = tree.accelerator_alias(f"{name}.{SANDBOX_ZONE}", dns_name)
    existing = await _existing(clients.route53, zone_id)
    await _create_missing(clients.route53, zone_id, [alias], existing)


def _sandbox_zone_id(settings: Settings) -> str:
    """The id of SANDBOX_ZONE: from a Route 53 service in it, or a spare id."""
    for service in settings.services.values():
        lever = service.levers.route53
        if lever is not None and lever.name.partition(".")[2] == SANDBOX_ZONE:
            return lever.hosted_zone_id
    return _SPARE_ZONE_ID


async def _ensure_zone(route53: Route53Client, name: str, zone_id: str) -> None:
    if not name:
        raise SandboxError(
            f"zone {zone_id} would be the root; name the service below one: app.example.test."
        )
    try:
        await route53.create_hosted_zone(Name=name, CallerReference=f"id:{zone_id}")
    except route53.exceptions.HostedZoneAlreadyExists:
        # An earlier seeding created it: no other program uses this reference.
        return


async def _ensure_check(
    route53: Route53Client, region: str, service: Service, lever: Route53Lever
) -> None:
    """Create a check; AWS returns the existing one for the same reference and settings."""
    probe = urlsplit(next(iter(service.regions[region].endpoints.values())).probe)
    address, port = tree.address_and_port(region, service.regions[region])
    config: HealthCheckConfigTypeDef = {
        "Type": "TCP",
        "IPAddress": str(address),
        "Port": port,
        "RequestInterval": 10,
        "FailureThreshold": 3,
    }
    if probe.scheme != "tcp":
        config["Type"] = "HTTPS" if probe.scheme == "https" else "HTTP"
        config["FullyQualifiedDomainName"] = tree.region_name(region, lever).rstrip(".")
        config["ResourcePath"] = probe.path or "/"
    await route53.create_health_check(
        CallerReference=f"id:{tree.check_id(region, lever)}", HealthCheckConfig=config
    )


async def _existing(route53: Route53Client, zone_id: str) -> set[tuple[str, str, str | None]]:
    pages = route53.get_paginator("list_resource_record_sets").paginate(HostedZoneId=zone_id)
    return {
        (record["Name"], record["Type"], record.get("SetIdentifier"))
        async for page in pages
        for record in page["ResourceRecordSets"]
    }


async def _create_missing(
    route53: Route53Client,
    zone_id: str,
    records: Iterable[ResourceRecordSetTypeDef],
    existing: set[tuple[str, str, str | None]],
) -> None:
    missing = [
        record
        for record in records
        if (record["Name"], record["Type"], record.get("SetIdentifier")) not in existing
    ]
    for batch in _batches(missing):
        await route53.change_resource_record_sets(
            HostedZoneId=zone_id,
            ChangeBatch={
                "Comment": "Global Traffic Controller: sandbox",
                "Changes": [{"Action": "CREATE", "ResourceRecordSet": record} for record in batch],
            },
        )


def _batches(
    records: Iterable[ResourceRecordSetTypeDef],
) -> Iterator[list[ResourceRecordSetTypeDef]]:
    """The records in their order, as many at a time as one request may create."""
    batch: list[ResourceRecordSetTypeDef] = []
    used = BatchSize()
    for record in records:
        size = _created_size(record)
        if batch and not used.plus(size).fits:
            yield batch
            batch, used = [], BatchSize()
        batch.append(record)
        used = used.plus(size)
    if batch:
        yield batch


def _created_size(record: ResourceRecordSetTypeDef) -> BatchSize:
    """What Route 53 counts of a CREATE."""
    values = [value["Value"] for value in record.get("ResourceRecords", ())]
    return BatchSize(len(values) or 1, sum(map(len, values)))
