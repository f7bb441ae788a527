"""Observed differs from what we last applied, though we changed nothing: somebody else did."""

from __future__ import annotations

from collections.abc import Mapping

from controller.model.decision import Snapshot
from controller.model.levers import Position, Setting


def find_drift(snapshot: Snapshot) -> dict[Position, str]:
    """Position to what was expected and what was seen."""
    found: dict[Position, str] = {}
    for observed in snapshot.observed.values():
        for position, setting in observed.settings.items():
            expected = snapshot.expected.get(position)
            if position in observed.unequal:
                found[position] = f"{position}: its A and AAAA records (or endpoints) are unequal"
            elif expected and setting not in expected:
                found[position] = f"{position}: {show(expected[-1])} expected, {show(setting)} seen"
    return found


def remember(
    since: Mapping[Position, float], drift: Mapping[Position, str], now: float
) -> dict[Position, float]:
    """When each present drift was first seen."""
    return {position: since.get(position, now) for position in drift}


def show(setting: Setting) -> str:
    """A setting in the lever's units."""
    if setting.dial is None:
        return f"weight {setting.weight}"
    return f"dial {setting.dial:g} weight {setting.weight}"
