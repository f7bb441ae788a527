"""Rules about services and the catalogue of regions."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from controller.settings.file_positions import RuleFinding
from controller.settings.rules.sound_parts import ServiceParts, SettingsParts
from controller.settings.validation_messages import most_similar

_NAMED = 12
"""Limit of regions named in a hint; the rest is counted."""


def regions_are_catalogued(parts: SettingsParts) -> Iterator[RuleFinding]:
    """Every region of a service is in the catalogue."""
    if parts.regions is None:
        return
    for service_name, service in parts.services.items():
        for name in service.named_regions():
            if name not in parts.regions:
                path = ("services", service_name, "regions", name)
                message = f"the catalogue of regions (regions) has no {name}"
                yield RuleFinding(path, message, _region_hint(name, parts.regions), at_key=True)


def residency_holds(parts: SettingsParts) -> Iterator[RuleFinding]:
    """Every region of a pool with a residency is in that jurisdiction."""
    for name, service in parts.services.items():
        for finding in _residency_of(service, parts):
            yield finding.below("services", name)


def _residency_of(service: ServiceParts, parts: SettingsParts) -> Iterator[RuleFinding]:
    for pool_name, pool in service.sound_pools():
        for index, name in enumerate(pool.regions):
            region = (parts.regions or {}).get(name)
            if pool.residency is None or region is None or region.jurisdiction == pool.residency:
                continue
            message = (
                f"{name} is in jurisdiction {region.jurisdiction}, "
                f"but pool {pool_name} has residency {pool.residency}"
            )
            yield RuleFinding(("pools", pool_name, "regions", index), message)


def _region_hint(name: str, known: Collection[str]) -> str:
    """Hint for a region that the catalogue lacks: the most similar one, and those it has."""
    meant = [f"did you mean {region}?" for region in most_similar(name, known)]
    shown = ", ".join(list(known)[:_NAMED])
    more = f" and {len(known) - _NAMED} more" if len(known) > _NAMED else ""
    has = f"it has {shown}{more}" if known else "it is empty"
    return " ".join([*meant, has])
