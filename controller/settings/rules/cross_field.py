"""Rules that join fields across the whole configuration.

A part that its configuration model refused is None, and the rules about it are skipped, so that no
mistake is reported that only follows from another one. Rules within one service are in `service`,
rules about services and the catalogue of regions in `catalogue`.
"""

from __future__ import annotations

from collections.abc import Iterator

from controller.model.access import RESERVED_NAMES, is_loopback
from controller.model.configuration import KeyPath, ProbingSettings
from controller.settings.file_positions import RuleFinding
from controller.settings.rules.catalogue import regions_are_catalogued, residency_holds
from controller.settings.rules.service import check_service
from controller.settings.rules.sound_parts import SettingsParts
from controller.settings.rules.subjects import (
    probes_ask_their_own_region,
    reference_targets_stand_apart,
)


def check(parts: SettingsParts) -> Iterator[RuleFinding]:
    """All mistakes that join several fields."""
    for name, service in parts.services.items():
        for finding in check_service(service):
            yield finding.below("services", name)
    for rule in (
        regions_are_catalogued,
        residency_holds,
        api_without_tokens_is_local,
        tokens_differ,
        reserve_below_burst,
        vantage_stands_alone,
        reference_targets_differ,
        reference_targets_stand_apart,
        probes_ask_their_own_region,
        cycle_gap_within_period,
        override_ttls_in_order,
        opinions_outlive_interval,
        startup_covers_interval,
        subnets_belong_to_pools,
        steered_names_differ,
        accelerators_differ,
    ):
        yield from rule(parts)


def api_without_tokens_is_local(parts: SettingsParts) -> Iterator[RuleFinding]:
    """Without tokens every caller is admin, so only this machine may reach the API."""
    api = parts.api
    if api is None or api.tokens or is_loopback(api.host):
        return
    message = (
        f"api.host is {api.host!r}, where others reach it, and api.tokens names nobody: "
        "everybody would be admin"
    )
    hint = "make a token with `gtc token new`, or listen on 127.0.0.1"
    yield RuleFinding(("api", "host"), message, hint)


def tokens_differ(parts: SettingsParts) -> Iterator[RuleFinding]:
    """Names and secrets of tokens are unique: each identifies one caller in the audit."""
    names, secrets = set[str](), set[str]()
    for index, token in enumerate(parts.api.tokens if parts.api else ()):
        path = ("api", "tokens", index)
        if token.name in RESERVED_NAMES:
            yield RuleFinding((*path, "name"), f"{token.name} is a name the daemon itself uses")
        elif token.name in names:
            yield RuleFinding((*path, "name"), f"two tokens are named {token.name}")
        if token.sha256 in secrets:
            yield RuleFinding(
                (*path, "sha256"), "another token has the same secret", confidential=True
            )
        names.add(token.name)
        secrets.add(token.sha256)


def reserve_below_burst(parts: SettingsParts) -> Iterator[RuleFinding]:
    """`calls_reserve < calls_burst`: else nothing is left for ordinary calls."""
    aws = parts.aws
    if aws is not None and aws.calls_reserve >= aws.calls_burst:
        message = (
            f"calls_reserve ({aws.calls_reserve}) must be less than calls_burst ({aws.calls_burst})"
        )
        yield RuleFinding(("aws", "calls_reserve"), message)


def vantage_stands_alone(parts: SettingsParts) -> Iterator[RuleFinding]:
    """Replicas do not share their votes yet, so several points would never reach a majority."""
    vantage = parts.vantage
    if vantage is None or set(vantage.points) <= {vantage.name}:
        return
    message = (
        f"points names {len(vantage.points)} vantage points, but this version has the votes of "
        f"{vantage.name} alone: without a majority nothing would ever move"
    )
    yield RuleFinding(
        ("vantage", "points"), message, f"write [{vantage.name}], or leave points out"
    )


def reference_targets_differ(parts: SettingsParts) -> Iterator[RuleFinding]:
    """No address is both known good and known bad."""
    for index, url in enumerate(parts.known_bad):
        if url is not None and url in parts.known_good:
            message = (
                f"known_bad[{index}] is {url!r}, which is in known_good, too: "
                "an address is known either to answer or not to answer"
            )
            path = ("reference_targets", "known_bad", index)
            yield RuleFinding(path, message, "leave it in one of the two lists")


def cycle_gap_within_period(parts: SettingsParts) -> Iterator[RuleFinding]:
    """`min_gap_s <= period_s`: else every cycle would be late."""
    cycle = parts.cycle
    if cycle is not None and cycle.min_gap_s > cycle.period_s:
        message = f"min_gap_s ({cycle.min_gap_s:g}) must not exceed period_s ({cycle.period_s:g})"
        yield RuleFinding(("cycle", "min_gap_s"), message)


