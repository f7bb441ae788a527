"""Measured traffic: accepted and shown; refused with names that are not configured."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.callers import bearer, guarded
from tests.api.serving import Api, api

PATH = "/v1/measurements/traffic"


def measured(**changes: Any) -> dict[str, Any]:
    item = {
        "service": "shop",
        "pool": "world",
        "region": "us-east-1",
        "requests": 3,
        "errors": 1,
        **changes,
    }
    return {"window_s": 1.0, "measurements": [item]}


async def shares(served: Api) -> dict[str, tuple[float | None, int, int]]:
    """Region to measured share, requests and errors of the pool world, from the status."""
    status = await served.get("/v1/status")
    pool = next(p for p in status.body["services"][0]["pools"] if p["name"] == "world")
    return {r["region"]: (r["measured"], r["requests"], r["errors"]) for r in pool["regions"]}


async def test_reported_traffic_shows_in_the_status() -> None:
    """Requests that no region answered count in the pool and belong to no region."""
    async with api(running=False) as served:
        answers = [
            await served.post(PATH, json=measured()),
            await served.post(PATH, json=measured(region="none", requests=1)),
        ]
        found = await shares(served)

    assert [(answer.status, answer.text) for answer in answers] == [(204, ""), (204, "")]
    assert found == {
        "us-east-1": (0.75, 3, 1),
        "eu-west-1": (0.0, 0, 0),
        "eu-central-1": (0.0, 0, 0),
    }


async def test_reports_may_name_regions_outside_the_pool() -> None:
    """A breach of residency must be measurable, so any region of the service is accepted."""
    async with api(running=False) as served:
        answer = await served.post(PATH, json=measured(pool="europe", region="us-east-1"))

    assert answer.status == 204


async def test_reports_need_the_role_operator() -> None:
    """They can move dials or undo a return, so a viewer's report is refused and not counted."""
    async with api(guarded(), running=False) as served:
        refused = await served.post(PATH, json=measured(), headers=bearer("viewer"))
        assert served.controller.traffic.split(60) == {}
        taken = await served.post(PATH, json=measured(), headers=bearer("operator"))

    assert (refused.status, taken.status) == (403, 204)
    assert refused.body["detail"] == f"POST {PATH} takes the role operator; viewer is viewer"


@pytest.mark.parametrize(
    ("change", "valid"),
    [
        ({"service": "shp"}, ["shop", "api"]),
        ({"pool": "word"}, ["europe", "world"]),
        ({"region": "us-east-2"}, ["eu-west-1", "eu-central-1", "us-east-1", "none"]),
    ],
)
async def test_unknown_names_are_refused_with_the_known_ones(
    change: dict[str, str], valid: list[str]
) -> None:
    """422, and no part of the report is counted."""
    [(key, value)] = change.items()
    body = measured()
    body["measurements"].append({**body["measurements"][0], **change})
    async with api(running=False) as served:
        answer = await served.post(PATH, json=body)
        found = await shares(served)

    assert answer.status == 422
    assert answer.body["field"] == f"measurements.1.{key}"
    assert answer.body["valid_values"] == valid
    assert repr(value) in answer.body["detail"]
    assert found["us-east-1"] == (None, 0, 0)


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (measured(errors=4), "measurements.0: errors (4) are more than requests (3)"),
        (
            measured(requests=-1),
            "measurements.0.requests should be greater than or equal to 0, not -1",
        ),
        ({**measured(), "window_s": 0}, "window_s should be greater than 0, not 0"),
    ],
)
async def test_impossible_numbers_are_refused(body: dict[str, Any], detail: str) -> None:
    """The error names what is allowed and the value found."""
    async with api(running=False) as served:
        answer = await served.post(PATH, json=body)

    assert answer.status == 422
    assert answer.body["detail"] == detail
