"""The declaration of a route, from which it is served, checked and documented.

Each module of `routes` has a tuple `ROUTES`. `dispatch` makes a handler of each route, with checks
of the caller, the rate and the request; `openapi` and `docs_page` describe it. A path without a
Route is not served.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, TypeVar

from aiohttp import web

from controller.api.dependencies import ApiDependencies
from controller.api.http.parameters import Parameter
from controller.api.http.request_bodies import Body, RequestBody
from controller.model.access import Principal, Role

T = TypeVar("T")

JSON = "application/json"
TEXT = "text/plain"
EVENTS = "text/event-stream"
_ALWAYS = (400, 421, 500)
_WITH_ROLE = (401, 403, 429)
_WITH_BODY = (408, 413, 415, 422)


@dataclass(frozen=True, slots=True)
class RouteCall:
    """A request that passed all checks, with its caller, parameters and body."""

    request: web.Request
    dependencies: ApiDependencies
    principal: Principal
    parameters: Mapping[Parameter[Any], object]
    request_body: RequestBody | None

    def __getitem__(self, parameter: Parameter[T]) -> T:
        """The value of a parameter that the route declares."""
        value: Any = self.parameters[parameter]
        return value  # type: ignore[no-any-return]  # the value that `parameter.parse` returned

    def body(self, model: type[Body]) -> Body:
        """The body; `model` must be the one that the route declares."""
        assert isinstance(self.request_body, model), f"the route does not declare {model.__name__}"
        return self.request_body


class RateClass(Enum):
    """Class of requests with a rate limit of its own."""

    READ = auto()
    WRITE = auto()
    MEASUREMENT = auto()


@dataclass(frozen=True, slots=True)
class RouteResponse:
    """One kind of response of a route that is not an error."""

    description: str
    model: Any = None
    """The type of its JSON; None without JSON."""
    media: tuple[str, ...] = (JSON,)
    """Its content types; empty without a body."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names of headers to their descriptions."""
    example: object = None


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path."""

    method: str
    path: str
    handler: Callable[[RouteCall], Awaitable[web.StreamResponse]]
    summary: str
    responses: Mapping[int, RouteResponse]
    """Status to response, without errors."""
    role: Role | None = Role.VIEWER
    """The role that a caller needs; None: the route is public."""
    description: str = ""
    parameters: tuple[Parameter[Any], ...] = ()
    body: type[RequestBody] | None = None
    body_example: object = None
    problems: tuple[int, ...] = ()
    """Statuses of its own errors; `problem_statuses` adds those that every such route has."""
    rate_class: RateClass | None = None
    """None: READ for a GET, else WRITE."""
    tokens: int = 1
    """What a request takes of its caller's bucket; more where another thread does the work."""

    @property
    def counted_as(self) -> RateClass:
        """The class whose limit applies; public routes are not limited."""
        return self.rate_class or (RateClass.READ if self.method == "GET" else RateClass.WRITE)

    @property
    def problem_statuses(self) -> tuple[int, ...]:
        """Every status of an error response, ascending."""
        found = {*_ALWAYS, *self.problems}
        if self.role is not None:
            found.update(_WITH_ROLE)
        if self.body is not None:
            found.update(_WITH_BODY)
        return tuple(sorted(found))

    @property
    def takes_turns(self) -> bool:
        """Whether it is a read that waits for its turn, and is given up when its client leaves."""
        is_read = self.counted_as is RateClass.READ
        return is_read and self.role is not None and not self.streams

    @property
    def streams(self) -> bool:
        """Whether a response is a stream that does not end by itself."""
        return any(EVENTS in response.media for response in self.responses.values())
