"""Rules that join the fields of one service: one function each, which yields its findings.

Key paths are relative to the service. Rules about the Route 53 tree follow Amazon's developer
guide, "Values specific for geolocation records" and "Values specific for weighted records"; those
about accelerators "How AWS Global Accelerator works".
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from controller.model.configuration import Endpoint, KeyPath, Pool, Route53Lever
from controller.settings.file_positions import RuleFinding
from controller.settings.rules.geography import geographies_can_be_matched
from controller.settings.rules.lever_weights import stated_weights_fit
from controller.settings.rules.sound_parts import ServiceParts
from controller.settings.validation_messages import suggestion

_IDLE_KEYS = {
    "tcp": (
        "host",
        "headers",
        "ca_file",
        "certificates",
        "statuses",
        "body_contains",
        "keep_alive",
    ),
    "http": ("ca_file", "certificates"),
}
"""Scheme of a probe to the keys of an endpoint that have no effect with it."""
_FRAMING = "the probe sends a request without a body over its own connection"
_HEADERS_OF_THE_PROBE = {
    "host": "the endpoint's key host sets it, for TLS too",
    "connection": "the endpoint's key keep_alive sets it",
    "keep-alive": "the endpoint's key keep_alive sets it",
    "content-length": _FRAMING,
    "expect": _FRAMING,
    "te": _FRAMING,
    "trailer": _FRAMING,
    "transfer-encoding": _FRAMING,
    "upgrade": _FRAMING,
}
"""Headers, in lower case, that the settings may not set, to the reason or what to do."""


def check_service(service: ServiceParts) -> Iterator[RuleFinding]:
    """All mistakes that join several fields of one service."""
    for rule in (
        one_lever,
        required_endpoint_in_every_region,
        keys_fit_the_probe,
        headers_can_be_sent,
        pool_regions_exist,
        pool_regions_differ,
        shares_not_all_zero,
        latencies_cover_the_pool,
        nearest_names_the_pools_regions,
        geographies_differ,
        geographies_can_be_matched,
        one_default_pool,
        bound_pools_name_countries,
        pool_names_are_no_regions,
        one_pool_behind_accelerator,
        stated_weights_fit,
    ):
        yield from rule(service)


def one_lever(service: ServiceParts) -> Iterator[RuleFinding]:
    """A service has exactly one lever."""
    if service.levers is None:
        return
    levers = [name for name, lever in service.levers if lever is not None]
    if len(levers) != 1:
        found = "both" if levers else "neither"
        message = f"a service has exactly one lever, route53 or accelerator; here is {found}"
        yield RuleFinding(("levers",), message, at_key=True)


def required_endpoint_in_every_region(service: ServiceParts) -> Iterator[RuleFinding]:
    """Every region has a required endpoint; else it could never be down."""
    for name, region in service.sound_regions():
        if not any(endpoint.required for endpoint in region.endpoints.values()):
            message = (
                f"region {name} has no endpoint with required: true; nothing could show it down"
            )
            yield RuleFinding(("regions", name, "endpoints"), message, at_key=True)


def keys_fit_the_probe(service: ServiceParts) -> Iterator[RuleFinding]:
    """Keys about HTTP or TLS are not set for probes without HTTP or TLS."""
    for path, endpoint in _endpoints(service):
        scheme = endpoint.probe.partition(":")[0]
        for key in _IDLE_KEYS.get(scheme, ()):
            if getattr(endpoint, key) != Endpoint.model_fields[key].default:
                message = f"{key} does nothing for a probe that begins with {scheme}://"
                yield RuleFinding((*path, key), message, "leave it out", at_key=True)


def headers_can_be_sent(service: ServiceParts) -> Iterator[RuleFinding]:
    """No header is set twice, whose names have no case, and none that the probe itself must set."""
    for path, endpoint in _endpoints(service):
        seen: dict[str, str] = {}
        for name in endpoint.headers:
            here = (*path, "headers", name)
            first = seen.setdefault(name.lower(), name)
            if first != name:
                message = f"{name} and {first} are one header: names of headers have no case"
                yield RuleFinding(here, message, "leave one out", at_key=True)
            elif (hint := _HEADERS_OF_THE_PROBE.get(name.lower())) is not None:
                message = f"the {name.title()} header is not set here"
                yield RuleFinding(here, message, hint, at_key=True)


def pool_regions_exist(service: ServiceParts) -> Iterator[RuleFinding]:
    """Every region of a pool is a region of its service."""
    for pool_name, pool in service.sound_pools():
        for index, region in enumerate(pool.regions):
            if region not in service.regions:
                message = f"{region} is not a region of this service"
                hint = suggestion(region, service.regions)
                yield RuleFinding(("pools", pool_name, "regions", index), message, hint)


def pool_regions_differ(service: ServiceParts) -> Iterator[RuleFinding]:
    """A pool names each region once."""
    for pool_name, pool in service.sound_pools():
        for index, region in enumerate(pool.regions):
            if region in pool.regions[:index]:
                message = f"{region} stands twice in pool {pool_name}"
                yield RuleFinding(("pools", pool_name, "regions", index), message)


def shares_not_all_zero(service: ServiceParts) -> Iterator[RuleFinding]:
    """`sum(shares of a pool's regions) > 0`: a region serves the pool when all are up."""
    for pool_name, pool in service.sound_pools():
        regions = [service.regions.get(name) for name in pool.regions]
        if all(region is not None and region.share == 0 for region in regions):
            message = f"all regions of pool {pool_name} have share 0; at least one must have more"
            yield RuleFinding(("pools", pool_name, "regions"), message, at_key=True)


def latencies_cover_the_pool(service: ServiceParts) -> Iterator[RuleFinding]:
    """`latency_ms` has all regions of a pool or none, and none behind an accelerator."""
    accelerator = service.levers is not None and service.levers.accelerator is not None
    for pool_name, pool in service.sound_pools():
        path = ("pools", pool_name, "latency_ms")
        if pool.latency_ms and accelerator:
            message = "latency_ms does nothing behind an accelerator, which knows its users' paths"
            yield RuleFinding(path, message, "leave it out", at_key=True)
        elif pool.latency_ms:
            yield from _covers_pool(path, pool.latency_ms, pool_name, pool)


def nearest_names_the_pools_regions(service: ServiceParts) -> Iterator[RuleFinding]:
    """`nearest` has all regions of the accelerator's pool or none."""
    lever = service.levers.accelerator if service.levers is not None else None
    pool = service.pools.get(lever.pool) if lever is not None else None
    if lever is not None and pool is not None and lever.nearest:
        path = ("levers", "accelerator", "nearest")
        yield from _covers_pool(path, lever.nearest, lever.pool, pool)


