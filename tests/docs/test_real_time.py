"""No test fails because the machine is busy: none asserts that something took at most so long.

What runs in one event loop runs in simulated time (mark `looptime`); what waits for a condition
waits generously, in a loop; what other processes promise is measured with `tests.stopwatch`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
SIMULATED = ("api", "faults")
"""Folders whose every coroutine is marked `looptime`, or marks itself."""
EXCEPTIONS: dict[str, str] = {}
"""Functions that may (`folder/file.py::function`), and why."""
CLOCKS = {"monotonic", "perf_counter", "time", "monotonic_ns", "perf_counter_ns"}
_ASKS_THE_TIME = re.compile(rf"\b({'|'.join(CLOCKS)})\(")


def reads_a_clock(node: ast.AST) -> bool:
    """Whether it is a call such as `time.monotonic()` or `loop.time()`, or contains one."""
    return any(
        isinstance(one, ast.Call)
        and isinstance(one.func, ast.Attribute)
        and one.func.attr in CLOCKS
        for one in ast.walk(node)
    )


def is_elapsed(node: ast.AST, named: set[str]) -> bool:
    """Whether it is a difference of clock readings, or a name that was given one."""
    if isinstance(node, ast.Name):
        return node.id in named
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub) and reads_a_clock(node)


def limits(function: ast.AST) -> Iterator[int]:
    """Lines that assert an upper limit of elapsed time, other than to wait for a condition."""
    named: set[str] = set()
    waiting = {
        id(inner)
        for loop in ast.walk(function)
        if isinstance(loop, ast.While)
        for inner in ast.walk(loop)
    }
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and is_elapsed(node.value, named):
            named.update(one.id for one in node.targets if isinstance(one, ast.Name))
    for node in ast.walk(function):
        if not isinstance(node, ast.Assert) or id(node) in waiting:
            continue
        for compare in ast.walk(node):
            if isinstance(compare, ast.Compare) and _bounds(compare, named):
                yield node.lineno


def _bounds(compare: ast.Compare, named: set[str]) -> bool:
    sides = [compare.left, *compare.comparators]
    return any(
        (is_elapsed(left, named) and isinstance(operator, ast.Lt | ast.LtE))
        or (is_elapsed(right, named) and isinstance(operator, ast.Gt | ast.GtE))
        for left, operator, right in zip(sides, compare.ops, sides[1:], strict=False)
    )


def real_time_functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Functions of a file, unless all of it is simulated."""
    text = path.read_text()
    if "pytestmark = pytest.mark.looptime" in text or not _ASKS_THE_TIME.search(text):
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            marks = {ast.unparse(one) for one in node.decorator_list}
            if "pytest.mark.looptime" not in marks:
                yield node


def test_no_test_asserts_that_something_took_at_most_so_long() -> None:
    """The benchmarks do; that is what they are for."""
    found = [
        f"{name}::{function.name} (line {line})"
        for path in sorted(TESTS.rglob("*.py"))
        if (name := path.relative_to(TESTS).as_posix()).partition("/")[0]
        not in {"bench", *SIMULATED}
        for function in real_time_functions(path)
        if f"{name}::{function.name}" not in EXCEPTIONS
        for line in limits(function)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("line", "is_limit"),
    [
        ("assert time.monotonic() - began < 2", True),
        ("assert 2 > time.perf_counter() - began", True),
        ("assert 0.1 <= loop.time() - began < 2", True),
        ("took_s = time.monotonic() - began; assert took_s <= 2, 'late'", True),
        ("assert time.monotonic() - began >= 2", False),
        ("while True: assert loop.time() - began < 20", False),
        ("assert time.process_time() - began < 2", False),
        ("assert ending.stop() < 2", False),
    ],
)
def test_a_limit_is_recognised(line: str, is_limit: bool) -> None:
    """At least, processor seconds and waiting are none."""
    assert bool(list(limits(ast.parse(line)))) is is_limit
