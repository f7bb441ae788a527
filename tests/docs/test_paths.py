"""Every file and folder that the documentation names exists."""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOP = ("controller", "tests", "config", "deploy", ".ci")
PATH = re.compile(r"`((?:[\w.<>*-]+/)+(?:[\w.*-]+\.(?:py|md|txt|ya?ml|json))?)`")
"""A path in backticks that has a folder; `<name>` and `*` stand for anything."""


def named(page: str) -> list[str]:
    """The paths that a page names in backticks."""
    text = (ROOT / page).read_text()
    return sorted({found[1] for found in PATH.finditer(text)})


def existing() -> list[str]:
    """Every file, and every folder with a slash at its end, from the root."""
    found = [path for top in TOP for path in (ROOT / top).rglob("*")]
    return [f"/{path.relative_to(ROOT)}{'/' * path.is_dir()}" for path in found]


@pytest.mark.parametrize("page", ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_every_path_exists(page: str) -> None:
    """Whole, or from any folder on: `api/routes/` is `controller/api/routes/`."""
    there = [*existing(), *(f"/{top}/" for top in TOP)]
    found = named(page)
    assert found
    assert [path for path in found if not fnmatch.filter(there, _anywhere(path))] == []


def _anywhere(path: str) -> str:
    return "*/" + re.sub(r"<[^>]*>", "*", path)
