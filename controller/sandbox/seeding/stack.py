"""What stands in the emulated AWS before the daemon starts: the stack that it steers.

Made by ordinary AWS calls through the daemon's own clients, so it works on anything that speaks
AWS. Whatever exists is left as it is: to seed again changes nothing. Ids are asked for by
CallerReference and IdempotencyToken of the form `id:…`, which the emulator honours, so that a
configuration file can name what does not exist yet.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from controller.adapters.aws.session import AwsClients, aws_clients, require_endpoint_url
from controller.model.configuration import AcceleratorLever, Route53Lever, Service, Settings
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
"""Where a service behind an accelerator has its name: `<service>.example.test.`"""
_SPARE_ZONE_ID = "Z0SANDBOX0000000000"


async def seed(settings: Settings) -> None:
    """Make zones, checks, records and accelerators of all services, where they are missing.

    Refuses to run without AWS_ENDPOINT_URL (EndpointUrlMissingError). Raises SandboxError for
    settings the sandbox cannot hold; errors of AWS pass through.
    """
    require_endpoint_url()
    async with aws_clients(deadline_s=settings.aws.call_deadline_s) as clients:
        await seed_through(clients, settings)


async def seed_through(clients: AwsClients, settings: Settings) -> None:
    """Do the same through these clients, wherever they lead."""
    for service in settings.services.values():
        if service.levers.route53 is not None:
            await _seed_tree(clients.route53, settings, service, service.levers.route53)
    for name, service in settings.services.items():
        if service.levers.accelerator is not None:
            lever = service.levers.accelerator
            await _seed_accelerated(clients, settings, name, service, lever)


async def _seed_tree(
    route53: Route53Client, settings: Settings, service: Service, lever: Route53Lever
) -> None:
    """In an order in which everything exists before it is referred to."""
    await _ensure_zone(route53, lever.name.partition(".")[2], lever.hosted_zone_id)
    for region in service.regions:
        await _ensure_check(route53, region, service, lever)
    existing = await _existing(route53, lever.hosted_zone_id)
    for records in (
        tree.region_names(service, lever),
        tree.leaves(service, lever, settings),
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
    """The id of SANDBOX_ZONE: the one a Route 53 service gives it, if there is such a service."""
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
        # An earlier seeding made it: the reference is ours alone.
        return


async def _ensure_check(
    route53: Route53Client, region: str, service: Service, lever: Route53Lever
) -> None:
    """Asking again with the same reference and settings answers the existing check."""
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
    if missing:
        await route53.change_resource_record_sets(
            HostedZoneId=zone_id,
            ChangeBatch={
                "Comment": "Global Traffic Controller: sandbox",
                "Changes": [
                    {"Action": "CREATE", "ResourceRecordSet": record} for record in missing
                ],
            },
        )
