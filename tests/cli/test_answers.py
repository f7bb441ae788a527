"""The replies in `answers` follow the admin API's contract."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from controller.api.app import DECLARED
from controller.api.description.openapi import document
from tests.cli import answers

CONTRACT = document(DECLARED, secured=True)
FAILING = {"part": "answered", "error": "KeyError('x')", "failures": 4, "for_s": 90.0}
FROZEN = answers.pool_plan({"a": 1.0}, {"a": 1.0}, answers.held("frozen", "until noon"))
RECORDS = (answers.moved(1), answers.withheld(2, "frozen"))


def violations(route: str, status: int, reply: object, *, partial: bool = False) -> list[str]:
    """Where a reply violates the contract; a partial reply may lack members."""
    method, path = route.split()
    contract = _closed(CONTRACT, partial)
    described = contract["paths"][path][method.lower()]["responses"][str(status)]
    schema = {**contract, **described["content"]["application/json"]["schema"]}
    return [error.message for error in Draft202012Validator(schema).iter_errors(reply)]


def _closed(part: Any, partial: bool) -> Any:
    """The schema without additional members; with `partial` no member is required."""
    if isinstance(part, list):
        return [_closed(item, partial) for item in part]
    if not isinstance(part, dict):
        return part
    closed = {key: _closed(value, partial) for key, value in part.items()}
    if isinstance(part.get("properties"), dict):
        closed.setdefault("additionalProperties", False)
        if partial:
            closed.pop("required", None)
    return closed


@pytest.mark.parametrize(
    ("route", "status", "reply"),
    [
        (
            "GET /v1/status",
            200,
            answers.status(overrides=[answers.override()], failing_parts=[FAILING]),
        ),
        ("GET /v1/figures", 200, answers.figures()),
        ("GET /v1/overrides/{id}", 200, answers.override()),
        ("POST /v1/overrides", 201, answers.override()),
    ],
)
def test_a_reply_follows_the_contract(route: str, status: int, reply: object) -> None:
    """It has every required member and no other."""
    assert violations(route, status, reply) == []


@pytest.mark.parametrize(
    ("route", "reply"),
    [
        ("GET /v1/plan", answers.plan(FROZEN)),
        ("GET /v1/decisions", answers.page(*RECORDS)),
        ("GET /v1/decisions/{id}", answers.record()),
    ],
)
def test_the_members_that_commands_read_are_in_the_contract(route: str, reply: object) -> None:
    """These replies leave out members that no command reads."""
    assert violations(route, 200, reply, partial=True) == []


def test_an_additional_or_missing_member_is_a_violation() -> None:
    """Otherwise the tests above could not fail."""
    override = answers.override()
    assert violations("GET /v1/overrides/{id}", 200, {**override, "colour": "red"})
    del override["region"]
    assert violations("GET /v1/overrides/{id}", 200, override)
