"""Authentication and roles: every route with every role, and every kind of invalid token."""

from __future__ import annotations

import json

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from controller.api import app as application
from controller.api.app import DECLARED, build
from controller.api.dependencies import ApiDependencies
from controller.api.http.route import Route
from controller.api.routes.docs import reference_routes
from controller.model.access import Role
from controller.model.configuration import ApiLimits
from tests.api import serving
from tests.api.callers import EXPIRED, bearer, guarded
from tests.api.serving import QUICK, Answer, Api, api

ROUTES = (*DECLARED, *reference_routes(DECLARED))
ROLES = {
    "GET /v1/status": "viewer",
    "GET /v1/services": "viewer",
    "GET /v1/services/{name}": "viewer",
    "GET /v1/plan": "viewer",
    "POST /v1/plan": "viewer",
    "GET /v1/plan/failures": "viewer",
    "GET /v1/overrides": "viewer",
    "POST /v1/overrides": "operator",
    "GET /v1/overrides/{id}": "viewer",
    "GET /v1/overrides/{id}/ending": "viewer",
    "PATCH /v1/overrides/{id}": "operator",
    "DELETE /v1/overrides/{id}": "operator",
    "GET /v1/decisions": "viewer",
    "GET /v1/decisions/latest": "viewer",
    "GET /v1/decisions/{id}": "viewer",
    "GET /v1/decisions/{id}/replay": "viewer",
    "GET /v1/decisions/{id}/snapshot": "viewer",
    "GET /v1/why": "viewer",
    "GET /v1/audit": "viewer",
    "GET /v1/audit/check": "viewer",
    "GET /v1/events": "viewer",
    "GET /v1/events/recent": "viewer",
    "POST /v1/measurements/traffic": "operator",
    "GET /v1/figures": "viewer",
    "POST /v1/measurements/figures": "operator",
    "POST /v1/reload": "admin",
    "GET /livez": None,
    "GET /readyz": None,
    "GET /metrics": "viewer",
    "GET /openapi.json": None,
    "GET /docs": None,
}
"""Written a second time here, so that a wrong role in a route is noticed."""
CALLERS = (None, "nobody", EXPIRED, *(role.value for role in Role))
REFUSED = {401, 403}
FREEZE = {"kind": "freeze", "reason": "launch", "ttl_s": 600}
ANY_STATE = {"If-Match": "*"}


async def ask(served: Api, route: Route, caller: str | None) -> int:
    """The status that a caller gets; the requests themselves are not valid."""
    path = route.path.replace("{id}", "999").replace("{name}", "nothing")
    body = "{}" if route.body else None
    headers = {"Content-Type": "application/json"} if route.body else {}
    if caller:
        headers |= bearer(caller)
    async with served.client.request(route.method, path, headers=headers, data=body) as response:
        return response.status


def test_every_route_has_the_role_that_is_written_here() -> None:
    """A new route needs its role here, too."""
    declared = {f"{r.method} {r.path}": r.role.value if r.role else None for r in ROUTES}
    assert declared == ROLES


@pytest.mark.parametrize("caller", CALLERS)
async def test_every_route_admits_exactly_the_roles_that_cover_its_own(
    caller: str | None,
) -> None:
    """Every route × no token, a wrong token, an expired token, and each role."""
    async with api(guarded(), running=False) as served:
        served.controller.event_stream.close()  # lets streams end at once
        found = {f"{r.method} {r.path}": await ask(served, r, caller) for r in ROUTES}

    for name, needed in ROLES.items():
        status = found[name]
        if needed is None:
            assert status in (200, 503), name
        elif caller not in set(Role):
            # After ten in a row strangers are told to wait; they get nothing either way.
            assert status in (401, 429), name
        elif not Role(caller).covers(Role(needed)):
            assert status == 403, name
        else:
            assert status not in REFUSED, name


