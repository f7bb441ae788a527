"""No line is longer than 16 kB, whichever of its fields is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from controller.adapters.log_size import MAX_LINE_BYTES, cut_to_size

MANY = [f"shop/pool-{n}/eu-west-1 weight 1 → weight 2" for n in range(9_000)]


def line(**fields: Any) -> dict[str, Any]:
    """An event as it is written."""
    event = cut_to_size(None, "info", {"event": "decision", "decision_id": 42, **fields})
    assert len(json.dumps(event)) <= MAX_LINE_BYTES
    return dict(event)


@pytest.mark.parametrize(
    "fields",
    [
        {"changes": MANY},
        {"changes": MANY, "withheld": MANY, "holds": ["panic"]},
        {"exception": "é" * 100_000},
        {"exception": "\x00" * 100_000, "error": "y" * 50_000},
        {"why": {"nested": ["z" * 90_000]}},
        {"changes": ["→" * 40_000]},
        {f"field_{n}": "x" * 5_000 for n in range(20)},
    ],
    ids=lambda fields: ",".join(fields)[:30],
)
def test_a_long_line_is_cut_and_says_where_the_whole_is(fields: dict[str, Any]) -> None:
    """Lists, texts and anything else; what JSON escapes counts as it is written."""
    cut = line(**fields)
    assert "gtc why 42" in cut["cut"]
    assert cut["event"] == "decision"
    assert any(name in cut["cut"] for name in fields)


def test_a_cut_list_says_how_much_is_missing() -> None:
    """Its beginning stays."""
    changes = line(changes=MANY)["changes"]
    assert changes[:-1] == MANY[: len(changes) - 1]
    assert changes[-1] == f"… {len(MANY) - len(changes) + 1} more"


def test_a_line_that_fits_is_not_changed() -> None:
    """The same object, without another field."""
    event = {"event": "write", "changes": MANY[:100]}
    assert cut_to_size(None, "info", event) is event
