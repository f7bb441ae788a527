"""Warnings: what is allowed but rarely meant. A warning never refuses a configuration."""

from __future__ import annotations

from collections.abc import Iterator

from controller.model.access import is_loopback
from controller.model.configuration import Pool, Service, Settings
from controller.settings.file_positions import RuleFinding
from controller.settings.rules.lever_weights import shares_fit_weights
from controller.settings.rules.region_names import regions_are_known, regions_share_a_partition
from controller.settings.rules.subjects import (
    addresses_of_two_regions,
    probes_name_their_own_region,
)

_LONGEST_TTL_S = 60
"""Longest TTL without a warning; with a longer one the TTL dominates the time of a failover."""

_EUROPE_OUTSIDE_THE_UNION = {"eu-west-2": "the United Kingdom", "eu-central-2": "Switzerland"}


def warnings_for(settings: Settings) -> Iterator[RuleFinding]:
    """All warnings about a configuration."""
    for rule in (
        one_vantage_point,
        no_known_good_targets,
        deadline_above_interval,
        api_beyond_loopback,
        regions_without_service,
        jurisdiction_eu_outside_the_eu,
        regions_are_known,
        regions_share_a_partition,
        probes_name_their_own_region,
        addresses_of_two_regions,
    ):
        yield from rule(settings)
    for name, service in settings.services.items():
        for service_rule in (
            unencrypted_secrets,
            long_ttl,
            capacity_unknown,
            pools_survive_a_region,
            service_survives_a_region,
            shares_fit_weights,
        ):
            for finding in service_rule(service):
                yield finding.below("services", name)


def one_vantage_point(settings: Settings) -> Iterator[RuleFinding]:
    """Only one vantage point: no other can outvote it."""
    if len(settings.vantage.all) == 1:
        message = "one vantage point: a path failure near it looks like a region's failure"
        hint = "known-good reference targets tell the two apart"
        yield RuleFinding(("vantage",), message, hint, at_key=True)


def no_known_good_targets(settings: Settings) -> Iterator[RuleFinding]:
    """No known-good reference targets: a broken prober is not found."""
    if not settings.reference_targets.known_good:
        message = (
            "no known-good reference targets: a broken network near this replica looks like "
            "failing regions"
        )
        path = ("reference_targets", "known_good")
        yield RuleFinding(path, message, "name three addresses that are not yours to steer")


def deadline_above_interval(settings: Settings) -> Iterator[RuleFinding]:
    """`deadline_s > interval_s`: the next probe waits for the last one."""
    probing = settings.probing
    if probing.deadline_s > probing.interval_s:
        message = (
            f"deadline_s ({probing.deadline_s:g}) exceeds interval_s ({probing.interval_s:g}): "
            "an endpoint that hangs is asked less often than interval_s says"
        )
        yield RuleFinding(("probing", "deadline_s"), message)


def unencrypted_secrets(service: Service) -> Iterator[RuleFinding]:
    """Secrets in headers of probes without TLS: the network can read them."""
    for region_name, region in service.regions.items():
        for name, endpoint in region.endpoints.items():
            if endpoint.headers and not endpoint.probe.startswith("https:"):
                path = ("regions", region_name, "endpoints", name, "headers")
                message = "this probe sends its headers' secrets unencrypted"
                yield RuleFinding(path, message, "probe it by https://", at_key=True)


def api_beyond_loopback(settings: Settings) -> Iterator[RuleFinding]:
    """The API listens beyond this machine: it is plain HTTP, so the network can read tokens."""
    host = settings.api.host
    if not is_loopback(host):
        message = f"api.host is {host!r}: tokens cross the network unencrypted"
        yield RuleFinding(("api", "host"), message, "listen on 127.0.0.1 behind a proxy with TLS")


def long_ttl(service: Service) -> Iterator[RuleFinding]:
    """A long TTL: users keep a failed region's address for so long."""
    lever = service.levers.route53
    if lever is not None and lever.ttl_s > _LONGEST_TTL_S:
        message = f"ttl_s is {lever.ttl_s:g}: users keep a failed region's address that long"
        yield RuleFinding(("levers", "route53", "ttl_s"), message, f"{_LONGEST_TTL_S} is usual")


def capacity_unknown(service: Service) -> Iterator[RuleFinding]:
    """Unknown capacity: the region cannot take over from a failed one."""
    for name, region in service.regions.items():
        if region.capacity_rps is None:
            message = (
                f"region {name} has no capacity_rps: it is counted on for its part of each pool's "
                "demand and no more"
            )
            yield RuleFinding(("regions", name), message, "measure it", at_key=True)


def pools_survive_a_region(service: Service) -> Iterator[RuleFinding]:
    """A pool whose regions cannot carry it without the largest one."""
    for name, pool in service.pools.items():
        path = ("pools", name, "regions")
        if len(pool.regions) == 1:
            message = f"pool {name} has one region, {pool.regions[0]}: nothing to fail over to"
            yield RuleFinding(path, message)
            continue
        largest, rest_rps = _without_largest(service, pool.regions)
        if rest_rps < pool.demand_rps:
            message = (
                f"without {largest} the regions of pool {name} carry {rest_rps:g} requests/s, "
                f"but its users ask for {pool.demand_rps:g}"
            )
            yield RuleFinding(path, message)


def service_survives_a_region(service: Service) -> Iterator[RuleFinding]:
    """All pools together, which share capacity, without the largest region."""
    pools = tuple(service.pools.values())
    if len(pools) < 2 or any(_falls_short(service, pool) for pool in pools):
        return
    used = tuple(dict.fromkeys(region for pool in pools for region in pool.regions))
    largest, rest_rps = _without_largest(service, used)
    demand_rps = sum(pool.demand_rps for pool in pools)
    if rest_rps < demand_rps:
        message = (
            f"without {largest} this service's regions carry {rest_rps:g} requests/s, "
            f"but the users of all pools ask for {demand_rps:g}"
        )
        yield RuleFinding(("pools",), message, at_key=True)


def _falls_short(service: Service, pool: Pool) -> bool:
    return _without_largest(service, pool.regions)[1] < pool.demand_rps


def _without_largest(service: Service, names: tuple[str, ...]) -> tuple[str, float]:
    """The region with the largest capacity, and the capacity of the other ones, requests/s."""
    capacity = {name: service.regions[name].capacity_rps or 0.0 for name in names}
    largest = max(names, key=capacity.__getitem__)
    return largest, sum(capacity.values()) - capacity[largest]


def regions_without_service(settings: Settings) -> Iterator[RuleFinding]:
    """A region of the catalogue that no service uses: misspelt, or left over."""
    used = {name for service in settings.services.values() for name in service.regions}
    for name in settings.regions:
        if name not in used:
            message = f"no service uses region {name} of the catalogue"
            yield RuleFinding(("regions", name), message, "leave it out", at_key=True)


def jurisdiction_eu_outside_the_eu(settings: Settings) -> Iterator[RuleFinding]:
    """A region outside the EU with jurisdiction EU; the proof of residency relies on this key."""
    for name, region in settings.regions.items():
        country = _EUROPE_OUTSIDE_THE_UNION.get(name)
        if region.jurisdiction != "EU" or (name.startswith(("eu-", "eusc-")) and country is None):
            continue
        place = f"in {country}" if country else "outside Europe"
        message = f"{name} is said to be in jurisdiction EU, but lies {place}"
        hint = "a pool with residency EU would be served from there"
        yield RuleFinding(("regions", name, "jurisdiction"), message, hint)
