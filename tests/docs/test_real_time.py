"""No test fails because the machine is busy: none asserts an upper limit of elapsed time.

Tests in one event loop run in simulated time (mark `looptime`); tests that wait for a condition
have a generous deadline, in a loop; durations of other processes are measured by `tests.stopwatch`.
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
"""Functions that may assert a limit (`folder/file.py::function`), and why."""
CLOCKS = {"monotonic", "perf_counter", "time", "monotonic_ns", "perf_counter_ns"}
_READS_A_CLOCK = re.compile(rf"\b({'|'.join(CLOCKS)})\(")


def reads_a_clock(node: ast.AST) -> bool:
    """Whether the node is or contains a call such as `time.monotonic()` or `loop.time()`."""
    return any(
        isinstance(one, ast.Call)
        and isinstance(one.func, ast.Attribute)
        and one.func.attr in CLOCKS
        for one in ast.walk(node)
    )


def is_elapsed(node: ast.AST, named: set[str]) -> bool:
    """Whether the node is a difference of clock readings, or a name assigned from one."""
    if isinstance(node, ast.Name):
        return node.id in named
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub) and reads_a_clock(node)


def limits(function: ast.AST) -> Iterator[int]:
    """Lines that assert an upper limit of elapsed time outside of a waiting loop."""
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
    """Functions of a file that run in real time."""
    text = path.read_text()
    if "pytestmark = pytest.mark.looptime" in text or not _READS_A_CLOCK.search(text):
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            marks = {ast.unparse(one) for one in node.decorator_list}
            if "pytest.mark.looptime" not in marks:
                yield node


def test_no_test_asserts_an_upper_limit_of_elapsed_time() -> None:
    """Except for the benchmarks."""
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
def test_an_upper_limit_is_recognised(line: str, is_limit: bool) -> None:
    """Lower limits, CPU time and waiting loops are not upper limits."""
    assert bool(list(limits(ast.parse(line)))) is is_limit
