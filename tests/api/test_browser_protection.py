"""Protection against requests of web pages of other sites."""

from __future__ import annotations

import pytest

from tests.api.serving import QUICK, api

DRAIN = '{"kind": "drain", "region": "eu-west-1", "reason": "x"}'


@pytest.mark.parametrize("path", ["/v1/status", "/metrics", "/livez", "/nowhere"])
async def test_an_unknown_host_is_refused_on_every_path(path: str) -> None:
    """DNS rebinding: a page's own host name, pointed at this machine, gets 421."""
    async with api(running=False) as served:
        answer = await served.get(path, headers={"Host": "evil.example"})

    assert answer.status == 421
    assert "'evil.example'" in answer.body["detail"]
    assert answer.body["valid_values"] == ["localhost", "127.0.0.1", "::1"]


@pytest.mark.parametrize(
    "host", ["localhost", "LocalHost:8640", "127.0.0.1:1", "[::1]:8640", "localhost.", "gtc.test:9"]
)
async def test_loopback_names_and_the_configured_host_are_known(host: str) -> None:
    """The port does not matter, nor do capitals or a final dot."""
    settings = QUICK.model_copy(update={"api": QUICK.api.model_copy(update={"host": "gtc.test"})})
    async with api(settings, running=False) as served:
        answer = await served.get("/v1/status", headers={"Host": host})

    assert answer.status == 200


async def test_names_of_api_hosts_are_accepted() -> None:
    """For instance the name that a proxy forwards."""
    settings = QUICK.model_copy(
        update={"api": QUICK.api.model_copy(update={"hosts": ("gtc.example.com",)})}
    )
    async with api(settings, running=False) as served:
        known = await served.get("/v1/status", headers={"Host": "gtc.example.com"})
        other = await served.get("/v1/status", headers={"Host": "gtc.example.org"})

    assert (known.status, other.status) == (200, 421)
    assert "gtc.example.com" in other.body["valid_values"]


@pytest.mark.parametrize(
    ("host", "status"), [("127.0.0.3", 200), ("127.0.0.3:8640", 200), ("127.0.0.4", 421)]
)
async def test_the_local_address_of_the_connection_is_accepted(host: str, status: int) -> None:
    """A load balancer's health check calls by address; a page can rebind names only."""
    async with api(running=False, host="127.0.0.3") as served:
        answer = await served.get("/livez", headers={"Host": host})

    assert answer.status == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost.evil.example:1"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://localhost:1", "Sec-Fetch-Site": "same-origin"}, 201),
        ({"Sec-Fetch-Site": "none"}, 201),
    ],
)
async def test_a_page_of_another_site_cannot_write(headers: dict[str, str], status: int) -> None:
    """Even if it could send JSON: the browser sends its origin."""
    async with api(running=False) as served:
        answer = await served.post(
            "/v1/overrides",
            data=DRAIN,
            headers={"Host": "localhost:1", "Content-Type": "application/json", **headers},
        )

    assert answer.status == status


async def test_a_page_of_our_own_behind_a_proxy_can_write() -> None:
    """The proxy calls by address; the browser names what the settings list."""
    settings = QUICK.model_copy(
        update={"api": QUICK.api.model_copy(update={"hosts": ("gtc.example.com",)})}
    )
    async with api(settings, running=False) as served:
        own = {"Content-Type": "application/json", "Origin": "https://gtc.example.com"}
        answer = await served.post("/v1/overrides", data=DRAIN, headers=own)
        other = {**own, "Origin": "https://gtc.example.com.evil.example"}
        refused = await served.post("/v1/overrides", data=DRAIN, headers=other)

    assert (answer.status, refused.status) == (201, 403)


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_a_body_is_refused_where_the_route_takes_none(method: str) -> None:
    """A body that is ignored would look as if it had been obeyed."""
    async with (
        api(running=False) as served,
        served.client.request(method, "/v1/overrides/1", json={"dry_run": True}) as answer,
    ):
        assert answer.status == 400
        detail = (await answer.json(content_type=None))["detail"]
        assert detail == f"{method} /v1/overrides/1 takes no body"


@pytest.mark.parametrize("host", ["", "[", "localhost.evil.example", "127.0.0.1@evil.example"])
async def test_a_host_that_only_looks_like_ours_is_refused(host: str) -> None:
    """Neither prefixes nor malformed headers pass."""
    async with api(running=False) as served:
        answer = await served.get("/v1/status", headers={"Host": host})

    assert answer.status == 421


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp"]
)
async def test_a_write_of_another_type_is_refused(content_type: str) -> None:
    """A form can send these types without a CORS preflight."""
    async with api(running=False) as served:
        answer = await served.post(
            "/v1/overrides", data=DRAIN, headers={"Content-Type": content_type}
        )

        assert answer.status == 415
        assert answer.body["valid_values"] == ["application/json"]
        assert content_type in answer.body["detail"]
        assert served.controller.overrides.active() == ()


async def test_json_may_name_its_charset() -> None:
    """A parameter of the content type changes nothing."""
    headers = {"Content-Type": "application/json; charset=utf-8"}
    async with api(running=False) as served:
        answer = await served.post("/v1/overrides", data=DRAIN, headers=headers)

    assert answer.status == 201


@pytest.mark.parametrize("path", ["/v1/status", "/nowhere", "/metrics"])
async def test_every_response_has_the_security_headers(path: str) -> None:
    """Successes and errors alike, and no header names a program or its version."""
    async with api(running=False) as served:
        answer = await served.get(path)

    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Server"] == "gtc"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; ")
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert "X-Request-Id" in answer.headers


async def test_an_unknown_expect_header_is_refused_with_all_headers() -> None:
    """aiohttp refuses it before any middleware runs, so there is no request id yet."""
    async with api(running=False) as served:
        answer = await served.get("/v1/status", headers={"Expect": "a miracle"})

    assert answer.status == 417
    assert answer.headers["X-Request-Id"] == "none"
