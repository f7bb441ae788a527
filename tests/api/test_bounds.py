"""Every parameter and every number of a body has bounds, which the OpenAPI document states.

A matrix over the document: of each parameter of each route values outside of what its schema says,
of each number of each body values beyond its limits. All are answered by 4xx, with a problem.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from controller.api.app import DECLARED
from controller.api.description.openapi import document
from tests.api.callers import bearer, guarded
from tests.api.serving import Answer, Api, api
from tests.loops.small import events, logged

Schema = dict[str, Any]
DOCUMENT: Schema = document(DECLARED, secured=True)
ADMIN = {**bearer("admin"), "If-Match": "*"}
FREE = {"verbose"}
"""Any text will do: that it is there says all."""
NO_NUMBERS = ("-1", "1.5", "1e3", "x", "", " ", "1 2", "٣", "NaN", "+1", "0x1", "9" * 400, "-0")
NO_TIMES = (
    "0001-01-01T00:00:00+23:59",
    "0001-01-01T00:00:00-23:59",
    "9999-12-31T23:59:59-23:59",
    "9999-12-31T23:59:59+23:59",
    "1999-12-31T23:59:59Z",
    "2026-13-01T00:00:00Z",
    "2026-06-01T12:00:00",
    "2026-06-01T12:00:00+99:99",
    "10000-01-01T00:00:00Z",
    "yesterday",
    "",
    "1",
)
NO_FLAGS = ("maybe", "1", "", "True")
NO_BODY_NUMBERS: tuple[object, ...] = (-1, -1e308, 1e308, 10**400, True, "1", [1], {})


def outside(schema: Schema) -> Iterator[str]:
    """Texts that a parameter's schema excludes. Fails for a schema without bounds."""
    if schema["type"] == "array":
        schema = schema["items"]
    if schema["type"] == "integer":
        yield from (str(schema["minimum"] - 1), str(schema["maximum"] + 1), *NO_NUMBERS)
    elif schema["type"] == "boolean":
        yield from NO_FLAGS
    elif schema.get("format") == "date-time":
        assert "x-minimum" in schema
        yield from NO_TIMES
    elif "enum" in schema:
        yield from ("none of these", "")
    else:
        assert "maxLength" in schema or "pattern" in schema, "a text without bounds"
        yield "x" * (schema.get("maxLength", 2_000) + 1)


def parameters() -> Iterator[tuple[str, str, Schema]]:
    """Method, path and parameter, of all routes."""
    for path, operations in DOCUMENT["paths"].items():
        for method, operation in operations.items():
            for parameter in operation["parameters"]:
                if parameter["name"] not in FREE:
                    yield method, path, parameter


async def asked(served: Api, method: str, path: str, parameter: Schema, text: str) -> Answer:
    """The answer to a request with this one value."""
    name, headers, query = parameter["name"], dict(ADMIN), ""
    match parameter["in"]:
        case "path":
            path = path.replace(f"{{{name}}}", quote(text, safe=""))
        case "query":
            query = f"?{quote(name)}={quote(text)}"
        case "header":
            headers[name] = text
    body = body_example(method, path) if method in ("post", "patch") else None
    options: dict[str, Any] = {"headers": headers} | ({"json": body} if body is not None else {})
    url = path.replace("{id}", "1").replace("{name}", "shop") + query
    async with served.client.request(method, url, **options) as response:
        is_json = response.content_type.endswith("json")
        return Answer(
            response.status,
            response.headers,
            await response.text(),
            await response.json(content_type=None) if is_json else None,
        )


def body_example(method: str, path: str) -> Any:
    """The body that the document gives as an example."""
    operation = DOCUMENT["paths"].get(path, {}).get(method, {})
    content = operation.get("requestBody", {}).get("content", {})
    return copy.deepcopy(content.get("application/json", {}).get("example"))


def assert_refused(answer: Answer, what: object) -> None:
    """By a problem that says what is wrong."""
    assert 400 <= answer.status < 500, (what, answer.status, answer.text)
    assert answer.headers["Content-Type"].startswith("application/problem+json"), what
    assert answer.body["status"] == answer.status
    assert answer.body["detail"]


@pytest.mark.parametrize(
    ("method", "path", "parameter"),
    [
        pytest.param(method, path, parameter, id=f"{method} {path} {parameter['name']}")
        for method, path, parameter in parameters()
    ],
)
async def test_a_value_outside_of_its_bounds_is_refused(
    method: str, path: str, parameter: Schema
) -> None:
    """With the example as its body, where the route takes one."""
    required = parameter["required"]
    async with api(guarded(), running=False) as served:
        for text in outside(parameter["schema"]):
            if required and not text:
                continue  # another path
            if parameter["name"] == "Last-Event-ID" and not text:
                continue
            with logged() as lines:
                answer = await asked(served, method, path, parameter, text)
            assert_refused(answer, text)
            assert "request_failed" not in events(lines)


def numbers(schema: Schema, at: tuple[str | int, ...] = ()) -> Iterator[tuple[Any, Schema]]:
    """Every number of a body: where it is in the example, and its schema."""
    if "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    for choice in schema.get("anyOf", ()):
        yield from numbers(choice, at)
    match schema.get("type"):
        case "number" | "integer":
            yield at, schema
        case "object":
            for name, member in schema.get("properties", {}).items():
                yield from numbers(member, (*at, name))
        case "array":
            yield from numbers(schema["items"], (*at, 0))