def _covers_pool(
    path: KeyPath, named: Collection[str], pool_name: str, pool: Pool
) -> Iterator[RuleFinding]:
    """Findings unless `named` is exactly the pool's regions."""
    missing = [region for region in pool.regions if region not in named]
    if missing:
        message = f"{path[-1]} lacks {', '.join(missing)}; all of the pool's regions, or none"
        yield RuleFinding(path, message, at_key=True)
    for region in named:
        if region not in pool.regions:
            message = f"{region} is not in pool {pool_name}"
            yield RuleFinding((*path, region), message, suggestion(region, pool.regions))


def geographies_differ(service: ServiceParts) -> Iterator[RuleFinding]:
    """Each geography is in one pool, once."""
    owners: dict[str, str] = {}
    for pool_name, pool in service.sound_pools():
        for index, geography in enumerate(pool.geographies):
            owner = owners.setdefault(geography, pool_name)
            if owner != pool_name or geography in pool.geographies[:index]:
                message = (
                    f"{geography} is already in pool {owner}; a geography is in one pool, once"
                )
                yield RuleFinding(("pools", pool_name, "geographies", index), message)


def one_default_pool(service: ServiceParts) -> Iterator[RuleFinding]:
    """One pool has `default`; without it Route 53 has no answer for users it cannot locate."""
    pools = service.pools.values()
    if _route53(service) is None or any(pool is None for pool in pools):
        return
    if any(pool is not None and "default" in pool.geographies for pool in pools):
        return
    message = (
        "no pool has the geography default; Route 53 would give no answer to users it cannot place"
    )
    yield RuleFinding(("pools",), message, at_key=True)


def bound_pools_name_countries(service: ServiceParts) -> Iterator[RuleFinding]:
    """A pool with a residency names countries: continents and `default` exceed jurisdictions."""
    if _route53(service) is None:
        return
    for pool_name, pool in service.sound_pools():
        for index, geography in enumerate(pool.geographies):
            if pool.residency is None or geography.startswith("country:"):
                continue
            message = (
                f"pool {pool_name} has residency {pool.residency} and must name countries, "
                f"not {geography}"
            )
            path = ("pools", pool_name, "geographies", index)
            yield RuleFinding(path, message, _bound_pool_hint(geography))


def pool_names_are_no_regions(service: ServiceParts) -> Iterator[RuleFinding]:
    """No pool is named like a region: `<pool>.<service>` and `<region>.<service>` are DNS names."""
    for pool_name in service.pools:
        if _route53(service) is not None and pool_name in service.regions:
            message = f"pool {pool_name} is named like a region; both would own the same DNS name"
            yield RuleFinding(("pools", pool_name), message, at_key=True)


def one_pool_behind_accelerator(service: ServiceParts) -> Iterator[RuleFinding]:
    """A service behind an accelerator has one pool, because an accelerator has one set of dials."""
    lever = service.levers.accelerator if service.levers else None
    if lever is None:
        return
    if lever.pool not in service.pools:
        message = f"{lever.pool} is not a pool of this service"
        hint = suggestion(lever.pool, service.pools)
        yield RuleFinding(("levers", "accelerator", "pool"), message, hint)
    if len(service.pools) > 1:
        message = (
            f"an accelerator serves exactly one pool; here are {len(service.pools)}: "
            f"{', '.join(service.pools)}"
        )
        yield RuleFinding(("pools",), message, at_key=True)


def _endpoints(service: ServiceParts) -> Iterator[tuple[KeyPath, Endpoint]]:
    for region_name, region in service.sound_regions():
        for name, endpoint in region.endpoints.items():
            yield ("regions", region_name, "endpoints", name), endpoint


def _route53(service: ServiceParts) -> Route53Lever | None:
    return service.levers.route53 if service.levers else None


def _bound_pool_hint(geography: str) -> str:
    if geography == "continent:EU":
        return "to Route 53 continent EU also holds RU, TR and GB"
    if geography == "default":
        return "default is everybody whom no other pool names"
    return "a continent holds more than one jurisdiction"
