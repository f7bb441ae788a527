"""Parameters in a request's path, query and headers: each is declared once, parsed and documented.

A query parameter that the route does not declare is refused: `?dryrun=true` must not carry out what
`?dry_run=true` only previews. A parameter parses its text; the handler does what it selects.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, TypeVar

from aiohttp import web

from controller.api.dependencies import DEPENDENCIES, ApiDependencies
from controller.api.http.problems import ProblemError
from controller.settings.validation_messages import suggestion

T = TypeVar("T")
D = TypeVar("D")
Schema = Mapping[str, object]

_NUMBER = re.compile(r"[0-9]{1,18}")
MAX_NUMBER = 10**18 - 1
"""Larger than every id, and within the 64-bit integers of SQLite."""
_MAX_TAGS = 1000
NAME_SCHEMA: Schema = {"type": "string", "maxLength": 63}
"""Of a name in the settings; any other text is answered with 404."""


class ParameterLocation(StrEnum):
    """Part of a request that has a parameter, as OpenAPI names it."""

    PATH = "path"
    QUERY = "query"
    HEADER = "header"


@dataclass(frozen=True, slots=True, eq=False)
class Parameter(Generic[T]):
    """One parameter and the type of its value; a handler gets it as `call[PARAMETER]`."""

    name: str
    description: str
    parse: Callable[[str, ApiDependencies], T]
    """The value of a text. Raises ProblemError."""
    default: T | None = None
    """The value when the request lacks it; a parameter of the path is never lacking."""
    location: ParameterLocation = ParameterLocation.QUERY
    schema: Schema = field(default_factory=lambda: {"type": "string"})
    repeatable: bool = False
    """Whether the query may have it several times; `parse` gets the first."""


def parameter_values(
    request: web.Request, parameters: Iterable[Parameter[Any]]
) -> dict[Parameter[Any], object]:
    """The value of every declared parameter.

    Raises ProblemError for a text that cannot be parsed, and 400 for a query parameter that is not
    declared or is given twice.
    """
    declared = tuple(parameters)
    _check_query(request, [p for p in declared if p.location is ParameterLocation.QUERY])
    dependencies = request.app[DEPENDENCIES]
    return {
        parameter: parameter.default if text is None else parameter.parse(text, dependencies)
        for parameter in declared
        for text in (_raw_text(request, parameter),)
    }


def whole_number(
    name: str, description: str, *, maximum: int, default: D, minimum: int = 1
) -> Parameter[int | D]:
    """A query parameter: a whole number, `minimum <= number <= maximum`."""

    def parse(text: str, _dependencies: ApiDependencies) -> int:
        if not _NUMBER.fullmatch(text) or not minimum <= int(text) <= maximum:
            detail = f"{name} must be a whole number from {minimum} to {maximum}, not {text!r}"
            raise ProblemError(400, detail, field=name)
        return int(text)

    schema: dict[str, object] = {"type": "integer", "minimum": minimum, "maximum": maximum}
    if default is not None:
        schema["default"] = default
    return Parameter(name, description, parse, default, schema=schema)


def flag(name: str, description: str) -> Parameter[bool]:
    """A query parameter: `true` or `false`, by default false."""

    def parse(text: str, _dependencies: ApiDependencies) -> bool:
        if text not in ("true", "false"):
            detail = f"{name} must be true or false, not {text!r}"
            raise ProblemError(400, detail, field=name, valid=("true", "false"))
        return text == "true"

    return Parameter(
        name, description, parse, default=False, schema={"type": "boolean", "default": False}
    )


def _tags(text: str, _dependencies: ApiDependencies) -> str:
    if len(text) > _MAX_TAGS:
        detail = f"If-Match may have {_MAX_TAGS} characters, not {len(text)}"
        raise ProblemError(400, detail, field="If-Match")
    return text


def _id(text: str, _dependencies: ApiDependencies) -> int | None:
    """The id; None for a text that is none, which is then answered with 404."""
    return int(text) if _NUMBER.fullmatch(text) and int(text) else None


def _region(text: str, dependencies: ApiDependencies) -> str:
    services = dependencies.settings.services.values()
    regions = sorted({name for service in services for name in service.regions})
    if text not in regions:
        raise not_found("region", text, regions)
    return text


def _service(text: str, dependencies: ApiDependencies) -> str:
    if text not in dependencies.settings.services:
        raise not_found("service", text, dependencies.settings.services)
    return text


def limit_parameter(default: int) -> Parameter[int]:
    """`limit`: the most items of a page, `1 <= limit <= 500`."""
    return whole_number("limit", "How many items to answer.", maximum=500, default=default)


BEFORE = whole_number(
    "before", "Only items before this one, as `next` names it.", maximum=MAX_NUMBER, default=None
)
REGION: Parameter[str | None] = Parameter(
    "region", "Only what concerns this region.", _region, schema=NAME_SCHEMA
)
ID = Parameter(
    "id",
    "The number it was given.",
    _id,
    location=ParameterLocation.PATH,
    schema={"type": "integer", "minimum": 1, "maximum": MAX_NUMBER},
)
SERVICE = Parameter(
    "name",
    "The service's name in the configuration.",
    _service,
    location=ParameterLocation.PATH,
    schema=NAME_SCHEMA,
)
IF_MATCH: Parameter[str | None] = Parameter(
    "If-Match",
    "The ETag of what was looked at, or `*` for whatever the state is. Callers with a token must "
    "send one of both.",
    _tags,
    location=ParameterLocation.HEADER,
    schema={"type": "string", "maxLength": _MAX_TAGS},
)


def not_found(noun: str, name: str, valid: Collection[str]) -> ProblemError:
    """A 404 that names the valid values and the nearest one."""
    detail = f"no {noun} is named {name!r}; {suggestion(name, valid)}"
    return ProblemError(404, detail, field=noun, valid=valid)


def _raw_text(request: web.Request, parameter: Parameter[Any]) -> str | None:
    """The parameter's text in the request; None when the request lacks it."""
    match parameter.location:
        case ParameterLocation.PATH:
            return request.match_info[parameter.name]
        case ParameterLocation.HEADER:
            return request.headers.get(parameter.name)
        case ParameterLocation.QUERY:
            return request.query.get(parameter.name)


def _check_query(request: web.Request, declared: Collection[Parameter[Any]]) -> None:
    """Raise ProblemError 400 for a parameter that is not declared, or is given twice."""
    names = [parameter.name for parameter in declared]
    for name in request.query:
        if name not in names:
            allowed = suggestion(name, names) or "none is possible here"
            raise ProblemError(
                400, f"unknown parameter {name!r}; {allowed}", field=name, valid=names
            )
    for parameter in declared:
        if not parameter.repeatable and len(request.query.getall(parameter.name, ())) > 1:
            detail = f"parameter {parameter.name!r} stands there twice"
            raise ProblemError(400, detail, field=parameter.name)
