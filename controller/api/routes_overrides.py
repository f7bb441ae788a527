"""`/v1/overrides`: a person's standing instructions, seen, previewed, given and ended."""

from __future__ import annotations

from aiohttp import web
from pydantic import TypeAdapter, ValidationError

from controller.api.bodies import Person, PostedOverride, read
from controller.api.context import CONTEXT, Context
from controller.api.parameters import flag, id_in_path, parameters
from controller.api.plain import answer, plain
from controller.api.problems import ProblemError
from controller.api.routes_plan import preview
from controller.model.overrides import Override, OverrideRequest

_LOCAL = "local"
"""Whoever reaches the loopback address; without tokens there is no other principal."""
_PERSON = TypeAdapter(Person)


async def _list(request: web.Request) -> web.Response:
    parameters(request)
    context = request.app[CONTEXT]
    return answer({"items": [shown(context, o) for o in context.overrides.active()]})


async def _one(request: web.Request) -> web.Response:
    parameters(request)
    context = request.app[CONTEXT]
    return answer(shown(context, _in_force(context, request)))


async def _add(request: web.Request) -> web.Response:
    dry_run = flag(parameters(request, "dry_run"), "dry_run")
    context = request.app[CONTEXT]
    wanted = _request(context, await read(request, PostedOverride))
    if dry_run:
        return answer(preview(context, [wanted]))
    override = await context.overrides.add(wanted)
    location = {"Location": f"/v1/overrides/{override.id}"}
    return answer(shown(context, override), status=201, headers=location)


async def _end(request: web.Request) -> web.Response:
    actor = _author(parameters(request, "author").get("author", _LOCAL))
    context = request.app[CONTEXT]
    override = await context.overrides.withdraw(_in_force(context, request).id, actor)
    return answer(shown(context, override))


def shown(context: Context, override: Override) -> dict[str, object]:
    """An override with the seconds it has left; 0 once it has ended."""
    ids = [known.id for known in context.overrides.active()]
    left_s = context.overrides.remaining_s(override.id) if override.id in ids else 0.0
    body = plain(override)
    assert isinstance(body, dict)
    return {**body, "remaining_s": round(left_s, 1)}


def _in_force(context: Context, request: web.Request) -> Override:
    """The override that the path names."""
    active = {override.id: override for override in context.overrides.active()}
    wanted = active.get(id_in_path(request) or 0)
    if wanted is None:
        detail = f"no override {request.match_info['id']} is in force"
        raise ProblemError(404, detail, field="id", valid=map(str, active))
    return wanted


def _request(context: Context, posted: PostedOverride) -> OverrideRequest:
    ttl_s = posted.ttl_s
    return OverrideRequest(
        kind=posted.kind,
        author=posted.author,
        reason=posted.reason,
        ttl_s=context.settings.overrides.default_ttl_s if ttl_s is None else ttl_s,
        region=posted.region,
        service=posted.service,
        ignore_guards=posted.ignore_guards,
    )


def _author(name: str) -> str:
    try:
        return _PERSON.validate_python(name)
    except ValidationError as error:
        rule = "one line of at most 100 characters"
        raise ProblemError(400, f"author must be {rule}", field="author") from error


ROUTES = (
    web.get("/v1/overrides", _list),
    web.post("/v1/overrides", _add),
    web.get("/v1/overrides/{id}", _one),
    web.delete("/v1/overrides/{id}", _end),
)
