"""Error responses of the sandbox's control APIs: JSON with `title`, `detail`, `valid_values`."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler

from controller.sandbox.errors import SandboxError


@web.middleware
async def error_responses(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn exceptions into responses that say what to do."""
    try:
        return await handler(request)
    except SandboxError as error:
        return _problem(400, "bad request", str(error), error.valid)
    except OSError as error:
        return _problem(409, "address is taken", str(error), ())
    except web.HTTPMethodNotAllowed as error:
        detail = f"{request.path} takes {', '.join(sorted(error.allowed_methods))}"
        return _problem(405, "method not allowed", detail, tuple(sorted(error.allowed_methods)))
    except web.HTTPNotFound:
        routes = {resource.canonical for resource in request.app.router.resources()}
        return _problem(404, "not found", f"nothing is at {request.path}", tuple(sorted(routes)))


async def json_object(request: web.Request) -> dict[str, object]:
    """The request's JSON object. Raises SandboxError if the body is not one."""
    try:
        body = await request.json()
    except ValueError:
        raise SandboxError("the body is not JSON; send an object") from None
    if not isinstance(body, dict):
        raise SandboxError("the body must be an object")
    return body


def _problem(status: int, title: str, detail: str, valid: tuple[str, ...]) -> web.Response:
    body = {"title": title, "detail": detail, "valid_values": list(valid)}
    return web.json_response(body, status=status)
