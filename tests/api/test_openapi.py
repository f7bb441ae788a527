"""The OpenAPI document is valid, complete, and agrees with the responses."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from controller.api.app import DECLARED
from controller.api.description.openapi import document, operation_id
from controller.api.http.problems import PROBLEM_TYPES
from controller.api.routes.docs import reference_routes
from controller.model.access import Role
from tests.api.callers import bearer, guarded
from tests.api.serving import QUICK, api

ROUTES = (*DECLARED, *reference_routes(DECLARED))
DOCUMENT = document(ROUTES, secured=True)
BODIES = [route for route in ROUTES if route.body is not None]
EXAMPLES = [
    (operation_id(route), answer)
    for route in ROUTES
    for answer in route.responses.values()
    if answer.example is not None
]


def valid(schema: dict[str, Any], value: object) -> None:
    """Assert that a value fits a schema of the document."""
    root = {**DOCUMENT, **schema}
    validator = Draft202012Validator(root, format_checker=Draft202012Validator.FORMAT_CHECKER)
    assert [error.message for error in validator.iter_errors(value)] == []


def content(path: str, method: str, status: int) -> dict[str, Any]:
    """The schema of a JSON response."""
    responses = DOCUMENT["paths"][path][method]["responses"]
    schema: dict[str, Any] = responses[str(status)]["content"]["application/json"]["schema"]
    return schema


def test_it_is_a_valid_openapi_3_1_document() -> None:
    """By the standard's own schema."""
    assert DOCUMENT["openapi"].startswith("3.1.")
    validate(DOCUMENT)


def test_every_route_is_described_with_all_its_responses() -> None:
    """Role, responses, and a problem for every error; ids are unique."""
    ids = [operation_id(route) for route in ROUTES]
    assert len(set(ids)) == len(ids)
    for route in ROUTES:
        operation = DOCUMENT["paths"][route.path][route.method.lower()]
        assert operation["summary"]
        assert set(operation["responses"]) == {
            str(status) for status in (*route.responses, *route.problem_statuses)
        }
        assert operation["security"] == ([{"bearer": []}] if route.role else [])
        assert route.role is None or f"role {route.role}" in operation["description"]
        assert set(route.problem_statuses) <= set(PROBLEM_TYPES)
        assert not set(route.problem_statuses) & set(route.responses)


@pytest.mark.parametrize("route", BODIES, ids=operation_id)
def test_examples_of_request_bodies_are_valid(route: Any) -> None:
    """By its schema and by its model."""
    assert route.body_example is not None
    operation = DOCUMENT["paths"][route.path][route.method.lower()]
    valid(operation["requestBody"]["content"]["application/json"]["schema"], route.body_example)
    route.body.model_validate_json(json.dumps(route.body_example))


@pytest.mark.parametrize(("name", "answer"), EXAMPLES, ids=[name for name, _ in EXAMPLES])
def test_examples_of_responses_fit_their_schemas(name: str, answer: Any) -> None:
    """They are written by hand and could become outdated."""
    operations = [one for path in DOCUMENT["paths"].values() for one in path.values()]
    operation = next(one for one in operations if one["operationId"] == name)
    found = [
        content["schema"]
        for response in operation["responses"].values()
        for content in response.get("content", {}).values()
        if content.get("example") == answer.example
    ]
    assert found
    valid(found[0], answer.example)


async def test_responses_fit_their_schemas() -> None:
    """Every kind of response of the running daemon, none of them empty."""
    headers = {**bearer("admin"), "If-Match": "*"}
    drain = {"kind": "drain", "region": "us-east-1", "service": "shop", "reason": "x"}
    async with api(guarded()) as served:
        await served.post("/v1/overrides", json=drain, headers=headers)
        await served.fail("eu-west-1")
        for path in ("/v1/status", "/v1/services", "/v1/plan", "/v1/overrides", "/v1/decisions",
                     "/v1/decisions/latest", "/v1/audit", "/v1/events/recent"):  # fmt: skip
            answer = await served.get(path, headers=headers)
            assert answer.status == 200, path
            valid(content(path, "get", 200), answer.body)
        refused = await served.post("/v1/overrides", json={**drain, "pol": "x"}, headers=headers)

    assert refused.status == 422
    valid({"$ref": "#/components/schemas/Problem"}, refused.body)


@pytest.mark.parametrize("secured", [True, False])
async def test_it_is_public_and_says_whether_a_token_is_needed(secured: bool) -> None:
    """It shows nothing of the configuration."""
    async with api(guarded() if secured else QUICK, running=False) as served:
        answer = await served.get("/openapi.json")

    assert answer.status == 200
    security = answer.body["paths"]["/v1/status"]["get"]["security"]
    assert security == ([{"bearer": []}] if secured else [])
    assert "shop" not in str(answer.body["components"]["schemas"])


def test_the_least_role_of_each_kind_of_route() -> None:
    """A viewer reads, an operator orders, an admin does everything."""
    assert [role.value for role in Role] == ["viewer", "operator", "admin"]
    assert Role.ADMIN.covers(Role.OPERATOR)
    assert Role.OPERATOR.covers(Role.OPERATOR)
    assert not Role.VIEWER.covers(Role.OPERATOR)
