"""The status as plain text for a pipe: a row each, aligned, never wrapped or coloured."""

from __future__ import annotations

from controller.cli.render import bar, share
from controller.cli.status_report import Report, Row
from controller.sandbox.aligned import aligned

_HEAD = (
    "SERVICE",
    "POOL",
    "REGION",
    "HEALTH",
    "PLANNED",
    "APPLIED",
    "MEASURED",
    "SHARE",
    "REASON",
)


def as_text(report: Report) -> str:
    """Header, banners, one line for each region of each pool, notes."""
    table = aligned([_HEAD, *map(_cells, report.rows)])
    return "\n".join([report.header, *report.banners, *table, *report.notes])


def _cells(row: Row) -> tuple[str, ...]:
    shares = (share(row.planned), share(row.applied), share(row.measured), bar(row.applied))
    return (row.service, row.pool, row.region, row.health, *shares, row.reason or "-")
