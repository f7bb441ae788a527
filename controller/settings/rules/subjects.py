"""Rules about what a probe asks: its own region, and nothing that is steered or asked elsewhere.

A probe of the steered name is answered by whichever region users are led to; one of another
region's address tells of that one; a reference target that is an endpoint fails with its region.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from controller.model.configuration import Endpoint, EndpointId, KeyPath, Settings
from controller.model.configuration.host_names import server_name
from controller.settings.file_positions import RuleFinding
from controller.settings.rules.sound_parts import SettingsParts

_PORTS = {"http": 80, "https": 443}
_ACCELERATOR_DOMAINS = (".awsglobalaccelerator.com", ".dualstack.awsglobalaccelerator.com")


@dataclass(frozen=True, slots=True)
class _Subject:
    """What an endpoint's probe asks."""

    id: EndpointId
    host: str
    port: int
    asked: tuple[str, str, str]
    """Scheme, virtual host and path with query: who is asked for what at this address."""

    @property
    def place(self) -> tuple[str, str]:
        """Its service and region."""
        return self.id.service, self.id.region

    @property
    def path(self) -> KeyPath:
        """Its key."""
        service, region, endpoint = self.id
        return "services", service, "regions", region, "endpoints", endpoint, "probe"


def probes_ask_their_own_region(parts: SettingsParts) -> Iterator[RuleFinding]:
    """No endpoint probes a steered name, nor exactly what an endpoint of another region probes."""
    steered = _steered_names(parts)
    asked: dict[tuple[object, ...], _Subject] = {}
    for subject in _subjects(parts):
        if (owner := steered.get(subject.host)) is not None:
            message = (
                f"{subject.id} probes {subject.host}, the name that service {owner} steers: any of "
                "its regions may answer"
            )
            yield RuleFinding(subject.path, message, "probe an address of this region alone")
        first = asked.setdefault((subject.host, subject.port, subject.asked), subject)
        if first.id.region != subject.id.region:
            message = (
                f"{subject.id} probes what {first.id} probes: the one cannot be told from the other"
            )
            yield RuleFinding(subject.path, message, "probe an address of each region alone")


def reference_targets_stand_apart(parts: SettingsParts) -> Iterator[RuleFinding]:
    """No reference target is a steered name or an endpoint's address."""
    steered = _steered_names(parts)
    endpoints = {(subject.host, subject.port): subject.id for subject in _subjects(parts)}
    for kind, targets in (("known_good", parts.known_good), ("known_bad", parts.known_bad)):
        for index, target in enumerate(targets):
            if target is None:
                continue
            path = ("reference_targets", kind, index)
            host, port = _address(target)
            owner = endpoints.get((host, port))
            if owner is not None:
                message = f"{target} is an address of endpoint {owner}, too: both fail together"
                yield RuleFinding(path, message, "name an address that is not yours to steer")
            elif host in steered:
                message = f"{target} is a name that service {steered[host]} steers"
                yield RuleFinding(path, message, "name an address that is not yours to steer")


def probes_name_their_own_region(settings: Settings) -> Iterator[RuleFinding]:
    """Warns of an endpoint whose host has the name of another region, or an accelerator's."""
    regions = {name: re.compile(rf"(?<![a-z0-9]){name}(?![0-9])") for name in settings.regions}
    for endpoint_id, endpoint in settings.endpoints():
        subject = _subject(endpoint_id, endpoint)
        named = [name for name, pattern in regions.items() if pattern.search(subject.host)]
        if named and endpoint_id.region not in named:
            message = f"{endpoint_id} probes {subject.host}, which is named after {named[0]}"
            yield RuleFinding(subject.path, message, f"is it an address of {endpoint_id.region}?")
        elif subject.host.endswith(_ACCELERATOR_DOMAINS):
            message = (
                f"{endpoint_id} probes {subject.host}, an accelerator, which may lead to any region"
            )
            yield RuleFinding(subject.path, message, "probe what stands behind it in this region")


def addresses_of_two_regions(settings: Settings) -> Iterator[RuleFinding]:
    """Warns of two regions that are asked at one address for different things."""
    first_at: dict[tuple[str, int], _Subject] = {}
    for endpoint_id, endpoint in settings.endpoints():
        subject = _subject(endpoint_id, endpoint)
        first = first_at.setdefault((subject.host, subject.port), subject)
        if first.id.region != endpoint_id.region:
            message = f"{endpoint_id} and {first.id} are probed at one address, {subject.host}"
            yield RuleFinding(subject.path, message, "what fails there fails for both regions")


def _subjects(parts: SettingsParts) -> Iterator[_Subject]:
    for service_name, service in parts.services.items():
        for region_name, region in service.sound_regions():
            for name, endpoint in region.endpoints.items():
                yield _subject(EndpointId(service_name, region_name, name), endpoint)


def _subject(endpoint_id: EndpointId, endpoint: Endpoint) -> _Subject:
    parts = urlsplit(endpoint.probe)
    host, port = _address(endpoint.probe)
    virtual = server_name(endpoint.host) if endpoint.host else host
    asked = parts.scheme, virtual, f"{parts.path or '/'}?{parts.query}"
    return _Subject(endpoint_id, host, port, asked)


def _address(probe: str) -> tuple[str, int]:
    """Host and port of a probe's address, whose syntax is right."""
    parts = urlsplit(probe)
    return server_name(parts.hostname or ""), parts.port or _PORTS.get(parts.scheme, 0)


def _steered_names(parts: SettingsParts) -> Mapping[str, str]:
    """DNS name without its final dot to the service that steers it."""
    names: dict[str, str] = {}
    for service_name, service in parts.services.items():
        lever = service.levers.route53 if service.levers else None
        if lever is not None:
            for name in (lever.name, *map(lever.leaf_name, service.pools)):
                names[name.removesuffix(".")] = service_name
    return names