async def test_without_tokens_every_local_caller_is_admin_and_audited() -> None:
    """The caller is `local`, whatever token is sent along."""
    async with api(running=False) as served:
        added = await served.post("/v1/overrides", json=FREEZE, headers=bearer("nobody"))
        ended = await served.delete(added.headers["Location"])
        audit = await served.get("/v1/audit?limit=2")

    assert (added.status, ended.status) == (201, 200)
    assert [item["actor"] for item in audit.body["items"]] == ["local", "local"]


@pytest.mark.parametrize(
    ("headers", "detail", "challenge"),
    [
        (
            {},
            "GET /v1/status takes a token of role viewer: send `Authorization: Bearer TOKEN`",
            'Bearer realm="gtc"',
        ),
        (bearer("nobody"), "nobody has this token", 'Bearer realm="gtc", error="invalid_token"'),
        (
            bearer(EXPIRED),
            "the token of expired expired on 2026-06-01",
            'Bearer realm="gtc", error="invalid_token"',
        ),
        (
            {"Authorization": "Basic YTpi"},
            "the Authorization header is not `Bearer` and a token",
            'Bearer realm="gtc", error="invalid_token"',
        ),
    ],
)
async def test_an_unauthenticated_caller_gets_401_with_a_challenge(
    headers: dict[str, str], detail: str, challenge: str
) -> None:
    """As RFC 6750 specifies: it names what to send."""
    async with api(guarded(), running=False) as served:
        answer = await served.get("/v1/status", headers=headers)

    assert answer.status == 401
    assert answer.body["detail"] == detail
    assert answer.headers["WWW-Authenticate"] == challenge


async def test_a_role_too_low_gets_403_with_the_role_needed() -> None:
    """403 names the role and the caller."""
    async with api(guarded(), running=False) as served:
        answer = await served.post("/v1/overrides", json=FREEZE, headers=bearer("viewer"))

    assert answer.status == 403
    assert answer.body["detail"] == "POST /v1/overrides takes the role operator; viewer is viewer"
    assert 'scope="operator"' in answer.headers["WWW-Authenticate"]


async def test_the_scheme_may_be_written_in_any_case() -> None:
    """HTTP compares schemes without case."""
    headers = {"Authorization": bearer("viewer")["Authorization"].replace("Bearer", "bEARER")}
    async with api(guarded(), running=False) as served:
        assert (await served.get("/v1/status", headers=headers)).status == 200


async def test_the_audit_names_the_caller_and_the_author_it_gives() -> None:
    """No caller can hide behind another name: its own name is always there."""
    headers = {**bearer("operator"), **ANY_STATE}
    drain = {"kind": "drain", "region": "eu-west-1", "reason": "x"}
    async with api(guarded(), running=False) as served:
        await served.post("/v1/overrides", json={**drain, "author": "admin"}, headers=headers)
        own = await served.post("/v1/overrides", json=drain, headers=headers)
        await served.delete(f"{own.headers['Location']}?author=ann", headers=headers)
        audit = await served.get("/v1/audit", headers=headers)

    assert [(item["actor"], item["action"]) for item in audit.body["items"]] == [
        ("ann (operator)", "override_withdrawn"),
        ("operator", "override_replaced"),
        ("operator", "override_added"),
        ("admin (operator)", "override_added"),
    ]


@pytest.mark.parametrize("way", ["end", "extend", "replace"])
async def test_a_freeze_is_ended_before_its_time_by_an_admin_only(way: str) -> None:
    """Not with an earlier end either, nor with a shorter freeze in its place."""

    async def thaw(served: Api, location: str, caller: str) -> Answer:
        headers = {**bearer(caller), **ANY_STATE}
        match way:
            case "end":
                return await served.delete(location, headers=headers)
            case "extend":
                body = {"ttl_s": 100, "reason": "x"}
                return await served.patch(location, json=body, headers=headers)
            case _:
                body = {**FREEZE, "ttl_s": 100}
                return await served.post("/v1/overrides", json=body, headers=headers)

    async with api(guarded(), running=False) as served:
        headers = {**bearer("operator"), **ANY_STATE}
        frozen = await served.post("/v1/overrides", json=FREEZE, headers=headers)
        refused = await thaw(served, frozen.headers["Location"], "operator")
        longer = await served.patch(
            frozen.headers["Location"], json={"ttl_s": 900, "reason": "x"}, headers=headers
        )
        thawed = await thaw(served, frozen.headers["Location"], "admin")

    assert frozen.status == 201
    assert refused.status == 403
    assert "ending a freeze before its time takes the role admin" in refused.body["detail"]
    assert longer.status == 200
    assert thawed.status in (200, 201)


