"""Measures by peer: what each round found, as a table for people and as JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from controller.planning.account.columns import aligned


@dataclass
class Row:
    """One measure against one peer; lower is better."""

    measure: str
    peer: str
    unit: str
    at_least: float | None = None
    """The ratio that issue 5 asks for at least; for rows without a peer the figure itself."""
    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)
    reason: str = ""
    """Why there are no figures, or fewer."""

    @property
    def ratio(self) -> float | None:
        """Ours by theirs."""
        if not self.ours or not self.theirs or not median(self.theirs):
            return None
        return median(self.ours) / median(self.theirs)

    @property
    def reached(self) -> str:
        """Whether what was asked for is reached."""
        figure = self.ratio if self.peer else median(self.ours) if self.ours else None
        if self.at_least is None or figure is None:
            return ""
        return "yes" if figure <= self.at_least else "NO"


HEAD = ("measure", "peer", "unit", "ours (min..max)", "theirs (min..max)", "ratio", "asked", "")


def table(rows: list[Row]) -> str:
    """For people."""
    lines = [list(HEAD)]
    for row in rows:
        lines.append(
            [
                row.measure,
                row.peer,
                row.unit,
                _spread(row.ours),
                _spread(row.theirs),
                "" if row.ratio is None else f"{row.ratio:.2f}",
                "" if row.at_least is None else f"≤ {row.at_least:g}",
                row.reason or row.reached,
            ]
        )
    return "\n".join(aligned(lines))


def _spread(found: list[float]) -> str:
    if not found:
        return "-"
    if len(found) == 1:
        return f"{found[0]:.3g}"
    return f"{median(found):.3g} ({min(found):.3g}..{max(found):.3g})"


def write_json(rows: list[Row], path: Path) -> None:
    """For programs: medians."""
    found = [
        {
            "measure": f"{row.measure}, {row.unit}",
            "peer": row.peer,
            "ours": median(row.ours) if row.ours else None,
            "theirs": median(row.theirs) if row.theirs else None,
            "ratio": row.ratio,
            "reason": row.reason,
        }
        for row in rows
    ]
    path.write_text(json.dumps(found, indent=2) + "\n")
