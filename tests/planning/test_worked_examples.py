"""The worked examples in docstrings of `controller.planning` are computed."""

from __future__ import annotations

import doctest
from importlib import import_module

import pytest

MODULES = [
    "drift",
    "levers.part_weights",
    "levers.weights",
    "placement.believed",
    "placement.dials",
    "placement.max_flow",
    "placement.min_cost_flow",
    "placement.overload",
    "placement.transportation",
    "ramp.steps",
    "residency.tree_walk",
]


@pytest.mark.parametrize("name", MODULES)
def test_a_worked_example_has_the_result_that_its_docstring_shows(name: str) -> None:
    """Each of these modules has at least one."""
    result = doctest.testmod(import_module(f"controller.planning.{name}"))

    assert result.attempted > 0
    assert result.failed == 0
