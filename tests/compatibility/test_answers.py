"""Every field of earlier responses is still there, of the same type, for existing clients.

Fields may be added. One that goes needs its line in REMOVED and in the changelog.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.compatibility.day import FOLDER, PATHS, SETTINGS, recorded_responses, simulated
from tests.compatibility.shapes import Shape, compared_ratio, lost, required, schema_shape, shape

_CANARIES = "- `GET /v1/status`: `canaries` is now `reference_targets`"
_PLANNED = "in `GET /v1/status` a region's `planned` is gone"
REMOVED: dict[tuple[str, str], str] = {
    ("status", ".canaries"): _CANARIES,
    ("status", ".canaries.bad_answering"): _CANARIES,
    ("GET /v1/status", ".canaries"): _CANARIES,
    ("status", ".services[].pools[].regions[].planned"): _PLANNED,
    ("GET /v1/status", ".services[].pools[].regions[].planned"): _PLANNED,
    ("events", ".items[].data.pools[].planned"): "has `desired` instead of `planned`",
}
"""Response (or `METHOD path`) and place, as a failing test names them, to the changelog's line."""

DESCRIBED: dict[str, Any] = json.loads((FOLDER / "api" / "openapi.json").read_text())
OPERATIONS = [(path, method) for path, item in DESCRIBED["paths"].items() for method in item]
NAMES = {
    name
    for service_name, service in SETTINGS.services.items()
    for name in (service_name, *service.regions, *service.pools)
}
JSON = "application/json"


@pytest.fixture(scope="module")
def now() -> dict[str, Any]:
    """The responses of this version after the same day."""
    return simulated(recorded_responses())


def recorded(name: str) -> object:
    """A response as it was recorded."""
    return json.loads((FOLDER / "api" / f"{name}.json").read_text())


def assert_kept(name: str, then: Shape, today: Shape) -> None:
    """Assert that no place is lost that REMOVED does not name."""
    gone = lost(then, today)
    assert {place: why for place, why in gone.items() if (name, place) not in REMOVED} == {}


@pytest.mark.parametrize("name", PATHS)
def test_every_recorded_field_is_still_in_the_response(now: dict[str, Any], name: str) -> None:
    """After the same day, played again, which still shows nine of ten fields."""
    then, today = shape(recorded(name), NAMES), shape(now[name], NAMES)
    assert_kept(name, then, today)
    assert compared_ratio(then, today) >= 0.9


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_described_response_is_still_described(
    now: dict[str, Any], path: str, method: str
) -> None:
    """Statuses, content types and fields, also those without a value on that day."""
    description = now["openapi"]
    operation = description["paths"][path][method]
    for status, answer in DESCRIBED["paths"][path][method]["responses"].items():
        content = operation["responses"][status].get("content", {})
        for media, described in answer.get("content", {}).items():
            assert media in content
            assert_kept(
                f"{method.upper()} {path}",
                schema_shape(described.get("schema", {}), DESCRIBED),
                schema_shape(content[media].get("schema", {}), description),
            )


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_request_that_was_valid_is_still_valid(
    now: dict[str, Any], path: str, method: str
) -> None:
    """Parameters and members of bodies still exist, and no new one is required."""
    description = now["openapi"]
    before, operation = (one["paths"][path][method] for one in (DESCRIBED, description))
    parameters = {(p["in"], p["name"]): p for p in operation.get("parameters", ())}
    known = {(p["in"], p["name"]) for p in before.get("parameters", ())}
    assert known <= parameters.keys()
    assert {key for key, p in parameters.items() if p.get("required")} <= known
    if "requestBody" in before:
        then, today = (one["requestBody"]["content"][JSON]["schema"] for one in (before, operation))
        assert_kept(
            f"{method.upper()} {path}",
            schema_shape(then, DESCRIBED),
            schema_shape(today, description),
        )
        assert required(today, description) <= required(then, DESCRIBED)


def test_every_removed_field_is_in_the_changelog() -> None:
    """Authors of clients read the changelog."""
    changelog = Path(__file__).parents[2].joinpath("CHANGELOG.md").read_text()
    assert [line for line in REMOVED.values() if line not in changelog] == []


def test_a_lost_field_and_another_type_are_noticed() -> None:
    """In documents and in schemas; null has no type, and new fields are allowed."""
    then = shape({"a": [{"b": 1, "c": "x"}], "eu": {"d": None}}, {"eu"})
    assert lost(then, shape({"a": [{"b": 2.5, "c": None, "n": 1}], "eu": {"d": 1}}, {"eu"})) == {}
    assert lost(then, shape({"a": [{"b": "1"}], "eu": {}}, {"eu"})) == {
        ".a[].b": "string instead of number",
        ".a[].c": "missing",
        ".*.d": "missing",
    }
    answer = {"$ref": "#/components/schemas/One"}
    schemas: dict[str, Any] = {"One": {"type": "object", "properties": {"a": {"type": "integer"}}}}
    then = schema_shape(answer, {"components": {"schemas": schemas}})
    assert then == {"": {"object"}, ".a": {"number"}}
    schemas["One"]["properties"] = {"b": {"type": "integer"}}
    today = schema_shape(answer, {"components": {"schemas": schemas}})
    assert lost(then, today) == {".a": "missing"}
