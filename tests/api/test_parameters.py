"""Parameters of path and query: unknown and invalid ones are refused, never ignored."""

from __future__ import annotations

import pytest

from tests.api.serving import api


async def test_a_misspelt_parameter_never_turns_a_preview_into_a_failover() -> None:
    """`?dryrun=true` is refused with the nearest name."""
    body = {"kind": "failover", "region": "eu-west-1", "reason": "x"}
    async with api(running=False) as served:
        answer = await served.post("/v1/overrides?dryrun=true", json=body)

        assert answer.status == 400
        assert answer.body["detail"] == "unknown parameter 'dryrun'; did you mean dry_run?"
        assert served.controller.overrides.active() == ()


@pytest.mark.parametrize("text", ["1", "yes", "True", ""])
async def test_a_flag_is_true_or_false_and_nothing_else(text: str) -> None:
    """The error names the valid values."""
    body = {"kind": "failover", "region": "eu-west-1", "reason": "x"}
    async with api(running=False) as served:
        answer = await served.post(f"/v1/overrides?dry_run={text}", json=body)

        assert answer.status == 400
        assert answer.body["valid_values"] == ["true", "false"]
        assert served.controller.overrides.active() == ()


@pytest.mark.parametrize("text", ["0", "501", "-1", "1.5", "ten", "", "٣", "9" * 30])
async def test_a_limit_is_a_whole_number_in_its_bounds(text: str) -> None:
    """The error names the bounds and the value found."""
    async with api(running=False) as served:
        answer = await served.get("/v1/decisions", params={"limit": text})

    assert answer.status == 400
    assert answer.body["field"] == "limit"
    assert answer.body["detail"] == f"limit must be a whole number from 1 to 500, not {text!r}"


async def test_a_parameter_is_given_once() -> None:
    """Of two values either could be meant."""
    async with api(running=False) as served:
        answer = await served.get("/v1/decisions?limit=1&limit=2")

    assert answer.status == 400
    assert answer.body["detail"] == "parameter 'limit' stands there twice"


@pytest.mark.parametrize("path", ["/v1/decisions", "/v1/decisions/latest"])
async def test_an_unknown_region_gets_404_with_the_known_regions(path: str) -> None:
    """And with the nearest one."""
    async with api(running=False) as served:
        answer = await served.get(f"{path}?region=eu-west-2")

    assert answer.status == 404
    assert answer.body["detail"] == "no region is named 'eu-west-2'; did you mean eu-west-1?"
    assert answer.body["valid_values"] == ["eu-central-1", "eu-west-1", "us-east-1"]


@pytest.mark.parametrize(
    ("path", "possible"),
    [
        ("/v1/status", "possible here: whole"),
        ("/v1/services", "none is possible here"),
        ("/v1/services/shop", "none is possible here"),
        ("/v1/decisions/1", "none is possible here"),
    ],
)
async def test_an_unknown_parameter_is_refused_with_those_that_are_known(
    path: str, possible: str
) -> None:
    """On every path, those without any included."""
    async with api(running=False) as served:
        answer = await served.get(f"{path}?verbose=1")

    assert answer.status == 400
    assert answer.body["detail"] == f"unknown parameter 'verbose'; {possible}"
