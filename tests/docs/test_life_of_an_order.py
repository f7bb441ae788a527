"""ARCHITECTURE's walk of one order, from the command to AWS: short, and what the code does."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
CONTROLLER = ROOT / "controller"
MOST_VISITS = 20
ROW = re.compile(r"^\| (\d+) \| `([\w/]+\.py)` \| (`[^|]+`) \| .+ \|$", re.MULTILINE)
Function = ast.FunctionDef | ast.AsyncFunctionDef

UNCALLED = {
    "handle": "the request comes over HTTP",
    "_add": "the route names it, and `handle` calls the handler of the route",
    "Reconciliation._run_cycle": "an order wakes the loop",
}
"""First functions of a file that no function before them names, and why; tests prove each."""


class Visit(NamedTuple):
    """A row of the table."""

    number: int
    path: str
    functions: tuple[str, ...]


class Step(NamedTuple):
    """A function of the walk."""

    visit: Visit
    name: str
    node: Function


@cache
def visits() -> tuple[Visit, ...]:
    """The rows of the table."""
    text = (ROOT / "ARCHITECTURE.md").read_text()
    section = text.partition("\n## The life of one order\n")[2].partition("\n## ")[0]
    return tuple(
        Visit(int(number), path, tuple(re.findall(r"`([\w.]+)`", functions)))
        for number, path, functions in ROW.findall(section)
    )


@cache
def steps() -> tuple[Step, ...]:
    """Every function of the walk, in its order; those that do not exist are missing."""
    return tuple(
        Step(visit, name, node)
        for visit in visits()
        for name in visit.functions
        if (node := definition(ast.parse((CONTROLLER / visit.path).read_text()), name))
    )


def definition(tree: ast.AST, name: str) -> Function | None:
    """A function by its name, a method by `Class.name`; None when there is none."""
    owner, _, own = name.rpartition(".")
    for node in ast.walk(tree):
        if owner and isinstance(node, ast.ClassDef) and node.name == owner:
            return definition(node, own)
        if not owner and isinstance(node, Function) and node.name == own:
            return node
    return None


def used_at(caller: Function, name: str) -> int | None:
    """The first line of a function that calls another one or passes it on; None: no line does."""
    lines = [line for used, line in names_used(caller) if used == name.rpartition(".")[2]]
    return min(lines, default=None)


def names_used(function: Function) -> Iterator[tuple[str, int]]:
    """Names of what a function calls or gives as an argument, and the lines."""
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            given = [*node.args, *(keyword.value for keyword in node.keywords)]
            for one in (node.func, *given):
                if isinstance(one, ast.Name):
                    yield one.id, one.lineno
                if isinstance(one, ast.Attribute):
                    yield one.attr, one.lineno


def test_the_walk_is_short_and_visits_no_file_twice() -> None:
    """One after the other, from the command line to the adapter."""
    walk = visits()
    paths = [visit.path for visit in walk]

    assert [visit.number for visit in walk] == list(range(1, len(walk) + 1))
    assert len(walk) <= MOST_VISITS
    assert len(set(paths)) == len(paths)
    assert (paths[0], paths[-1]) == ("cli/commands/drain.py", "adapters/aws/route53.py")


def test_every_function_exists() -> None:
    """In the file that is named."""
    there = {(step.visit.path, step.name) for step in steps()}

    assert [(v.path, f) for v in visits() for f in v.functions if (v.path, f) not in there] == []


@pytest.mark.parametrize("at", range(1, len(steps())), ids=lambda at: steps()[at].name)
def test_every_function_is_reached_from_one_before(at: int) -> None:
    """It is called, or handed to what calls it."""
    step, before = steps()[at], steps()[:at]
    uncalled = step.name in UNCALLED and step.name == step.visit.functions[0]

    assert uncalled or [one.name for one in before if used_at(one.node, step.name) is not None]


def test_a_reader_goes_down_and_not_back() -> None:
    """What one function calls stands in it in the order of the visits."""
    turned = []
    for at, caller in enumerate(steps()):
        entries = {s.visit.number: s.name for s in reversed(steps()[at + 1 :])}
        lines = {n: used_at(caller.node, name) for n, name in sorted(entries.items())}
        called = [(n, line) for n, line in lines.items() if line and n != caller.visit.number]
        turned += [
            (caller.name, one[0], other[0]) for one, other in pairwise(called) if one[1] > other[1]
        ]

    assert turned == []


def text_of(name: str, path: str) -> str:
    """The source of a function of the walk."""
    (step,) = [one for one in steps() if (one.name, one.visit.path) == (name, path)]
    return ast.unparse(step.node)


def test_the_order_comes_over_http_to_its_route() -> None:
    """The command posts to the path whose route names the handler."""
    assert "client.post('/v1/overrides'" in text_of("_post", "cli/orders/submit.py")
    assert "route.handler(" in text_of("handle", "api/http/dispatch.py")
    routes = ast.parse((CONTROLLER / "api/routes/overrides.py").read_text())
    declared = [
        [ast.unparse(argument) for argument in node.args[:3]]
        for node in ast.walk(routes)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Route"
    ]
    assert ["'POST'", "'/v1/overrides'", "_add"] in declared


def test_the_order_wakes_the_cycle_which_reads_it() -> None:
    """What is stored is active before the cycle is woken."""
    stored = text_of("Overrides._add", "loops/overrides.py")
    held, woken = stored.index("self._held[override.id] ="), stored.index("self._wake()")
    cycle = text_of("Reconciliation._run_cycle", "loops/cycle/reconciliation.py")

    assert stored.index("self._store.add_override(") < held < woken
    assert "overrides.active()" in cycle


def test_the_walk_ends_at_aws() -> None:
    """The last function makes the request."""
    sent = text_of("Route53RecordSets._send", "adapters/aws/route53.py")

    assert "self._client.change_resource_record_sets(" in sent


def test_a_name_that_is_only_mentioned_is_no_call() -> None:
    """What the checks above rest on."""
    (function,) = ast.parse("def f():\n    'g()'\n    h = g\n    k(part(x.m), n=p)").body
    assert isinstance(function, ast.FunctionDef)

    assert {name for name, _ in names_used(function)} == {"k", "part", "m", "p"}
    assert used_at(function, "Owner.m") == 4
    assert used_at(function, "g") is None
