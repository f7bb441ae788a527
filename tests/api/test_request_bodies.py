"""Posted bodies: strict, and every mistake in words that help."""

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
    """422 names the key, what was found and what may stand there."""
    async with api(running=False) as served:
        answer = await served.post("/v1/overrides", json=body)

    assert answer.status == 422
    assert answer.body.get("field", "") == field
    assert answer.body["detail"] == detail


async def test_a_number_that_is_none_is_refused() -> None:
    """NaN passes through some JSON readers; it must not become a duration."""
    raw = '{"kind": "drain", "region": "eu-west-1", "reason": "x", "ttl_s": NaN}'
    async with api(running=False) as served:
        answer = await served.post(
            "/v1/overrides", data=raw, headers={"Content-Type": "application/json"}
        )

    assert answer.status == 422
    assert answer.body["field"] == "ttl_s"


async def test_a_mistake_deep_inside_names_its_place() -> None:
    """The nearest key is that of the model at that place."""
    async with api(running=False) as served:
        answer = await served.post("/v1/plan", json={"overrides": [DRAIN]})

    assert answer.status == 422
    assert answer.body["field"] == "overrides.0.reason"
    assert answer.body["detail"].startswith("unknown key overrides.0.reason; ")


async def test_many_mistakes_are_counted_not_all_told() -> None:
    """Five are told; an answer stays readable whatever was posted."""
    async with api(running=False) as served:
        answer = await served.post(
            "/v1/measurements/traffic", json={"window_s": 1.0, "measurements": [{}] * 4}
        )

    assert answer.status == 422
    assert answer.body["detail"].count(";") == 5
    assert answer.body["detail"].endswith("; and 15 more")
