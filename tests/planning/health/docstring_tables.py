"""The tables of worked examples in modules' docstrings."""

from __future__ import annotations

from inspect import cleandoc
from types import ModuleType


def rows_of(module: ModuleType) -> list[list[str]]:
    """The words of each indented line of a module's docstring."""
    lines = cleandoc(module.__doc__ or "").splitlines()
    return [line.split() for line in lines if line.startswith("    ")]
