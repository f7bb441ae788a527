"""No function of the controller takes more than eight parameters."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

CONTROLLER = Path(__file__).parents[2] / "controller"
MAX_PARAMETERS = 8


def counts(path: Path) -> Iterator[tuple[str, int]]:
    """Name of each function of a file, with its number of parameters without `self`."""
    tree = ast.parse(path.read_text())
    classes = {
        id(member): f"{node.name}."
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for member in node.body
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            given = node.args
            named = [*given.posonlyargs, *given.args, *given.kwonlyargs]
            own = sum(one.arg not in ("self", "cls") for one in named)
            several = (given.vararg is not None) + (given.kwarg is not None)
            name = path.relative_to(CONTROLLER).as_posix()
            yield f"{name}::{classes.get(id(node), '')}{node.name}", own + several


def test_no_function_takes_more_than_eight_parameters() -> None:
    """More parameters belong together in a value class."""
    found = dict(one for path in sorted(CONTROLLER.rglob("*.py")) for one in counts(path))
    assert {name: number for name, number in found.items() if number > MAX_PARAMETERS} == {}
