"""The matrix of addresses, routes and failures: `tests/README.md` has it as it was accepted."""

from __future__ import annotations

from itertools import takewhile
from pathlib import Path

import pytest

from tests.loops.address_matrix import HEAD, table

pytestmark = pytest.mark.looptime
README = Path(__file__).parents[1] / "README.md"


async def test_the_matrix_is_as_the_readme_has_it(request: pytest.FixtureRequest) -> None:
    """Verdict, time and words of every case; `--rewrite` accepts others, and their diff is read."""
    text = README.read_text(encoding="utf-8")
    lines = text[text.index(HEAD) :].splitlines()
    accepted = "\n".join(takewhile(lambda line: line.startswith("|"), lines))
    found = await table()
    if request.config.getoption("--rewrite"):
        README.write_text(text.replace(accepted, found), encoding="utf-8")
    else:
        assert accepted == found
