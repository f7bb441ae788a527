"""What a route of the API is: declared once, and from that served, checked and documented.

A route is one `Route` in some module's `ROUTES`. `dispatch` makes it a handler that checks who
calls, how often, and what was sent; `openapi` and `docs_page` tell people of it. A path that is
not declared is not served.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, TypeVar

from aiohttp import web

from controller.api.dependencies import ApiDependencies
from controller.api.http.parameters import Parameter
from controller.api.http.request_bodies import Posted, RequestBody
from controller.model.access import Principal, Role

T = TypeVar("T")

JSON = "application/json"
TEXT = "text/plain"
EVENTS = "text/event-stream"
_ALWAYS = (400, 421, 500)
_KNOWN_CALLERS = (401, 403, 429)
_BODIES = (408, 413, 415, 422)


@dataclass(frozen=True, slots=True)
class RouteCall:
    """One request that may be answered: who calls, with what."""

    request: web.Request
    context: ApiDependencies
    principal: Principal
    values: Mapping[Parameter[Any], object]
    posted: RequestBody | None

    def __getitem__(self, parameter: Parameter[T]) -> T:
        """A declared parameter's value."""
        value: Any = self.values[parameter]
        return value  # type: ignore[no-any-return]  # what `parameter.read` gave

    def body(self, model: type[Posted]) -> Posted:
        """The body, as the route declares it."""
        assert isinstance(self.posted, model), f"the route does not declare {model.__name__}"
        return self.posted


class Meter(Enum):
    """What a request is counted as, for limits."""

    READ = auto()
    WRITE = auto()
    MEASUREMENT = auto()


@dataclass(frozen=True, slots=True)
class RouteResponse:
    """One answer a route gives when nothing is wrong."""

    description: str
    model: Any = None
    """The type its JSON is made of; None when there is none."""
    media: tuple[str, ...] = (JSON,)
    """Its content types; none without a body."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers worth knowing, with what they say."""
    example: object = None


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path."""

    method: str
    path: str
    handler: Callable[[RouteCall], Awaitable[web.StreamResponse]]
    summary: str
    answers: Mapping[int, RouteResponse]
    role: Role | None = Role.VIEWER
    """What a caller's role must cover; None: anybody may, also without a token."""
    description: str = ""
    parameters: tuple[Parameter[Any], ...] = ()
    body: type[RequestBody] | None = None
    body_example: object = None
    problems: tuple[int, ...] = ()
    """Refusals of its own, besides those that what is declared brings along."""
    meter: Meter | None = None
    """What it is counted as; None: as a read if it is a GET, else as a write."""

    @property
    def counted_as(self) -> Meter:
        """What a request is counted as, for limits; what is public is never counted."""
        return self.meter or (Meter.READ if self.method == "GET" else Meter.WRITE)

    @property
    def refusals(self) -> tuple[int, ...]:
        """Every status with which it may refuse."""
        found = {*_ALWAYS, *self.problems}
        if self.role is not None:
            found.update(_KNOWN_CALLERS)
        if self.body is not None:
            found.update(_BODIES)
        return tuple(sorted(found))

    @property
    def streams(self) -> bool:
        """Whether an answer has no end of its own."""
        return any(EVENTS in answer.media for answer in self.answers.values())
