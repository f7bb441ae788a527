"""The parts of a file that are valid by themselves.

One mistake must not hide others. So rules that join fields run on every part that its configuration
model accepts; a part that it refuses is None, and rules skip it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from controller.model.configuration import (
    AnswerSettings,
    ApiSettings,
    AwsSettings,
    ConfigModel,
    CycleSettings,
    GuardSettings,
    Levers,
    OverrideLimits,
    Pool,
    ProbeAddress,
    ProbingSettings,
    Region,
    RegionName,
    ServiceRegion,
    VantageSettings,
)

Model = TypeVar("Model", bound=ConfigModel)
_REGION_NAME: TypeAdapter[str] = TypeAdapter(RegionName)
_PROBE_ADDRESS: TypeAdapter[str] = TypeAdapter(ProbeAddress)


@dataclass(frozen=True, slots=True)
class ServiceParts:
    """A service's parts; None for a part with a mistake of its own."""

    regions: Mapping[str, ServiceRegion | None]
    pools: Mapping[str, Pool | None]
    levers: Levers | None

    @classmethod
    def of(cls, data: object) -> ServiceParts | None:
        """The parts of a service's plain data; None if its regions or pools are not a mapping."""
        if not isinstance(data, dict):
            return None
        regions, pools = data.get("regions"), data.get("pools")
        if not isinstance(regions, dict) or not isinstance(pools, dict):
            return None
        return cls(
            regions={name: _sound(ServiceRegion, value) for name, value in regions.items()},
            pools={name: _sound(Pool, value) for name, value in pools.items()},
            levers=_sound(Levers, data.get("levers")),
        )

    def named_regions(self) -> Iterator[str]:
        """The names of its regions that are valid names of AWS regions."""
        return (name for name in self.regions if _accepts(_REGION_NAME, name))

    def sound_regions(self) -> Iterator[tuple[str, ServiceRegion]]:
        """Regions without a mistake of their own."""
        return ((name, region) for name, region in self.regions.items() if region is not None)

    def sound_pools(self) -> Iterator[tuple[str, Pool]]:
        """Pools without a mistake of their own."""
        return ((name, pool) for name, pool in self.pools.items() if pool is not None)


@dataclass(frozen=True, slots=True)
class SettingsParts:
    """The configuration's parts; None for a part with a mistake of its own."""

    aws: AwsSettings | None
    api: ApiSettings | None
    vantage: VantageSettings | None
    probing: ProbingSettings | None
    cycle: CycleSettings | None
    answers: AnswerSettings | None
    guards: GuardSettings | None
    overrides: OverrideLimits | None
    regions: Mapping[str, Region | None] | None
    """The catalogue; None if it is missing or not a mapping."""
    services: Mapping[str, ServiceParts]
    known_good: tuple[str | None, ...]
    known_bad: tuple[str | None, ...]

    @classmethod
    def of(cls, data: Mapping[str, object]) -> SettingsParts:
        """The valid parts of plain data; a missing section has its defaults."""
        services = data.get("services")
        candidates = services if isinstance(services, dict) else {}
        references = data.get("reference_targets")
        parts = {name: ServiceParts.of(value) for name, value in candidates.items()}
        return cls(
            aws=_sound(AwsSettings, data.get("aws", {})),
            api=_sound(ApiSettings, data.get("api", {})),
            vantage=_sound(VantageSettings, data.get("vantage", {})),
            probing=_sound(ProbingSettings, data.get("probing", {})),
            cycle=_sound(CycleSettings, data.get("cycle", {})),
            answers=_sound(AnswerSettings, data.get("answers", {})),
            guards=_sound(GuardSettings, data.get("guards", {})),
            overrides=_sound(OverrideLimits, data.get("overrides", {})),
            regions=_catalogue(data.get("regions")),
            services={name: service for name, service in parts.items() if service is not None},
            known_good=_addresses(references, "known_good"),
            known_bad=_addresses(references, "known_bad"),
        )


def _catalogue(data: object) -> dict[str, Region | None] | None:
    if not isinstance(data, dict):
        return None
    return {name: _sound(Region, value) for name, value in data.items()}


def _addresses(references: object, key: str) -> tuple[str | None, ...]:
    data = references.get(key) if isinstance(references, dict) else None
    return tuple(map(_address, data)) if isinstance(data, list | tuple) else ()


def _address(data: object) -> str | None:
    return data if isinstance(data, str) and _accepts(_PROBE_ADDRESS, data) else None


def _accepts(kind: TypeAdapter[str], data: str) -> bool:
    try:
        kind.validate_python(data)
    except ValidationError:  # reported as `_sound` says
        return False
    return True


def _sound(model: type[Model], data: object) -> Model | None:
    """The validated model, with unknown keys ignored; None for any other mistake."""
    known = data
    if isinstance(data, dict):
        known = {key: value for key, value in data.items() if key in model.model_fields}
    try:
        return model.model_validate(known)
    except ValidationError:  # the loader's validation of the whole file reports it, with its place
        return None
