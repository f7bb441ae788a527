"""The record sets that the sandbox starts with, in Route 53's format; A and AAAA alike.

These are region names, weighted records with a health check each, and geolocation aliases that do
not evaluate their target's health. Weights are those of placement when all regions are healthy, so
that the daemon has nothing to move. Follows *Choosing between alias and non-alias records*, *Values
specific for weighted records* and *Values specific for geolocation alias records* in the Route 53
Developer Guide. `controller.sandbox.seeding.stack` sends them in the right order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import NAMESPACE_DNS, uuid5

from controller.model.configuration import Route53Lever, Service, ServiceRegion, Settings
from controller.planning.placement.believed import Believed
from controller.planning.placement.optimal_split import PlacementProblem, place
from controller.sandbox.errors import SandboxError

if TYPE_CHECKING:
    from types_aiobotocore_route53.literals import RRTypeType
    from types_aiobotocore_route53.type_defs import GeoLocationTypeDef, ResourceRecordSetTypeDef

# API Reference, *AliasTarget*: the hosted zone of every accelerator's name.
ACCELERATOR_ZONE_ID = "Z2BJ6XQ5FK7U4H"
# RFC 3849 reserves this prefix for documentation; the last 32 bits are the IPv4 address.
_DOCUMENTATION_PREFIX = int(IPv6Address("2001:db8::"))
_LARGEST_WEIGHT = 128
_DEFAULT_PORTS = {"http": 80, "https": 443}


def region_name(region: str, lever: Route53Lever) -> str:
    """The unsteered name of one region; health checks send it as the Host header."""
    return f"{region}.{lever.name}"


def check_id(region: str, lever: Route53Lever) -> str:
    """The id of a region's health check, the same in every sandbox."""
    return str(uuid5(NAMESPACE_DNS, region_name(region, lever)))


def address_and_port(name: str, region: ServiceRegion) -> tuple[IPv4Address, int]:
    """The address of a region's first endpoint. Raises SandboxError if it is not IPv4."""
    endpoint = next(iter(region.endpoints.values()))
    probe = urlsplit(endpoint.probe)
    try:
        address = IPv4Address(probe.hostname or "")
    except AddressValueError as error:
        raise SandboxError(
            f"region {name}: probe {endpoint.probe} names no IPv4 address; the sandbox needs one"
        ) from error
    return address, probe.port or _DEFAULT_PORTS[probe.scheme]


def region_names(service: Service, lever: Route53Lever) -> Iterator[ResourceRecordSetTypeDef]:
    """The simple records `<region>.<service>`, which are not steered."""
    for name, region in service.regions.items():
        for type_, value in _addresses(name, region):
            yield {
                "Name": region_name(name, lever),
                "Type": type_,
                "TTL": _ttl(lever),
                "ResourceRecords": [{"Value": value}],
            }


def weighted_records(
    service: Service, lever: Route53Lever, settings: Settings
) -> Iterator[ResourceRecordSetTypeDef]:
    """The weighted records `<pool>.<service>`: one for each region of the pool."""
    splits = starting_splits(service, settings)
    for pool_name, pool in service.pools.items():
        weights = _weights_of(splits[pool_name])
        for name in pool.regions:
            for type_, value in _addresses(name, service.regions[name]):
                yield {
                    "Name": lever.leaf_name(pool_name),
                    "Type": type_,
                    "SetIdentifier": name,
                    "Weight": weights[name],
                    "TTL": _ttl(lever),
                    "ResourceRecords": [{"Value": value}],
                    "HealthCheckId": check_id(name, lever),
                }


def geolocation_aliases(
    service: Service, lever: Route53Lever
) -> Iterator[ResourceRecordSetTypeDef]:
    """The aliases at the service's name: from each geography to its pool's weighted records."""
    types: tuple[RRTypeType, ...] = ("A", "AAAA")
    for pool_name, pool in service.pools.items():
        for geography in pool.geographies:
            for type_ in types:
                yield {
                    "Name": lever.name,
                    "Type": type_,
                    "SetIdentifier": geography,
                    "GeoLocation": _location(geography),
                    "AliasTarget": {
                        "HostedZoneId": lever.hosted_zone_id,
                        "DNSName": lever.leaf_name(pool_name),
                        "EvaluateTargetHealth": False,
                    },
                }


def accelerator_alias(name: str, dns_name: str) -> ResourceRecordSetTypeDef:
    """The alias from a service's name to its accelerator."""
    return {
        "Name": name,
        "Type": "A",
        "AliasTarget": {
            "HostedZoneId": ACCELERATOR_ZONE_ID,
            "DNSName": dns_name,
            "EvaluateTargetHealth": False,
        },
    }


def starting_splits(service: Service, settings: Settings) -> dict[str, Mapping[str, float]]:
    """Pool to the best shares while all regions are healthy; `sum(shares) == 1`."""
    pools, placement = service.pools, settings.placement
    demand_rps = {name: pool.demand_rps for name, pool in pools.items()}
    # A region without a configured capacity counts as large enough.
    enough_rps = sum(demand_rps.values()) / placement.target_utilisation
    figures = Believed(
        demand_rps,
        {name: pool.latency_ms for name, pool in pools.items() if pool.latency_ms},
        {name: region.capacity_rps or enough_rps for name, region in service.regions.items()},
    )
    candidates = {name: pool.regions for name, pool in pools.items()}
    placed = place(PlacementProblem(service, settings.regions, placement, figures, candidates))
    return {
        name: {region: placed[name].shares.get(region, 0.0) for region in pool.regions}
        for name, pool in pools.items()
    }


def _addresses(name: str, region: ServiceRegion) -> tuple[tuple[RRTypeType, str], ...]:
    address, _ = address_and_port(name, region)
    return ("A", str(address)), ("AAAA", str(IPv6Address(_DOCUMENTATION_PREFIX + int(address))))


def _weights_of(shares: Mapping[str, float]) -> dict[str, int]:
    """Weights in proportion to the shares: the largest is 128, a positive share gets at least 1."""
    largest = max(shares.values()) or 1.0
    return {
        name: max(1, round(share / largest * _LARGEST_WEIGHT)) if share > 0 else 0
        for name, share in shares.items()
    }


def _location(geography: str) -> GeoLocationTypeDef:
    kind, _, code = geography.partition(":")
    if kind == "continent":
        return {"ContinentCode": code}
    return {"CountryCode": code or "*"}


def _ttl(lever: Route53Lever) -> int:
    return max(1, round(lever.ttl_s))