def body_numbers() -> Iterator[tuple[str, str, Any, Schema]]:
    """Method, path, place in the body, and schema."""
    for path, operations in DOCUMENT["paths"].items():
        for method, operation in operations.items():
            content = operation.get("requestBody", {}).get("content", {})
            if content:
                for at, schema in numbers(content["application/json"]["schema"]):
                    yield method, path, at, schema


def changed(body: Any, at: tuple[str | int, ...], value: object) -> Any:
    """The body with another value in this place; lists get an item like their first."""
    if not at:
        return value
    key, *rest = at
    if isinstance(key, int):
        return [changed(body[0] if body else {}, tuple(rest), value)]
    return {**body, key: changed(body.get(key, {}), tuple(rest), value)}


@pytest.mark.parametrize(
    ("method", "path", "at", "schema"),
    [
        pytest.param(method, path, at, schema, id=f"{method} {path} {'.'.join(map(str, at))}")
        for method, path, at, schema in body_numbers()
    ],
)
async def test_a_number_of_a_body_outside_of_its_bounds_is_refused(
    method: str, path: str, at: tuple[str | int, ...], schema: Schema
) -> None:
    """Its schema states both of them."""
    lowest = schema.get("minimum", schema.get("exclusiveMinimum"))
    highest = schema.get("maximum", schema.get("exclusiveMaximum"))
    assert lowest is not None
    assert highest is not None
    async with api(guarded(), running=False) as served:
        if "{id}" in path:
            freeze = {"kind": "freeze", "reason": "to be found"}
            assert (await served.post("/v1/overrides", json=freeze, headers=ADMIN)).status == 201
        for value in (lowest - 1, highest * 1.01 + 1, *NO_BODY_NUMBERS):
            body = changed(body_example(method, path), at, value)
            async with served.client.request(
                method, path.replace("{id}", "1"), json=body, headers=ADMIN
            ) as response:
                text = await response.text()
                assert 400 <= response.status < 500, (value, text)
                assert response.content_type == "application/problem+json", value


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "x"])
async def test_a_body_that_calls_itself_compressed_is_refused_without_a_traceback(
    coding: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whether it is or not."""
    headers = {**ADMIN, "Content-Type": "application/json", "Content-Encoding": coding}
    request = b'{"kind": "freeze", "reason": "x"}'
    async with api(guarded(), running=False) as served:
        lines = [f"{name}: {value}" for name, value in headers.items()]
        sent = f"POST /v1/overrides HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(request)}"
        host, _, port = served.url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write("\r\n".join([sent, *lines, "", ""]).encode() + request)
        head = await reader.readuntil(b"\r\n\r\n")
        writer.close()
    assert b" 415 " in head.splitlines()[0]
    assert "Traceback" not in caplog.text
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize("text", ["\u3164", "a\u2800b", "ann\uffa0", "\u0301", "e" + "\u0301" * 30])
@pytest.mark.parametrize("field", ["reason", "author"])
async def test_what_cannot_be_seen_is_refused(field: str, text: str) -> None:
    """The answer names the character."""
    body = {"kind": "freeze", "reason": "x", "author": "ann", field: text}
    async with api(guarded(), running=False) as served:
        answer = await served.post("/v1/overrides", json=body, headers=ADMIN)
        assert (answer.status, answer.body["field"]) == (422, field)
        assert "U+" in answer.body["detail"]
        query = f"/v1/overrides/1?author={quote(text)}"
        assert (await served.delete(query, headers=ADMIN)).status == 400


@pytest.mark.parametrize(
    "text", ["é", "e\u0301", "⚠️ up", "नमस्ते", "เที่ยง", "e\u0301\u0308\u0323", "—"]
)
async def test_what_people_write_is_accepted(text: str) -> None:
    """In any script."""
    body = {"kind": "freeze", "reason": text, "author": text}
    async with api(guarded(), running=False) as served:
        assert (await served.post("/v1/overrides", json=body, headers=ADMIN)).status == 201


@pytest.mark.parametrize(
    ("body", "key"),
    [
        (b'{"kind": "freeze", "reason": "x", "reason": "y"}', "reason"),
        (b'{"overrides": [{"kind": "freeze", "kind": "drain"}]}', "kind"),
    ],
)
async def test_a_key_that_stands_there_twice_is_refused(body: bytes, key: str) -> None:
    """Which of both was meant nobody knows; proxies before us may have taken the first."""
    path = "/v1/plan" if b"overrides" in body else "/v1/overrides"
    async with api(guarded(), running=False) as served:
        headers = {**ADMIN, "Content-Type": "application/json"}
        answer = await served.post(path, data=body, headers=headers)
    assert (answer.status, answer.body["field"]) == (400, key)


async def test_an_expired_token_is_told_so_whatever_strangers_do() -> None:
    """Behind a proxy all have the same address."""
    async with api(guarded(), running=False) as served:
        strangers = [
            (await served.get("/v1/status", headers=bearer("stranger"))).status for _ in range(15)
        ]
        expired = [await served.get("/v1/status", headers=bearer("expired")) for _ in range(15)]
    assert strangers == [401] * 10 + [429] * 5
    assert {answer.status for answer in expired} == {401}
    assert "expired on" in expired[-1].body["detail"]
