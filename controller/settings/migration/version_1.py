"""Model of a file of version 1, and where each of its keys is in version 2.

A file of version 1 is validated by this model, so that its mistakes name its own keys, and then
migrated by `controller.model.configuration.earlier_settings`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, create_model

from controller.model.configuration import (
    ConfigModel,
    ReferenceTargets,
    Region,
    RegionName,
    Service,
    ServiceRegion,
    Settings,
)
from controller.model.configuration.base import Name
from controller.model.configuration.earlier_settings import CATALOGUED_KEYS, REFERENCE_TARGET_KEYS


def _fields(model: type[ConfigModel], *names: str) -> dict[str, Any]:
    """Fields of a present model, as arguments of `create_model`."""
    return {name: (model.model_fields[name].annotation, model.model_fields[name]) for name in names}


def _fields_but(model: type[ConfigModel], *names: str) -> dict[str, Any]:
    return _fields(model, *(name for name in model.model_fields if name not in names))


_region: type[ConfigModel] = create_model(
    "RegionOfVersion1",
    __base__=ConfigModel,
    **_fields(Region, "jurisdiction"),
    **_fields(ServiceRegion, "capacity_rps"),
    **_fields(Region, "egress_usd_per_gb"),
    **_fields(ServiceRegion, "share", "endpoints"),
)
_service: type[ConfigModel] = create_model(
    "ServiceOfVersion1",
    __base__=ConfigModel,
    **_fields_but(Service, "regions"),
    regions=(dict[RegionName, _region], Field(min_length=1)),
)
SettingsOfVersion1: type[ConfigModel] = create_model(
    "SettingsOfVersion1",
    __base__=ConfigModel,
    schema_version=(Literal[1], ...),
    **_fields_but(Settings, "schema_version", "reference_targets", "regions", "services"),
    canaries=_fields(ReferenceTargets, "known_good")["known_good"],
    bad_canaries=_fields(ReferenceTargets, "known_bad")["known_bad"],
    services=(dict[Name, _service], Field(min_length=1)),
)
"""Model of a file of version 1."""

Key = tuple[str, ...]
"""A key path; in a pattern a part in angle brackets matches any name."""
MOVED: Mapping[Key, Key] = {
    **{
        ("services", "<service>", "regions", "<region>", key): ("regions", "<region>", key)
        for key in CATALOGUED_KEYS
    },
    **{(then,): ("reference_targets", now) for then, now in REFERENCE_TARGET_KEYS.items()},
}
"""Key of version 1 that moved to its key of version 2, as patterns."""


def key_in_version_2(parts: Key) -> Key | None:
    """The key of version 2 for a key of version 1 that moved; else None."""
    return _counterpart(parts, MOVED)


def key_in_version_1(parts: Key) -> Key | None:
    """The key of version 1 for a key of version 2 that moved; else None."""
    return _counterpart(parts, {now: then for then, now in MOVED.items()})


def _counterpart(parts: Key, moved: Mapping[Key, Key]) -> Key | None:
    for pattern, other in moved.items():
        names = _matched(pattern, parts)
        if names is not None:
            return tuple(names.get(part, part) for part in other)
    return None


def _matched(pattern: Key, parts: Key) -> dict[str, str] | None:
    """Part of the pattern to part of the key; None if the key does not match the pattern."""
    pairs = list(zip(pattern, parts, strict=False))
    if len(pattern) != len(parts) or any(p != q and p[0] != "<" for p, q in pairs):
        return None
    return dict(pairs)
