"""The routes as an OpenAPI 3.1 document, whose schemas are JSON Schema 2020-12.

The schemas are generated from the types of request and response bodies.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, create_model
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from controller import __version__
from controller.api.http.problems import PROBLEM_JSON, PROBLEM_TYPES
from controller.api.http.response_bodies import RESPONSE_CONFIG
from controller.api.http.route import JSON, Route, RouteResponse

Document = dict[str, Any]

_SCHEMA_REFERENCE = "#/components/schemas/{model}"
_DESCRIPTION = (
    "Looks at and steers the Global Traffic Controller. Times are ISO 8601 in UTC, durations "
    "seconds, shares fractions from 0 to 1. Every refusal is a problem (RFC 9457) that names what "
    "is wrong and what would be valid; any may come with status 500, and 405 for a method that a "
    "path does not have."
)
_PROBLEM_SCHEMA: Document = {
    "type": "object",
    "description": "Why a request was refused (RFC 9457).",
    "required": ["type", "title", "status", "detail", "instance"],
    "additionalProperties": False,
    "properties": {
        "type": {"type": "string", "description": "A name for this kind of problem."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong, for people."},
        "instance": {"type": "string", "description": "The request's id, as in the log."},
        "field": {"type": "string", "description": "What was wrong: a key, parameter or header."},
        "valid_values": {"type": "array", "items": {"type": "string"}},
        "retry_after_s": {"type": "integer", "description": "Seconds after which to ask again."},
        "current": {
            "type": "object",
            "description": "409, 412: how things stand now, in the form of the route's own answer.",
        },
        "problems": {
            "type": "array",
            "items": {"type": "object"},
            "description": "Every mistake in a configuration.",
        },
    },
}
_PROBLEM_HEADERS = {
    401: {"WWW-Authenticate": "What to send instead (RFC 6750)."},
    412: {"ETag": "Version of the state as it is now."},
    429: {"Retry-After": "Seconds after which to ask again."},
}


def document(routes: Sequence[Route], *, secured: bool) -> Document:
    """The OpenAPI document; `secured`: whether callers need a token."""
    schemas = Schemas(routes)
    paths: dict[str, Document] = {}
    for route in routes:
        operation = _operation(route, schemas, secured=secured)
        paths.setdefault(route.path, {})[route.method.lower()] = operation
    bearer = {"type": "http", "scheme": "bearer", "description": "A token of `gtc token new`."}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Global Traffic Controller",
            "version": __version__,
            "description": _DESCRIPTION,
        },
        "paths": paths,
        "components": {
            "schemas": {**schemas.definitions, "Problem": _PROBLEM_SCHEMA},
            "responses": {str(status): _problem_response(status) for status in PROBLEM_TYPES},
            "securitySchemes": {"bearer": bearer},
        },
    }


class Schemas:
    """JSON Schemas of all request and response bodies."""

    def __init__(self, routes: Iterable[Route]) -> None:
        declared = tuple(routes)
        requests = [route.body for route in declared if route.body is not None]
        responses = [each.model for route in declared for each in route.responses.values()]
        _, definitions = models_json_schema(
            [
                (_container("Requests", requests), "validation"),
                (_container("Responses", filter(None, responses)), "serialization"),
            ],
            ref_template=_SCHEMA_REFERENCE,
            schema_generator=_Generator,
        )
        self.definitions: dict[str, Document] = definitions["$defs"]
        containers = [self.definitions.pop(name) for name in ("Requests", "Responses")]
        self._by_name = {
            name: schema for each in containers for name, schema in each["properties"].items()
        }

    def reference(self, model: Any) -> Document:
        """A `$ref` to the type's schema."""
        reference: str = self._by_name[_name(model)]["$ref"]
        return {"$ref": reference}


class _Generator(GenerateJsonSchema):
    """Describes named tuples as objects, which is how the API encodes them."""

    def named_tuple_schema(self, schema: core_schema.NamedTupleSchema) -> JsonSchemaValue:
        fields = {field["name"]: self.generate_inner(field["schema"]) for field in schema["fields"]}
        return {
            "type": "object",
            "properties": fields,
            "required": list(fields),
            "additionalProperties": False,
        }


def _container(name: str, models: Iterable[Any]) -> type[BaseModel]:
    """A model with one field of each type: pydantic generates the schemas of one model together."""
    fields: dict[str, Any] = {_name(model): (model, ...) for model in models}
    return create_model(name, __config__=RESPONSE_CONFIG, **fields)


def _name(model: Any) -> str:
    return f"{model.__module__}.{model.__qualname__}".replace(".", "_")


def _operation(route: Route, schemas: Schemas, *, secured: bool) -> Document:
    operation: Document = {
        "operationId": operation_id(route),
        "summary": route.summary,
        "tags": [tag(route)],
        "parameters": [_parameter(parameter) for parameter in route.parameters],
        "responses": {
            **{str(status): _response(each, schemas) for status, each in route.responses.items()},
            **{
                str(status): {"$ref": f"#/components/responses/{status}"}
                for status in route.problem_statuses
            },
        },
        "security": [{"bearer": []}] if secured and route.role else [],
    }
    if route.description or route.role:
        needed = f"Takes the role {route.role}." if route.role else ""
        operation["description"] = " ".join(filter(None, (route.description, needed)))
    if route.body is not None:
        content: Document = {"schema": schemas.reference(route.body)}
        if route.body_example is not None:
            content["example"] = route.body_example
        operation["requestBody"] = {"required": True, "content": {JSON: content}}
    return operation


def operation_id(route: Route) -> str:
    """The operationId, such as `get_v1_overrides_id`."""
    words = route.path.replace("{", "").replace("}", "").replace(".", "_").strip("/").split("/")
    return "_".join([route.method.lower(), *words])


def tag(route: Route) -> str:
    """The tag that groups routes: the segment after /v1, or `daemon` for all other paths."""
    first, *rest = route.path.strip("/").split("/")
    return rest[0] if first == "v1" else "daemon"


def _parameter(parameter: Any) -> Document:
    schema = dict(parameter.schema)
    if parameter.repeatable:
        schema = {"type": "array", "items": schema}
    return {
        "name": parameter.name,
        "in": parameter.location.value,
        "description": parameter.description,
        "required": parameter.location.value == "path",
        "schema": schema,
    }


def _response(response: RouteResponse, schemas: Schemas) -> Document:
    described: Document = {"description": response.description}
    if response.headers:
        described["headers"] = _headers(response.headers)
    if response.media:
        content = {media: _content(response, media, schemas) for media in response.media}
        described["content"] = content
    return described


def _content(response: RouteResponse, media: str, schemas: Schemas) -> Document:
    if media != JSON:
        return {"schema": {"type": "string"}}
    content: Document = {"schema": schemas.reference(response.model) if response.model else {}}
    if response.example is not None:
        content["example"] = response.example
    return content


def _problem_response(status: int) -> Document:
    _, title = PROBLEM_TYPES[status]
    described: Document = {
        "description": f"{title}.",
        "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if status in _PROBLEM_HEADERS:
        described["headers"] = _headers(_PROBLEM_HEADERS[status])
    return described


def _headers(descriptions: Mapping[str, str]) -> Document:
    return {
        name: {"description": text, "schema": {"type": "string"}}
        for name, text in descriptions.items()
    }
