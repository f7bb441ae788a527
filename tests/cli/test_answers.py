"""What the commands' tests take for answers of the admin API is what its contract describes."""

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


def faults(route: str, status: int, answer: object, *, partial: bool = False) -> list[str]:
    """Where an answer is not as the contract describes it; a partial one may lack members."""
    method, path = route.split()
    contract = _closed(CONTRACT, partial)
    described = contract["paths"][path][method.lower()]["responses"][str(status)]
    schema = {**contract, **described["content"]["application/json"]["schema"]}
    return [error.message for error in Draft202012Validator(schema).iter_errors(answer)]


def _closed(part: Any, partial: bool) -> Any:
    """The schema, refusing members that it does not name, and with `partial` requiring none."""
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
    ("route", "status", "answer"),
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
def test_an_answer_is_as_the_contract_has_it(route: str, status: int, answer: object) -> None:
    """With everything that it requires and nothing else."""
    assert faults(route, status, answer) == []


@pytest.mark.parametrize(
    ("route", "answer"),
    [
        ("GET /v1/plan", answers.plan(FROZEN)),
        ("GET /v1/decisions", answers.page(*RECORDS)),
        ("GET /v1/decisions/{id}", answers.record()),
    ],
)
def test_what_commands_read_of_an_answer_is_in_the_contract(route: str, answer: object) -> None:
    """Answers of which the tests leave out what no command reads."""
    assert faults(route, 200, answer, partial=True) == []


def test_another_member_is_a_fault_and_so_is_a_missing_one() -> None:
    """Otherwise the tests above could not fail."""
    override = answers.override()
    assert faults("GET /v1/overrides/{id}", 200, {**override, "colour": "red"})
    del override["region"]
    assert faults("GET /v1/overrides/{id}", 200, override)
