"""The whole configuration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field, PlainValidator, WithJsonSchema

from controller.model.configuration.answers import AnswerSettings
from controller.model.configuration.api import ApiSettings
from controller.model.configuration.base import ConfigModel, Name, RegionName, StatePath
from controller.model.configuration.endpoints import Endpoint, EndpointId
from controller.model.configuration.probing import (
    HealthSettings,
    ProbingSettings,
    ReferenceTargets,
    VantageSettings,
)
from controller.model.configuration.services import Mode, Region, Service
from controller.model.configuration.state import StateSettings
from controller.model.configuration.steering import (
    AwsSettings,
    CycleSettings,
    GuardSettings,
    OverrideLimits,
    PlacementSettings,
    RampSettings,
)

_VERSION = 2


def _schema_version(value: object) -> int:
    """The version unchanged, if it is the present one. Raises ValueError."""
    if value == _VERSION and isinstance(value, int):
        return value
    raise ValueError(f"{_VERSION} (or 1, which is read as well)")


SchemaVersion = Annotated[
    int, PlainValidator(_schema_version), WithJsonSchema({"const": _VERSION, "type": "integer"})
]


class Settings(ConfigModel):
    """The whole configuration."""

    schema_version: SchemaVersion
    """Version of the file format. Files of version 1 are read as well; `gtc config migrate`
    rewrites them."""
    mode: Annotated[Mode, Field(strict=False)] = Mode.ACTIVE
    """`active`: carry plans out. `dry_run`: decide and record, but never write to AWS; the way to
    begin."""
    state_path: StatePath
    """SQLite file with overrides, decision records and audit."""
    state: StateSettings = StateSettings()
    """What the state file keeps."""
    aws: AwsSettings = AwsSettings()
    """How AWS's APIs are called."""
    api: ApiSettings = ApiSettings()
    """The admin API, with metrics and health."""
    vantage: VantageSettings
    """The vantage point of this replica."""
    reference_targets: ReferenceTargets = ReferenceTargets()
    """Addresses whose probe result is known beforehand. They show whether the prober works."""
    probing: ProbingSettings = ProbingSettings()
    """How endpoints and reference targets are probed."""
    health: HealthSettings = HealthSettings()
    """How many results change a verdict."""
    cycle: CycleSettings = CycleSettings()
    """How often the daemon observes, decides and acts."""
    answers: AnswerSettings = AnswerSettings()
    """DNS sampling: which answers the zones' name servers give to users."""
    placement: PlacementSettings = PlacementSettings()
    """What makes one region better than another for a pool's users."""
    ramp: RampSettings = RampSettings()
    """How a region gets more traffic, step by step."""
    guards: GuardSettings = GuardSettings()
    """Limits on what a plan may do."""
    overrides: OverrideLimits = OverrideLimits()
    """Limits of overrides."""
    regions: dict[RegionName, Region] = Field(min_length=1)
    """The catalogue of regions: what is the same for every service; services refer to it."""
    services: dict[Name, Service] = Field(min_length=1)
    """What is steered, by names of your choice; commands use these names."""

    def mode_of(self, service: str) -> Mode:
        """Mode of a service: the stricter of its own and the daemon's."""
        modes = self.mode, self.services[service].mode
        return Mode.DRY_RUN if Mode.DRY_RUN in modes else Mode.ACTIVE

    def endpoints(self) -> Iterator[tuple[EndpointId, Endpoint]]:
        """Every endpoint, in the order of the file."""
        for service in self.services:
            yield from self.endpoints_of(service)

    def endpoints_of(self, service: str) -> Iterator[tuple[EndpointId, Endpoint]]:
        """A service's endpoints, in the order of the file."""
        for region_name, region in self.services[service].regions.items():
            for endpoint_name, endpoint in region.endpoints.items():
                yield EndpointId(service, region_name, endpoint_name), endpoint
