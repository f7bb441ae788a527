"""That `make bench-placement` can still measure every cost; at a size where it takes a second."""

from __future__ import annotations

import pytest

from tests.bench import costs


def test_every_cost_can_be_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bench does what the daemon does at its start: until then no order would be taken."""
    monkeypatch.setattr(costs, "SIZE", (4, 3))
    monkeypatch.setattr(costs, "ROUNDS", 1)
    monkeypatch.setattr(costs, "PER_REGION", 2)
    monkeypatch.setattr("structlog.configure", lambda **_: None)

    table = costs.table()

    for measure in ("decision on a reading already derived", "deriving", "GET", "POST", "preview"):
        assert measure in table
