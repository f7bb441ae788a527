"""The status as plain text for a pipe: aligned rows, never wrapped.

Rows of regions that are not up are coloured if `FORCE_COLOR` is set.
"""

from __future__ import annotations

from controller.cli.screen.render import bar, share
from controller.cli.screen.status_report import StatusReport, StatusRow
from controller.cli.screen.terminal import paint
from controller.planning.account.columns import aligned

_HEAD = (
    "SERVICE",
    "POOL",
    "REGION",
    "HEALTH",
    "DESIRED",
    "OBSERVED",
    "ANSWERED",
    "MEASURED",
    "SHARE",
    "REASON",
)
_COLOURS = {"down": "red", "unknown": "yellow", "suspect": "yellow", "degraded": "yellow"}


def as_text(report: StatusReport) -> str:
    """Header, banners, one line for each region of each pool, notes."""
    head, *lines = aligned([_HEAD, *map(_cells, report.rows)])
    table = [_coloured(line, row) for line, row in zip(lines, report.rows, strict=True)]
    return "\n".join([report.header, *report.banners, head, *table, *report.notes])


def _coloured(line: str, row: StatusRow) -> str:
    colour = _COLOURS.get(row.health)
    return paint(line, colour) if colour else line


def _cells(row: StatusRow) -> tuple[str, ...]:
    shares = map(share, (row.desired, row.observed, row.answered, row.measured))
    region = (row.service, row.pool, row.region, row.health)
    return (*region, *shares, bar(row.observed), row.reason or "-")
