"""Limits on the shape of the code, so that a stranger finds a file by its folder and its name."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
CONTROLLER = ROOT / "controller"
EMULATOR = CONTROLLER / "sandbox" / "emulator"
MOST_MODULES = 20
MOST_PARAMETERS = 8
Function = ast.FunctionDef | ast.AsyncFunctionDef


def modules() -> Iterator[tuple[Path, ast.Module]]:
    """Every module of the program."""
    for path in sorted(CONTROLLER.rglob("*.py")):
        yield path, ast.parse(path.read_text())


def parameters(function: Function) -> int:
    """How many parameters a function takes, `self` included; `*args` and `**kwargs` count once."""
    given = function.args
    named = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    return len(named) + (given.vararg is not None) + (given.kwarg is not None)


def test_no_folder_holds_more_modules_than_one_can_read_at_a_glance() -> None:
    """At most 20 in each, `__init__.py` included."""
    counts = {
        str(folder.relative_to(ROOT)): len(list(folder.glob("*.py")))
        for folder in (CONTROLLER, *CONTROLLER.rglob("*/"))
    }
    assert {name: n for name, n in counts.items() if n > MOST_MODULES} == {}


def test_no_function_takes_more_than_eight_parameters() -> None:
    """What belongs together is passed as one value."""
    assert [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}: {parameters(node)}"
        for path, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, Function) and parameters(node) > MOST_PARAMETERS + _is_method(node)
    ] == []


def _is_method(function: Function) -> bool:
    """Whether its first parameter is the object, which callers do not pass."""
    return bool(function.args.args) and function.args.args[0].arg in ("self", "cls")


def test_no_class_name_means_two_things() -> None:
    """The emulator speaks AWS's words, so its classes are left out."""
    places = defaultdict(list)
    for path, tree in modules():
        if EMULATOR not in path.parents:
            for node in ast.walk(tree):
                if isinstance(node, ast.ClassDef):
                    places[node.name].append(str(path.relative_to(ROOT)))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}
