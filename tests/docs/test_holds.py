"""ARCHITECTURE.md explains every hold: what it holds, and until when."""

from __future__ import annotations

import re
from pathlib import Path

from controller.model.decision import Hold

ARCHITECTURE = Path(__file__).parents[2] / "ARCHITECTURE.md"


def test_the_table_has_exactly_the_holds_of_the_model() -> None:
    """A row may name several."""
    table = ARCHITECTURE.read_text().partition("| Hold | Holds | Until |")[2].partition("\n\n")[0]
    first_cells = [line.split("|")[1] for line in table.splitlines()[2:]]
    named = [name for cell in first_cells for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(named) == sorted(hold.value for hold in Hold)