async def test_public_responses_show_no_details_without_a_token() -> None:
    """Files and errors are shown to viewers only."""
    async with api(guarded(), running=False) as served:
        served.world.store.unavailable = True
        stranger = await served.get("/readyz?verbose")
        known = await served.get("/readyz?verbose", headers=bearer("viewer"))

    assert stranger.text == "FAILED first_cycle\nFAILED state\n"
    assert "FAILED state: the fake was told to be unavailable" in known.text


async def test_guessing_tokens_is_rate_limited_and_limits_no_valid_token() -> None:
    """429 after ten wrong tokens; the right one from the same address goes on working."""
    async with api(guarded(), running=False) as served:
        with capture_logs() as logs:
            wrong = [await served.get("/v1/status", headers=bearer("nobody")) for _ in range(12)]
        right = await served.get("/v1/status", headers=bearer("viewer"))

    assert [answer.status for answer in wrong] == [401] * 10 + [429] * 2
    assert int(wrong[-1].headers["Retry-After"]) >= 1
    assert right.status == 200
    assert [entry["event"] for entry in logs] == ["access_refused"] * 10
    assert "secret-of" not in json.dumps(logs)


async def test_an_undeclared_route_is_refused_to_every_caller(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A route that was added to the application directly has no role, so it answers 403."""

    async def leak(_request: web.Request) -> web.Response:
        return web.Response(text="everything")

    def careless(dependencies: ApiDependencies) -> web.Application:
        app = build(dependencies)
        app.router.add_get("/leak", leak)
        return app

    monkeypatch.setattr(serving, "build", careless)
    async with api(running=False) as served:
        answer = await served.get("/leak")

    assert answer.status == 403
    assert answer.body["detail"] == "nobody may ask for /leak: it is not declared"


async def test_each_caller_has_rate_limits_of_its_own() -> None:
    """A caller above its limit gets 429 with a time to wait; the others are not affected."""
    limits = ApiLimits(writes_per_min=6, writes_burst=2)
    headers = {**bearer("operator"), **ANY_STATE}
    async with api(guarded(limits), running=False) as served:
        tries = [await served.post("/v1/overrides", json=FREEZE, headers=headers) for _ in range(3)]
        other = await served.post(
            "/v1/overrides", json=FREEZE, headers={**headers, **bearer("admin")}
        )
        read = await served.get("/v1/status", headers=headers)

    assert [answer.status for answer in tries] == [201, 201, 429]
    assert tries[2].body["detail"].startswith("operator asks more than 6 a minute (2 at once)")
    assert tries[2].body["retry_after_s"] == int(tries[2].headers["Retry-After"]) == 10
    assert (other.status, read.status) == (201, 200)


async def test_a_reload_changes_who_may_call() -> None:
    """Tokens are those of the active settings, not of the start."""
    async with api(running=False) as served:
        assert (await served.get("/v1/status")).status == 200
        served.controller.active_settings.swap(guarded())
        assert (await served.get("/v1/status")).status == 401
        served.controller.active_settings.swap(QUICK)
        assert (await served.get("/v1/status")).status == 200


def test_routes_are_found_where_the_application_is_built() -> None:
    """Exactly the declared routes are served, and none is declared twice."""
    names = [f"{route.method} {route.path}" for route in application.DECLARED]
    assert len(names) == len(set(names))
