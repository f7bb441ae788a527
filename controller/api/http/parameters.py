"""What may stand in a request's path, query and headers: declared once, read and documented so.

A parameter in the query that a route does not declare is refused: `?dryrun=true` must not become a
failover. What a parameter's text means is decided here; what it selects, by the handler.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, TypeVar

from aiohttp import web

from controller.api.dependencies import CONTEXT, ApiDependencies
from controller.api.http.problems import ProblemError
from controller.settings.validation_messages import suggestion

T = TypeVar("T")
D = TypeVar("D")
Schema = Mapping[str, object]

_NUMBER = re.compile(r"[0-9]{1,18}")
LARGEST = 10**18 - 1
"""Above every id; below what a 64-bit integer holds."""


class ParameterLocation(StrEnum):
    """Where a parameter stands."""

    PATH = "path"
    QUERY = "query"
    HEADER = "header"


@dataclass(frozen=True, slots=True, eq=False)
class Parameter(Generic[T]):
    """One parameter and the type of its value; a handler gets it as `call[PARAMETER]`."""

    name: str
    description: str
    read: Callable[[str, ApiDependencies], T]
    """The value that a text means. Raises ProblemError."""
    default: T | None = None
    """The value when it is not there; a path's parameters always are."""
    place: ParameterLocation = ParameterLocation.QUERY
    schema: Schema = field(default_factory=lambda: {"type": "string"})
    many: bool = False
    """Whether it may stand there several times; `read` gets the first."""


def values(
    request: web.Request, declared: Iterable[Parameter[Any]]
) -> dict[Parameter[Any], object]:
    """Every declared parameter's value. Raises ProblemError for anything else in the query."""
    known = tuple(declared)
    _refuse_unknown(request, [p for p in known if p.place is ParameterLocation.QUERY])
    context = request.app[CONTEXT]
    return {
        parameter: parameter.default if text is None else parameter.read(text, context)
        for parameter in known
        for text in (_text(request, parameter),)
    }


def whole_number(
    name: str, description: str, *, highest: int, default: D, smallest: int = 1
) -> Parameter[int | D]:
    """A whole number from `smallest` to `highest`."""

    def read(text: str, _context: ApiDependencies) -> int:
        if not _NUMBER.fullmatch(text) or not smallest <= int(text) <= highest:
            detail = f"{name} must be a whole number from {smallest} to {highest}, not {text!r}"
            raise ProblemError(400, detail, field=name)
        return int(text)

    schema: dict[str, object] = {"type": "integer", "minimum": smallest, "maximum": highest}
    if default is not None:
        schema["default"] = default
    return Parameter(name, description, read, default, schema=schema)


def flag(name: str, description: str) -> Parameter[bool]:
    """`true` or `false`; false when it is not there."""

    def read(text: str, _context: ApiDependencies) -> bool:
        if text not in ("true", "false"):
            detail = f"{name} must be true or false, not {text!r}"
            raise ProblemError(400, detail, field=name, valid=("true", "false"))
        return text == "true"

    return Parameter(
        name, description, read, default=False, schema={"type": "boolean", "default": False}
    )


def _as_it_is(text: str, _context: ApiDependencies) -> str:
    return text


def _id(text: str, _context: ApiDependencies) -> int | None:
    """None for what cannot be the id of anything."""
    return int(text) if _NUMBER.fullmatch(text) else None


def _region(text: str, context: ApiDependencies) -> str:
    services = context.settings.services.values()
    regions = sorted({name for service in services for name in service.regions})
    if text not in regions:
        raise not_found("region", text, regions)
    return text


def _service(text: str, context: ApiDependencies) -> str:
    if text not in context.settings.services:
        raise not_found("service", text, context.settings.services)
    return text


def limit(default: int) -> Parameter[int]:
    """How many items to answer, 1 to 500."""
    return whole_number("limit", "How many items to answer.", highest=500, default=default)


BEFORE = whole_number(
    "before", "Only items before this one, as `next` names it.", highest=LARGEST, default=None
)
REGION: Parameter[str | None] = Parameter(
    "region", "Only what concerns this region.", _region, schema={"type": "string"}
)
ID = Parameter(
    "id",
    "The number it was given.",
    _id,
    place=ParameterLocation.PATH,
    schema={"type": "integer", "minimum": 1},
)
SERVICE = Parameter(
    "name", "The service's name in the configuration.", _service, place=ParameterLocation.PATH
)
IF_MATCH: Parameter[str | None] = Parameter(
    "If-Match",
    "The ETag of what was looked at, or `*` for whatever the state is. Callers with a token must "
    "send one of both.",
    _as_it_is,
    place=ParameterLocation.HEADER,
)


def not_found(noun: str, name: str, valid: Collection[str]) -> ProblemError:
    """A problem that says what there is instead."""
    detail = f"no {noun} is named {name!r}; {suggestion(name, valid)}"
    return ProblemError(404, detail, field=noun, valid=valid)


def _text(request: web.Request, parameter: Parameter[Any]) -> str | None:
    match parameter.place:
        case ParameterLocation.PATH:
            return request.match_info[parameter.name]
        case ParameterLocation.HEADER:
            return request.headers.get(parameter.name)
        case ParameterLocation.QUERY:
            return request.query.get(parameter.name)


def _refuse_unknown(request: web.Request, known: Collection[Parameter[Any]]) -> None:
    names = [parameter.name for parameter in known]
    for name in request.query:
        if name not in names:
            allowed = suggestion(name, names) or "none is possible here"
            raise ProblemError(
                400, f"unknown parameter {name!r}; {allowed}", field=name, valid=names
            )
    for parameter in known:
        if not parameter.many and len(request.query.getall(parameter.name, ())) > 1:
            detail = f"parameter {parameter.name!r} stands there twice"
            raise ProblemError(400, detail, field=parameter.name)
