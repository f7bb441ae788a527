"""Error responses: RFC 9457 `application/problem+json`.

The middleware `problem_responses` makes every error of the API one, so all have the same members:
what is wrong, in which field, and what would be valid there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import count

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from controller.api.dependencies import DEPENDENCIES
from controller.model.encoding import SHOWN
from controller.model.errors import InvalidRequestError, StateUnavailableError

_log = structlog.get_logger("api")

REQUEST_ID = web.RequestKey("request_id", str)
"""Id of a request in responses and logs."""

PROBLEM_JSON = "application/problem+json"
BODY_LIMIT = 64 * 1024
"""Most bytes of a request's body."""

PROBLEM_TYPES = {
    400: ("bad-request", "The request cannot be understood"),
    401: ("unauthenticated", "Nobody knows who is calling"),
    403: ("forbidden", "The caller may not do this"),
    404: ("not-found", "There is nothing of that name"),
    405: ("method-not-allowed", "The path does not know this method"),
    408: ("too-slow", "The request did not arrive in time"),
    409: ("conflict", "The request conflicts with what is under way or in force"),
    412: ("state-changed", "The state is not the one that was looked at"),
    413: ("body-too-large", "The body is too large"),
    415: ("unsupported-media-type", "The body must be JSON"),
    421: ("unknown-host", "This is not the host that was asked for"),
    422: ("invalid-request", "The request makes no sense here"),
    428: ("precondition-required", "The request must say which state it is based on"),
    429: ("too-many-requests", "The caller asks too much"),
    500: ("internal-error", "Something unexpected happened"),
    503: ("unavailable", "The daemon cannot do this at the moment"),
}
"""Status to the problem's type and title; every status that the API answers errors with."""


class ProblemError(Exception):
    """An error that becomes a problem response.

    `field` names the key, parameter or header that is wrong, `valid` the values that are valid
    there; `headers` are headers of the response, `more` further members of its body.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        field: str = "",
        valid: Iterable[str] = (),
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.field = field
        self.valid = tuple(valid)
        self.headers = headers or {}
        self.more = more or {}


def request_ids() -> Middleware:
    """Middleware that gives each request its id: the start of the process and a running number."""
    numbers = count(1)

    @web.middleware
    async def with_id(request: web.Request, handler: Handler) -> web.StreamResponse:
        started_at = request.app[DEPENDENCIES].started_at
        request[REQUEST_ID] = f"{started_at:%Y%m%dT%H%M%S}-{next(numbers)}"
        return await handler(request)

    return with_id


@web.middleware
async def problem_responses(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Middleware that makes every exception of a handler a problem response."""
    try:
        return await handler(request)
    except ProblemError as error:
        problem = error
    except InvalidRequestError as error:
        problem = ProblemError(422, str(error), field=error.field, valid=error.valid)
    except StateUnavailableError as error:
        _log.error("state_unavailable", request_id=request[REQUEST_ID], error=str(error))
        problem = ProblemError(503, str(error))
    except web.HTTPException as error:
        problem = _of_http_exception(request, error)
    except Exception:
        request_id = request[REQUEST_ID]
        _log.exception(
            "request_failed", request_id=request_id, method=request.method, path=request.path
        )
        problem = ProblemError(500, f"the daemon's log says more at request_id {request_id}")
    return problem_response(problem, request[REQUEST_ID])


def _of_http_exception(request: web.Request, error: web.HTTPException) -> ProblemError:
    """The problem for an error of aiohttp: unknown path, wrong method, body too large."""
    if isinstance(error, web.HTTPNotFound):
        paths = {resource.canonical for resource in request.app.router.resources()}
        return ProblemError(404, f"no path {request.path}", field="path", valid=sorted(paths))
    if isinstance(error, web.HTTPMethodNotAllowed):
        methods = sorted(error.allowed_methods)
        detail = f"{request.method} {request.path} does not exist"
        allow = {"Allow": ", ".join(methods)}
        return ProblemError(405, detail, field="method", valid=methods, headers=allow)
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return ProblemError(413, f"a body may have {BODY_LIMIT} bytes")
    return ProblemError(400 if error.status < 500 else 500, error.reason)


def problem_response(problem: ProblemError, request_id: str) -> web.Response:
    """The response for a problem; after a 408 the connection is closed."""
    slug, title = PROBLEM_TYPES[problem.status]
    body: dict[str, object] = {
        "type": f"about:blank#{slug}",
        "title": title,
        "status": problem.status,
        "detail": problem.detail,
        "instance": request_id,
    }
    if problem.field:
        body["field"] = problem.field
    if problem.valid:
        body["valid_values"] = list(problem.valid)
    response = web.Response(
        text=json.dumps(SHOWN({**body, **problem.more}), ensure_ascii=False) + "\n",
        status=problem.status,
        content_type=PROBLEM_JSON,
        headers=problem.headers,
    )
    if problem.status == 408:
        response.force_close()
    return response
