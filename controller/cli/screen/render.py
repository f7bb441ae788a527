"""Values as text. Texts of users and of AWS may hold control characters and line ends:
`printable` and `one_line` remove them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from controller.planning.shares import percent

BAR_WIDTH = 10
_UNITS = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))


def share(value: float | None) -> str:
    """A share as a cell: `33.3%`, or `-` for None. Without a space, for cut and awk."""
    return "-" if value is None else f"{value:.1%}"


def bar(value: float | None) -> str:
    """A share as a bar of ten characters; any share above 0 fills at least one."""
    if value is None:
        return "-"
    filled = max(round(value * BAR_WIDTH), int(value > 0))
    return "#" * filled + "." * (BAR_WIDTH - filled)


def duration(seconds: float) -> str:
    """A duration in its two largest units: `1 h 59 min`, `42 s`."""
    remaining = round(seconds)
    parts = []
    for unit, size in _UNITS:
        count, remaining = divmod(remaining, size)
        parts.append((count, unit))
    first = next((i for i, (count, _) in enumerate(parts) if count), len(parts) - 1)
    units_shown = [part for part in parts[first : first + 2] if part[0] or part is parts[first]]
    return " ".join(f"{count} {unit}" for count, unit in units_shown)


def timestamp(iso: str) -> str:
    """An ISO 8601 time, to the second: `2026-11-23 06:12:41 UTC`."""
    return datetime.fromisoformat(iso).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def one_line(text: str) -> str:
    """The text in one line, without control characters."""
    return " ".join(printable(text).split())


def printable(text: str) -> str:
    """The text without control characters other than line ends."""
    return "".join(char if char.isprintable() or char == "\n" else " " for char in text)


def first_of(texts: Sequence[str], command: str) -> str:
    """The first text, and `; and 2 more: COMMAND` if there are more; empty without texts."""
    rest_text = f"; and {len(texts) - 1} more: {command}" if len(texts) > 1 else ""
    return texts[0] + rest_text if texts else ""


def order_text(override: Mapping[str, Any]) -> str:
    """What an override orders: `drain eu-west-1`, `pin eu-west-1 at 30 %`, `freeze`."""
    return " ".join(filter(None, (override["kind"], override["region"], at_share(override))))


def at_share(override: Mapping[str, Any]) -> str:
    """A pin's share, `at 30 %`; empty for every other order."""
    share = override.get("share")
    return "" if share is None else f"at {percent(share)}"


def void_suffix(override: Mapping[str, Any]) -> str:
    """`; void: no region eu-west-1 is configured`; empty for an order that has an effect."""
    reason = override.get("void")
    return f"; void: {reason}" if reason else ""


def moves_text(moves: Iterable[tuple[str, float, float]]) -> str:
    """Regions with their shares before and after: `eu-west-1 50 % → 0 %, us-east-1 0 % → 50 %`."""
    return ", ".join(
        f"{region} {percent(before)} → {percent(after)}" for region, before, after in moves
    )
