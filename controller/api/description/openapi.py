"""The routes as an OpenAPI 3.1 document, whose schemas are JSON Schema 2020-12.

Schemas come from the very types that bodies are checked with and answers are made of.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, create_model
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from controller import __version__
from controller.api.http.problems import KINDS, PROBLEM_JSON
from controller.api.http.route import JSON, Route, RouteResponse
from controller.api.views.common import VIEW_CONFIG

Document = dict[str, Any]

_REFERENCE = "#/components/schemas/{model}"
_ABOUT = (
    "Looks at and steers the Global Traffic Controller. Times are ISO 8601 in UTC, durations "
    "seconds, shares fractions from 0 to 1. Every refusal is a problem (RFC 9457) that names what "
    "is wrong and what would be valid; any may come with status 500, and 405 for a method that a "
    "path does not have."
)
_PROBLEM: Document = {
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
_REFUSAL_HEADERS = {
    401: {"WWW-Authenticate": "What to send instead (RFC 6750)."},
    412: {"ETag": "Version of the state as it is now."},
    429: {"Retry-After": "Seconds after which to ask again."},
}


def document(routes: Sequence[Route], *, secured: bool) -> Document:
    """The whole document; `secured`: whether callers need a token."""
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
            "description": _ABOUT,
        },
        "paths": paths,
        "components": {
            "schemas": {**schemas.definitions, "Problem": _PROBLEM},
            "responses": {str(status): _refusal(status) for status in KINDS},
            "securitySchemes": {"bearer": bearer},
        },
    }


class Schemas:
    """JSON Schemas of everything that is posted and answered."""

    def __init__(self, routes: Iterable[Route]) -> None:
        known = tuple(routes)
        bodies = [route.body for route in known if route.body is not None]
        answers = [answer.model for route in known for answer in route.answers.values()]
        _, definitions = models_json_schema(
            [
                (_holding("Posted", bodies), "validation"),
                (_holding("Answered", [model for model in answers if model]), "serialization"),
            ],
            ref_template=_REFERENCE,
            schema_generator=_Generator,
        )
        self.definitions: dict[str, Document] = definitions["$defs"]
        holders = [self.definitions.pop(name) for name in ("Posted", "Answered")]
        self._by_name = {
            name: schema for one in holders for name, schema in one["properties"].items()
        }

    def of(self, model: Any) -> Document:
        """Where a type's schema stands."""
        reference: str = self._by_name[_name(model)]["$ref"]
        return {"$ref": reference}


class _Generator(GenerateJsonSchema):
    """Named tuples are answered as objects, not as lists."""

    def named_tuple_schema(self, schema: core_schema.NamedTupleSchema) -> JsonSchemaValue:
        fields = {one["name"]: self.generate_inner(one["schema"]) for one in schema["fields"]}
        return {
            "type": "object",
            "properties": fields,
            "required": list(fields),
            "additionalProperties": False,
        }


def _holding(name: str, models: Iterable[Any]) -> type[BaseModel]:
    """A model that has each of these types once: what pydantic needs to see them together."""
    fields: dict[str, Any] = {_name(model): (model, ...) for model in models}
    return create_model(name, __config__=VIEW_CONFIG, **fields)


def _name(model: Any) -> str:
    return f"{model.__module__}.{model.__qualname__}".replace(".", "_")


def _operation(route: Route, schemas: Schemas, *, secured: bool) -> Document:
    found: Document = {
        "operationId": operation_id(route),
        "summary": route.summary,
        "tags": [tag(route)],
        "parameters": [_parameter(parameter) for parameter in route.parameters],
        "responses": {
            **{str(status): _answer(one, schemas) for status, one in route.answers.items()},
            **{
                str(status): {"$ref": f"#/components/responses/{status}"}
                for status in route.refusals
            },
        },
        "security": [{"bearer": []}] if secured and route.role else [],
    }
    if route.description or route.role:
        needed = f"Takes the role {route.role}." if route.role else ""
        found["description"] = " ".join(filter(None, (route.description, needed)))
    if route.body is not None:
        content: Document = {"schema": schemas.of(route.body)}
        if route.body_example is not None:
            content["example"] = route.body_example
        found["requestBody"] = {"required": True, "content": {JSON: content}}
    return found


def operation_id(route: Route) -> str:
    """For instance `get_v1_overrides_id`."""
    words = route.path.replace("{", "").replace("}", "").replace(".", "_").strip("/").split("/")
    return "_".join([route.method.lower(), *words])


def tag(route: Route) -> str:
    """The group that a route belongs to: the noun behind /v1, or the daemon itself."""
    first, *rest = route.path.strip("/").split("/")
    return rest[0] if first == "v1" else "daemon"


def _parameter(parameter: Any) -> Document:
    schema = dict(parameter.schema)
    if parameter.many:
        schema = {"type": "array", "items": schema}
    return {
        "name": parameter.name,
        "in": parameter.place.value,
        "description": parameter.description,
        "required": parameter.place.value == "path",
        "schema": schema,
    }


def _answer(answer: RouteResponse, schemas: Schemas) -> Document:
    found: Document = {"description": answer.description}
    if answer.headers:
        found["headers"] = _headers(answer.headers)
    if answer.media:
        found["content"] = {media: _content(answer, media, schemas) for media in answer.media}
    return found


def _content(answer: RouteResponse, media: str, schemas: Schemas) -> Document:
    if media != JSON:
        return {"schema": {"type": "string"}}
    content: Document = {"schema": schemas.of(answer.model) if answer.model else {}}
    if answer.example is not None:
        content["example"] = answer.example
    return content


def _refusal(status: int) -> Document:
    _, title = KINDS[status]
    found: Document = {
        "description": f"{title}.",
        "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if status in _REFUSAL_HEADERS:
        found["headers"] = _headers(_REFUSAL_HEADERS[status])
    return found


def _headers(described: Mapping[str, str]) -> Document:
    return {
        name: {"description": text, "schema": {"type": "string"}}
        for name, text in described.items()
    }