def override_ttls_in_order(parts: SettingsParts) -> Iterator[RuleFinding]:
    """`min_ttl_s <= default_ttl_s <= max_ttl_s`."""
    limits = parts.overrides
    if limits is None:
        return
    least, default, most = limits.min_ttl_s, limits.default_ttl_s, limits.max_ttl_s
    if least > most:
        message = f"min_ttl_s ({least:.15g}) must not exceed max_ttl_s ({most:.15g})"
        yield RuleFinding(("overrides", "min_ttl_s"), message)
    elif not least <= default <= most:
        message = (
            f"default_ttl_s ({default:.15g}) must lie between "
            f"min_ttl_s ({least:.15g}) and max_ttl_s ({most:.15g})"
        )
        yield RuleFinding(("overrides", "default_ttl_s"), message)


def opinions_outlive_interval(parts: SettingsParts) -> Iterator[RuleFinding]:
    """`fresh_for_s >= interval_s + deadline_s`: else verdicts become unknown between two probes."""
    probing = parts.probing
    if probing is None:
        return
    for path, interval_s, deadline_s in _probe_timings(parts, probing):
        if probing.fresh_for_s < interval_s + deadline_s:
            message = (
                f"probing.fresh_for_s ({probing.fresh_for_s:g}) must be at least interval_s + "
                f"deadline_s ({interval_s:g} + {deadline_s:g}); "
                "an opinion would expire before the next probe ends"
            )
            yield RuleFinding(path, message)


def startup_covers_interval(parts: SettingsParts) -> Iterator[RuleFinding]:
    """`startup_data_s >= max(interval_s)`: every endpoint is probed before the first write."""
    probing, guards = parts.probing, parts.guards
    if probing is None or guards is None:
        return
    longest_s = max(interval_s for _, interval_s, _ in _probe_timings(parts, probing))
    if guards.startup_data_s < longest_s:
        message = (
            f"startup_data_s ({guards.startup_data_s:g}) must be at least the longest interval_s "
            f"({longest_s:g}); the first write would rest on endpoints nobody asked"
        )
        yield RuleFinding(("guards", "startup_data_s"), message)


def subnets_belong_to_pools(parts: SettingsParts) -> Iterator[RuleFinding]:
    """Every geography with a subnet is named by a pool; else no query would use the subnet."""
    answers = parts.answers
    if answers is None or any(None in s.pools.values() for s in parts.services.values()):
        return
    known = {g for s in parts.services.values() for _, p in s.sound_pools() for g in p.geographies}
    for geography in answers.subnets.keys() - known:
        message = f"no pool names the geography {geography}"
        yield RuleFinding(("answers", "subnets", geography), message, at_key=True)


def steered_names_differ(parts: SettingsParts) -> Iterator[RuleFinding]:
    """No DNS name is steered by two services; they would undo each other's changes."""
    owners: dict[tuple[str, str], str] = {}
    for service_name, service in parts.services.items():
        lever = service.levers.route53 if service.levers else None
        if lever is None:
            continue
        for name in (lever.name, *map(lever.leaf_name, service.pools)):
            owner = owners.setdefault((lever.hosted_zone_id, name), service_name)
            if owner != service_name:
                message = f"{name} is steered by service {owner} already"
                yield RuleFinding(("services", service_name, "levers", "route53", "name"), message)
                break  # services of one name share their records' names, too; once is enough


def accelerators_differ(parts: SettingsParts) -> Iterator[RuleFinding]:
    """No accelerator is steered by two services."""
    owners: dict[str, str] = {}
    for service_name, service in parts.services.items():
        lever = service.levers.accelerator if service.levers else None
        if lever is None:
            continue
        owner = owners.setdefault(lever.arn, service_name)
        if owner != service_name:
            message = f"this accelerator is steered by service {owner} already"
            yield RuleFinding(("services", service_name, "levers", "accelerator", "arn"), message)


def _probe_timings(
    parts: SettingsParts, probing: ProbingSettings
) -> Iterator[tuple[KeyPath, float, float]]:
    """Path, interval and deadline of the defaults and of every endpoint that sets its own."""
    yield ("probing", "fresh_for_s"), probing.interval_s, probing.deadline_s
    for service_name, service in parts.services.items():
        for region_name, region in service.sound_regions():
            for endpoint_name, endpoint in region.endpoints.items():
                if endpoint.interval_s is None and endpoint.deadline_s is None:
                    continue
                path = (
                    "services",
                    service_name,
                    "regions",
                    region_name,
                    "endpoints",
                    endpoint_name,
                )
                interval_s = endpoint.interval_s or probing.interval_s
                yield path, interval_s, endpoint.deadline_s or probing.deadline_s
