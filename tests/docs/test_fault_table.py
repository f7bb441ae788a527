"""The tables in tests/README.md name every fault, and only tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from controller.sandbox.emulator.faults.kinds import KINDS

TESTS = Path(__file__).parents[1]
_HEADS = ("What happens", "Fault", "---")


def rows_of(text: str) -> list[list[str]]:
    """The table rows of three cells in a part of the page."""
    found = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| ")]
    rows = [[cell.strip() for cell in row] for row in found]
    return [row for row in rows if len(row) == 3 and row[0] not in _HEADS]


PAGE = (TESTS / "README.md").read_text("utf-8")
DECISIONS = rows_of(PAGE.partition("## Decisions")[2].partition("## ")[0])
FAULTS = rows_of(PAGE.partition("## Faults")[2])


def test_every_fault_is_in_the_table() -> None:
    """By its name in the sandbox."""
    named = {name for row in FAULTS for name in re.findall("`([a-z0-9-]+)`", row[0])}
    assert sorted(KINDS.keys() - named) == []


@pytest.mark.parametrize("row", [*DECISIONS, *FAULTS], ids=lambda row: row[0][:40])
def test_every_row_names_tests_that_exist(row: list[str]) -> None:
    """A file, a storyboard, or the beginning of a test's name in the file named before it."""
    file = TESTS
    named = re.findall("`([^`]+)`", row[2])
    assert named
    for name in named:
        path, _, beginning = name.partition("::")
        if path.startswith("test_"):
            path, beginning = "", path
        if path:
            folder = file.parent if path.endswith(".txt") and "/" not in path else TESTS
            found = sorted(folder.glob(path))
            assert found, f"{name} does not exist"
            file = found[0]
        if beginning:
            assert f"def {beginning.rstrip('…')}" in file.read_text(encoding="utf-8"), name
