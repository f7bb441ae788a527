"""Migration of settings of version 1, as plain data."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from controller.model.configuration import KeyPath
from controller.model.configuration.earlier_settings import (
    CATALOGUED_KEYS,
    REFERENCE_TARGET_KEYS,
    is_earlier,
    migrated,
)

_WORDS = st.sampled_from(
    ("services", "regions", "eu-west-1", *CATALOGUED_KEYS, *REFERENCE_TARGET_KEYS)
)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from(("EU", "US")),
    lambda inner: st.dictionaries(_WORDS, inner, max_size=3) | st.lists(inner, max_size=2),
    max_leaves=12,
)


def at(data: Any, path: KeyPath) -> Any:
    """The value at a path; None if there is none."""
    for part in path:
        data = data.get(part) if isinstance(data, dict) else None
    return data


@given(st.dictionaries(_WORDS, _VALUES, max_size=4))
def test_any_data_is_migrated_without_an_error_and_not_modified(data: dict[str, Any]) -> None:
    """A file may hold anything; for each new key the migration knows where its value was."""
    before = deepcopy(data)
    migration = migrated(data)
    assert data == before
    assert migration.data["schema_version"] == 2
    for now, then in migration.came_from.items():
        assert migration.earlier_path((*now, "x")) == (*migration.earlier_path(now), "x")
        moves = len(now) == 3 or len(then) == 1
        if moves and not migration.contradictions and at(data, then) is not None and len(now) > 1:
            assert at(migration.data, now) == at(data, then)
    assert migration.earlier_path(("vantage", "name")) == ("vantage", "name")


def test_a_value_came_from_the_first_region_that_sets_it() -> None:
    """A region that leaves out the default is not the origin of a value."""
    region = {"jurisdiction": "EU", "share": 1}
    services = {"a": {"regions": {"r": region}}, "b": {"regions": {"r": region}}}
    services["b"] = {"regions": {"r": {**region, "egress_usd_per_gb": 0.09}}}
    migration = migrated({"schema_version": 1, "services": services, "last": 0})
    assert migration.contradictions == []
    assert list(migration.data) == ["schema_version", "regions", "services", "last"]
    assert migration.data["regions"] == {"r": {"jurisdiction": "EU", "egress_usd_per_gb": 0.09}}
    assert migration.data["services"]["b"] == {"regions": {"r": {"share": 1}}}
    path: KeyPath = ("services", "b", "regions", "r", "egress_usd_per_gb")
    assert migration.came_from["regions", "r", "egress_usd_per_gb"] == path
    assert migration.came_from["regions", "r"] == ("services", "a", "regions", "r")


def test_only_the_integer_1_is_version_1() -> None:
    """All other data are not of an earlier version."""
    assert is_earlier({"schema_version": 1})
    others: tuple[object, ...] = (
        {"schema_version": True},
        {"schema_version": "1"},
        {"schema_version": 2},
        {},
        [],
        None,
    )
    assert not any(map(is_earlier, others))
