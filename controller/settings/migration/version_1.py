"""Settings of version 1: which keys a file of it has, and where each of these stands now.

What becomes of them is `controller.model.earlier_settings`. A file of version 1 is validated as
such, so that its mistakes are said in its own keys, and only then brought into the present form.
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


def _fields(noun: type[ConfigModel], *names: str) -> dict[str, Any]:
    """Fields of a present noun, as `create_model` takes them."""
    return {name: (noun.model_fields[name].annotation, noun.model_fields[name]) for name in names}


def _fields_but(noun: type[ConfigModel], *names: str) -> dict[str, Any]:
    return _fields(noun, *(name for name in noun.model_fields if name not in names))


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
"""What a file of version 1 holds."""

Key = tuple[str, ...]
"""A key path; a part in angle brackets stands for any name."""
MOVED: Mapping[Key, Key] = {
    **{
        ("services", "<service>", "regions", "<region>", key): ("regions", "<region>", key)
        for key in CATALOGUED_KEYS
    },
    **{(then,): ("reference_targets", now) for then, now in REFERENCE_TARGET_KEYS.items()},
}
"""Keys of version 1 that stand elsewhere now, and where."""


def moved_to(parts: Key) -> Key | None:
    """Where a key of version 1 stands now; None for one that did not move."""
    return _counterpart(parts, MOVED)


def moved_from(parts: Key) -> Key | None:
    """Where version 1 has a key of today; None for one that did not move."""
    return _counterpart(parts, {now: then for then, now in MOVED.items()})


def _counterpart(parts: Key, moved: Mapping[Key, Key]) -> Key | None:
    for pattern, other in moved.items():
        names = _names(pattern, parts)
        if names is not None:
            return tuple(names.get(part, part) for part in other)
    return None


def _names(pattern: Key, parts: Key) -> dict[str, str] | None:
    """What stands for each name of a pattern; None when the parts do not fit it."""
    pairs = list(zip(pattern, parts, strict=False))
    if len(pattern) != len(parts) or any(p != q and p[0] != "<" for p, q in pairs):
        return None
    return dict(pairs)
