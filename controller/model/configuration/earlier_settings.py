"""Migration of settings from version 1 to version 2, as plain data.

The data are those of a file, which may have mistakes, or the stored settings of a decision record.
`_STEPS` are all differences between the versions. A step moves one thing and records for each new
key where its value was, so that mistakes can be reported at their positions in the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from controller.model.configuration import Region
from controller.model.configuration.base import KeyPath

EARLIER_VERSION = 1
"""The earlier version that is still read."""
PRESENT_VERSION = 2
CATALOGUED_KEYS = ("jurisdiction", "egress_usd_per_gb")
"""Keys that version 1 has in each region of each service, and version 2 in the catalogue."""
REFERENCE_TARGET_KEYS = {"canaries": "known_good", "bad_canaries": "known_bad"}
"""Key of version 1 to the key below `reference_targets` in version 2."""


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two different values in version 1 for one key of version 2. `first_value != second_value`."""

    key: KeyPath
    """The key in version 2."""
    first: KeyPath
    """Key of the first value in version 1; it may be missing there, with its default as value."""
    first_value: object
    second: KeyPath
    """Key of the second value in version 1."""
    second_value: object

    def __str__(self) -> str:
        region, name = self.key[-2:]
        return (
            f"services {self.first[1]} and {self.second[1]} give {region} two values of {name}, "
            f"{self.first_value} and {self.second_value}"
        )


@dataclass
class Migration:
    """Settings in the course of the migration, and where their values were."""

    data: dict[str, Any]
    came_from: dict[KeyPath, KeyPath] = field(default_factory=dict)
    """Key of version 2 that moved to its key of version 1; it holds for all keys below, too."""
    contradictions: list[Contradiction] = field(default_factory=list)
    """Not empty: version 2 cannot express these settings, and `data` has each first value."""

    def earlier_path(self, path: KeyPath) -> KeyPath:
        """The key path of version 1 for one of version 2."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.came_from:
                return (*self.came_from[path[:length]], *path[length:])
        return path


def is_earlier(data: object) -> bool:
    """Whether the data have `schema_version: 1`."""
    version = data.get("schema_version") if isinstance(data, dict) else None
    return version == EARLIER_VERSION and type(version) is int


def migrated(data: Mapping[str, Any]) -> Migration:
    """Data of version 1 in the form of version 2; parts with mistakes stay as they are."""
    migration = Migration(deepcopy(dict(data)))
    for step in _STEPS:
        step(migration)
    return migration


def _catalogue_of_regions(migration: Migration) -> None:
    """Move jurisdiction and price of each service's regions to one catalogue."""
    catalogue: dict[str, dict[str, Any]] = {}
    for path, region in _service_regions(migration.data):
        name = str(path[-1])
        here: KeyPath = ("regions", name)
        known = catalogue.setdefault(name, {})
        migration.came_from.setdefault(here, path)
        if isinstance(region, dict):
            for key in CATALOGUED_KEYS:
                _move_to_catalogue(migration, known, region, (*here, key), (*path, key))
                region.pop(key, None)
    _insert_before(migration.data, "services", "regions", catalogue)


def _move_to_catalogue(
    migration: Migration,
    known: dict[str, Any],
    region: Mapping[str, Any],
    to: KeyPath,
    path: KeyPath,
) -> None:
    """Copy the value at `path` of a service's region to the catalogue's entry `known`."""
    key = str(to[-1])
    kind = Region.model_fields[key]
    if key not in region and kind.is_required():
        return  # validation reports the missing key
    default = kind.get_default()
    value = region.get(key, default)
    is_first = to not in migration.came_from
    first = migration.came_from.setdefault(to, path)
    earlier = value if is_first else known.get(key, default)
    if value != earlier:
        migration.contradictions.append(Contradiction(to, first, earlier, path, value))
    elif key in region and key not in known:
        migration.came_from[to] = path
        known[key] = value


def _reference_targets(migration: Migration) -> None:
    """Move `canaries` and `bad_canaries` to the group `reference_targets`."""
    group: KeyPath = ("reference_targets",)
    found = {}
    for then, now in REFERENCE_TARGET_KEYS.items():
        migration.came_from[*group, now] = (then,)
        if then in migration.data:
            migration.came_from.setdefault(group, (then,))
            found[now] = migration.data[then]
    if found:
        first = next(key for key in migration.data if key in REFERENCE_TARGET_KEYS)
        _insert_before(migration.data, first, str(group[0]), found)
    for then in REFERENCE_TARGET_KEYS:
        migration.data.pop(then, None)


def _version(migration: Migration) -> None:
    """Set `schema_version`."""
    migration.data["schema_version"] = PRESENT_VERSION


_STEPS: tuple[Callable[[Migration], None], ...] = (
    _catalogue_of_regions,
    _reference_targets,
    _version,
)
"""The steps, in order. A step ignores data that do not have the form of version 1."""


def _service_regions(data: Mapping[str, Any]) -> Iterator[tuple[KeyPath, object]]:
    """Path and data of each region of each service, as far as they are in mappings."""
    for name, service in _members(data.get("services")):
        regions = service.get("regions") if isinstance(service, dict) else None
        for region, entry in _members(regions):
            yield ("services", name, "regions", region), entry


def _members(data: object) -> Iterator[tuple[str, object]]:
    yield from data.items() if isinstance(data, dict) else ()


def _insert_before(data: dict[str, Any], before: str, key: str, value: object) -> None:
    """Insert a key before another one, or at the end; an existing key of this name is replaced."""
    items = [(name, item) for name, item in data.items() if name != key]
    at = next((n for n, (name, _) in enumerate(items) if name == before), len(items))
    items.insert(at, (key, value))
    data.clear()
    data.update(items)
