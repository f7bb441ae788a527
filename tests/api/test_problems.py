"""Every error is a problem of the same form, names valid values, and shows no internals."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import pytest
from structlog.testing import capture_logs

from controller.api.http import body_reading
from controller.loops.cycle.previews import Preview
from tests.api.serving import api
from tests.fakes.methods import Method

POSTS = ("/v1/overrides", "/v1/plan", "/v1/measurements/traffic")


async def test_an_unknown_path_gets_404_with_the_known_paths() -> None:
    """In the form of every problem."""
    async with api(running=False) as served:
        answer = await served.get("/v2/status")

    assert answer.status == 404
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert answer.body["type"] == "about:blank#not-found"
    assert answer.body["status"] == 404
    assert answer.body["detail"] == "no path /v2/status"
    assert answer.body["instance"] == answer.headers["X-Request-Id"]
    assert {"/v1/status", "/v1/overrides/{id}", "/livez"} <= set(answer.body["valid_values"])


async def test_a_wrong_method_gets_405_with_the_allowed_methods() -> None:
    """In the body and in the header Allow."""
    async with api(running=False) as served:
        answer = await served.delete("/v1/overrides")

    assert answer.status == 405
    assert answer.body["valid_values"] == ["GET", "HEAD", "POST"]
    assert answer.headers["Allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize("path", POSTS)
async def test_malformed_json_gets_400_with_line_and_column(path: str) -> None:
    """The place where parsing ended."""
    async with api(running=False) as served:
        answer = await served.post(
            path, data='{\n "kind" "drain"}', headers={"Content-Type": "application/json"}
        )

    assert answer.status == 400
    assert answer.body["detail"] == "the body is not JSON: expected `:` at line 2 column 9"


@pytest.mark.parametrize(
    "raw",
    [b"", b"\xff\xfe", b"[" * 60_000, b'{"reason": "\\ud800"}', b"9" * 60_000],
    ids=["empty", "not UTF-8", "very deep", "half a surrogate", "very long number"],
)
async def test_no_body_causes_an_unexpected_error(raw: bytes) -> None:
    """Any bytes get a 4xx."""
    async with api(running=False) as served:
        answer = await served.post(
            "/v1/overrides", data=raw, headers={"Content-Type": "application/json"}
        )

    assert answer.status in (400, 422)


async def test_a_body_in_another_encoding_than_declared_gets_415() -> None:
    """`Content-Encoding: gzip` with plain bytes."""
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    async with api(running=False) as served:
        answer = await served.post("/v1/plan", data=b"not gzip", headers=headers)

    assert answer.status == 415


async def test_a_body_that_does_not_arrive_gets_408(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At the deadline; the connection is closed."""
    monkeypatch.setattr(body_reading, "RECEIVE_DEADLINE_S", 0.2)
    head = "POST /v1/plan HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n"
    async with api(running=False) as served:
        port = urlsplit(served.url).port
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"{head}Content-Type: application/json\r\n\r\n{{".encode())
        async with asyncio.timeout(5):
            answer = (await reader.read()).decode()
        writer.close()

    assert answer.startswith("HTTP/1.1 408 ")
    assert "the whole body must come within 0.2 s" in answer


async def test_a_body_over_64_kib_is_refused() -> None:
    """413 names the limit."""
    async with api(running=False) as served:
        answer = await served.post("/v1/plan", json={"overrides": ["x" * 70_000]})

    assert answer.status == 413
    assert answer.body["detail"] == "a body may have 65536 bytes"


async def test_a_failing_store_gets_503() -> None:
    """Not 4xx: the same request may succeed later."""
    async with api(running=False) as served:
        served.world.store.unavailable = True
        answer = await served.get("/v1/decisions")

    assert answer.status == 503
    assert answer.body["type"] == "about:blank#unavailable"


async def test_an_unexpected_error_is_logged_under_its_id_and_not_shown() -> None:
    """500 names the request id for the log; the error's text is not sent."""

    def broken() -> Preview:
        raise RuntimeError("secret")

    async with api(running=False) as served:
        Method(served.controller.previews.present).replace(broken)
        with capture_logs() as logs:
            answer = await served.get("/v1/plan")

    assert answer.status == 500
    assert "secret" not in answer.text
    assert [entry["request_id"] for entry in logs] == [answer.body["instance"]]
    assert answer.body["instance"] in answer.body["detail"]


async def test_every_request_has_an_id_of_its_own() -> None:
    """An id is the process's start and a running number."""
    async with api(running=False) as served:
        ids = [(await served.get("/v1/status")).headers["X-Request-Id"] for _ in range(3)]

    assert len(set(ids)) == 3
    assert {name.split("-")[0] for name in ids} == {ids[0].split("-")[0]}
