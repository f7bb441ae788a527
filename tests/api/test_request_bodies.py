"""Request bodies: strict models, and an error that names key, value and what is allowed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.serving import api

DRAIN: dict[str, Any] = {"kind": "drain", "region": "eu-west-1", "reason": "INC-42"}


@pytest.mark.parametrize(
    ("body", "field", "detail"),
    [
        (
            {**DRAIN, "reson": "x"},
            "reson",
            "unknown key reson; did you mean reason?",
        ),
        ({"kind": "drain", "region": "eu-west-1"}, "reason", "the key reason is missing"),
        (
            {**DRAIN, "kind": "drane"},
            "kind",
            "kind should be drain, failover, pin or freeze, not the text 'drane'",
        ),
        (
            {**DRAIN, "ttl_s": "2h"},
            "ttl_s",
            "ttl_s should be a valid number, not the text '2h'",
        ),
        (
            {**DRAIN, "reason": "a\x1b[31mb"},
            "reason",
            "reason: must be one line without control characters",
        ),
        (
            {**DRAIN, "author": "a" * 101},
            "author",
            f"author should have at most 100 characters, not the text '{'a' * 57}...'",
        ),
        ([], "", "the body should be an object, not an empty list"),
        (
            {"kind": "drain", "reason": "x", "region": 1},
            "region",
            "region should be a valid string, not 1",
        ),
    ],
)
async def test_a_wrong_override_is_refused_with_what_is_allowed(
    body: object, field: str, detail: str
) -> None:
    """422 names the key, the value found and what is allowed."""
    async with api(running=False) as served:
        answer = await served.post("/v1/overrides", json=body)

    assert answer.status == 422
    assert answer.body.get("field", "") == field
    assert answer.body["detail"] == detail


async def test_nan_is_refused() -> None:
    """Some JSON parsers accept NaN; it must not become a duration."""
    raw = '{"kind": "drain", "region": "eu-west-1", "reason": "x", "ttl_s": NaN}'
    async with api(running=False) as served:
        answer = await served.post(
            "/v1/overrides", data=raw, headers={"Content-Type": "application/json"}
        )

    assert answer.status == 422
    assert answer.body["field"] == "ttl_s"


async def test_an_error_in_a_nested_model_names_its_path() -> None:
    """The nearest key is one of the nested model."""
    async with api(running=False) as served:
        answer = await served.post("/v1/plan", json={"overrides": [DRAIN]})

    assert answer.status == 422
    assert answer.body["field"] == "overrides.0.reason"
    assert answer.body["detail"].startswith("unknown key overrides.0.reason; ")


async def test_more_than_five_errors_are_only_counted() -> None:
    """Five are shown, so that the response stays readable."""
    async with api(running=False) as served:
        answer = await served.post(
            "/v1/measurements/traffic", json={"window_s": 1.0, "measurements": [{}] * 4}
        )

    assert answer.status == 422
    assert answer.body["detail"].count(";") == 5
    assert answer.body["detail"].endswith("; and 15 more")
