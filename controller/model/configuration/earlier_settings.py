"""Settings of version 1 brought into the form of version 2, as plain data.

The data may be a file's, whose mistakes must still be said where they stand in the file, or the
JSON of settings that a record keeps. What became of version 1 is in one place, `_STEPS`: a step
moves one thing, and notes for each key that it makes where the value stood before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from controller.model.configuration import Region
from controller.model.configuration.base import KeyPath

EARLIER_VERSION = 1
"""The version that is read beside the present one."""
PRESENT_VERSION = 2
CATALOGUED_KEYS = ("jurisdiction", "egress_usd_per_gb")
"""Keys that version 1 had in each service's region and that stand in the catalogue now."""
REFERENCE_TARGET_KEYS = {"canaries": "known_good", "bad_canaries": "known_bad"}
"""Keys of version 1 to those of `reference_targets`."""


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two values of version 1 for which version 2 has one place."""

    key: KeyPath
    """The one place, in version 2."""
    first: KeyPath
    """Where version 1 has the first value, or would have it: a default may be what contradicts."""
    first_value: object
    second: KeyPath
    second_value: object

    def __str__(self) -> str:
        region, name = self.key[-2:]
        return (
            f"services {self.first[1]} and {self.second[1]} give {region} two values of {name}, "
            f"{self.first_value} and {self.second_value}"
        )


@dataclass
class Migration:
    """Settings of version 1 on their way to version 2."""

    data: dict[str, Any]
    came_from: dict[KeyPath, KeyPath] = field(default_factory=dict)
    """Keys that version 1 has elsewhere, to where; what stands below a key goes with it."""
    contradictions: list[Contradiction] = field(default_factory=list)
    """Not empty: version 2 cannot express these settings; `data` has the first value of each."""

    def earlier(self, path: KeyPath) -> KeyPath:
        """Where version 1 has what stands at a path of version 2."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.came_from:
                return (*self.came_from[path[:length]], *path[length:])
        return path


def is_earlier(data: object) -> bool:
    """Whether data say of themselves that they are of version 1."""
    version = data.get("schema_version") if isinstance(data, dict) else None
    return version == EARLIER_VERSION and not isinstance(version, bool)


def migrated(data: Mapping[str, Any]) -> Migration:
    """Data of version 1 in the form of version 2; what has a mistake of its own stays as it is."""
    migration = Migration(deepcopy(dict(data)))
    for step in _STEPS:
        step(migration)
    return migration


def _catalogue_of_regions(migration: Migration) -> None:
    """Jurisdiction and price of each service's regions become one catalogue before the services."""
    catalogue: dict[str, dict[str, Any]] = {}
    for path, noun in _service_regions(migration.data):
        name = str(path[-1])
        here: KeyPath = ("regions", name)
        known = catalogue.setdefault(name, {})
        migration.came_from.setdefault(here, path)
        if isinstance(noun, dict):
            for key in CATALOGUED_KEYS:
                _catalogued(migration, known, noun, (*here, key), (*path, key))
                noun.pop(key, None)
    _insert_before(migration.data, "services", "regions", catalogue)


def _catalogued(
    migration: Migration, known: dict[str, Any], noun: Mapping[str, Any], to: KeyPath, path: KeyPath
) -> None:
    """Note one value of a service's region in the catalogue's entry; `path` is where it stands."""
    key = str(to[-1])
    kind = Region.model_fields[key]
    if key not in noun and kind.is_required():
        return  # a mistake of its own
    default = kind.get_default()
    value = noun.get(key, default)
    is_first = to not in migration.came_from
    first = migration.came_from.setdefault(to, path)
    earlier = value if is_first else known.get(key, default)
    if value != earlier:
        migration.contradictions.append(Contradiction(to, first, earlier, path, value))
    elif key in noun and key not in known:
        migration.came_from[to] = path
        known[key] = value


def _reference_targets(migration: Migration) -> None:
    """What were canaries, known to be good or bad, are the reference targets, in one group."""
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
    """The version that data say of themselves."""
    migration.data["schema_version"] = PRESENT_VERSION


_STEPS: tuple[Callable[[Migration], None], ...] = (
    _catalogue_of_regions,
    _reference_targets,
    _version,
)
"""What became of version 1, in this order. A step leaves alone what is not as version 1 has it."""


def _service_regions(data: Mapping[str, Any]) -> Iterator[tuple[KeyPath, object]]:
    """Each region of each service, with its path, as far as there are mappings of them."""
    for service, noun in _members(data.get("services")):
        for region, entry in _members(noun.get("regions") if isinstance(noun, dict) else None):
            yield ("services", service, "regions", region), entry


def _members(data: object) -> Iterator[tuple[str, object]]:
    yield from data.items() if isinstance(data, dict) else ()


def _insert_before(data: dict[str, Any], before: str, key: str, value: object) -> None:
    """Put a key in front of another one, or at the end; of its own name it is the only one."""
    items = [(name, one) for name, one in data.items() if name != key]
    at = next((n for n, (name, _) in enumerate(items) if name == before), len(items))
    items.insert(at, (key, value))
    data.clear()
    data.update(items)
