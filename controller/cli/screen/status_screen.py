"""The status on a terminal: one table; each health has a shape, a word and a colour.

Below 100 columns there is no bar, below 80 the reasons are under the table, below 60 OBSERVED is
the only share. From 120 columns on ANSWERED is shown, if DNS answers are sampled.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from controller.cli.screen.render import bar, share
from controller.cli.screen.status_report import StatusReport, StatusRow

_MARKS = {
    "up": ("●", "green"),
    "suspect": ("▲", "yellow"),
    "degraded": ("▲", "yellow"),
    "unknown": ("▲", "yellow"),
    "down": ("✖", "red"),
}
_ANSWERED_WIDTH = 120
_FULL_WIDTH = 100
_REASON_WIDTH = 80
_SHARES_WIDTH = 60


def show(report: StatusReport, console: Console) -> None:
    """Print the report once."""
    console.print(draw(report, console.width))


def show_live(reports: Iterable[StatusReport | str], console: Console) -> None:
    """Redraw in place for every report; a text is the error instead of a report."""
    with Live(console=console, auto_refresh=False) as live:
        for report in reports:
            if isinstance(report, str):
                live.update(Text(report, "bold red"), refresh=True)
            else:
                live.update(draw(report, console.width), refresh=True)


def draw(report: StatusReport, width: int) -> RenderableType:
    """The whole report, fitted to `width` columns."""
    notes = [*_reasons_below(report, width), *report.notes]
    return Group(
        Text(report.header, "dim"),
        *(Text(f" {banner} ", "bold reverse yellow") for banner in report.banners),
        _table(report, width),
        *map(Text, notes),
    )


def _table(report: StatusReport, width: int) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("REGION", no_wrap=True)
    table.add_column("HEALTH", no_wrap=True)
    shares = _shares_shown(report, width)
    for name in shares:
        table.add_column(name, no_wrap=True, justify="right")
    if width >= _FULL_WIDTH:
        table.add_column("SHARE", no_wrap=True)
    if width >= _REASON_WIDTH:
        table.add_column("REASON", overflow="fold")
    for (service, pool, residency), rows in groupby(report.rows, _group):
        bound = f" ({residency})" if residency else ""
        table.add_row(Text(f"{service}/{pool}{bound}", "bold"))
        for row in rows:
            table.add_row(*_cells(row, shares, width))
    return table


def _shares_shown(report: StatusReport, width: int) -> tuple[str, ...]:
    if width < _SHARES_WIDTH:
        return ("OBSERVED",)
    if width < _ANSWERED_WIDTH or all(row.answered is None for row in report.rows):
        return ("DESIRED", "OBSERVED", "MEASURED")
    return ("DESIRED", "OBSERVED", "ANSWERED", "MEASURED")


def _group(row: StatusRow) -> tuple[str, str, str | None]:
    return row.service, row.pool, row.residency


def _cells(row: StatusRow, shares: Iterable[str], width: int) -> Iterator[Text]:
    shape, colour = _MARKS[row.health]
    yield Text(f"  {row.region}")
    yield Text(f"{shape} {row.health}", colour)
    values = {
        "DESIRED": row.desired,
        "OBSERVED": row.observed,
        "ANSWERED": row.answered,
        "MEASURED": row.measured,
    }
    for name in shares:
        yield Text(share(values[name]))
    if width >= _FULL_WIDTH:
        yield Text(bar(row.observed), colour)
    if width >= _REASON_WIDTH:
        yield Text(row.reason)


def _reasons_below(report: StatusReport, width: int) -> list[str]:
    if width >= _REASON_WIDTH:
        return []
    return [
        f"{row.service}/{row.pool} {row.region}: {row.reason}" for row in report.rows if row.reason
    ]
