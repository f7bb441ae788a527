"""Configuration models: everything an operator may write in a configuration file.

Import models from here. Each module holds some sections of the file; `settings` is the whole.
Every duration is in seconds, and its name ends in `_s`. Loading (files, positions of mistakes) and
rules that join several fields are `controller.settings`.
"""

from __future__ import annotations

from controller.model.configuration.answers import AnswerSettings
from controller.model.configuration.api import ApiLimits, ApiSettings, Token
from controller.model.configuration.base import ConfigModel, KeyPath, RegionName
from controller.model.configuration.endpoints import (
    AddressRule,
    CertificateRules,
    Endpoint,
    EndpointId,
    PlainSecretError,
    ProbeAddress,
)
from controller.model.configuration.probing import (
    GrayFailureSettings,
    HealthSettings,
    ProbingSettings,
    ReferenceTargets,
    VantageSettings,
)
from controller.model.configuration.services import (
    AcceleratorLever,
    Levers,
    Mode,
    Pool,
    Region,
    Route53Lever,
    Service,
    ServiceRegion,
)
from controller.model.configuration.settings import Settings
from controller.model.configuration.state import StateSettings
from controller.model.configuration.steering import (
    AwsSettings,
    CycleSettings,
    DriftPolicy,
    DriftSettings,
    FlappingSettings,
    GuardSettings,
    OverrideLimits,
    PlacementSettings,
    RampSettings,
)

__all__ = [
    "AcceleratorLever",
    "AddressRule",
    "AnswerSettings",
    "ApiLimits",
    "ApiSettings",
    "AwsSettings",
    "CertificateRules",
    "ConfigModel",
    "CycleSettings",
    "DriftPolicy",
    "DriftSettings",
    "Endpoint",
    "EndpointId",
    "FlappingSettings",
    "GrayFailureSettings",
    "GuardSettings",
    "HealthSettings",
    "KeyPath",
    "Levers",
    "Mode",
    "OverrideLimits",
    "PlacementSettings",
    "PlainSecretError",
    "Pool",
    "ProbeAddress",
    "ProbingSettings",
    "RampSettings",
    "ReferenceTargets",
    "Region",
    "RegionName",
    "Route53Lever",
    "Service",
    "ServiceRegion",
    "Settings",
    "StateSettings",
    "Token",
    "VantageSettings",
]
