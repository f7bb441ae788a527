"""The status on a terminal, drawn for several widths."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from controller.cli.screen.status_report import StatusReport, StatusRow
from controller.cli.screen.status_screen import draw, show, show_live

UP = StatusRow("shop", "europe", "EU", "eu-central-1", "up", 1.0, 1.0, 0.97, "")
DOWN = StatusRow("shop", "europe", "EU", "eu-west-1", "down", 0.0, 0.0, None, "[red] probes failed")
SUSPECT = StatusRow("api", "world", None, "us-east-1", "suspect", 1.0, 1.0, 1.0, "")
REPORT = StatusReport(
    "gtc 0.1.0", ("FROZEN: nothing is changed",), (DOWN, UP, SUSPECT), ("hold: x",)
)


def console(width: int) -> Console:
    """A terminal without colours."""
    return Console(file=StringIO(), width=width, force_terminal=True, color_system=None)


def drawn(width: int, report: StatusReport = REPORT) -> list[str]:
    """The lines of a screen."""
    screen = console(width)
    show(report, screen)
    assert isinstance(screen.file, StringIO)
    return [line.rstrip() for line in screen.file.getvalue().splitlines()]


def test_a_wide_screen_has_everything_in_one_table() -> None:
    """Pools are groups; texts are not parsed as markup."""
    assert drawn(110) == [
        "gtc 0.1.0",
        " FROZEN: nothing is changed",
        "REGION            HEALTH     DESIRED  OBSERVED  MEASURED  SHARE       REASON",
        "shop/europe (EU)",
        "  eu-west-1       ✖ down        0.0%      0.0%         -  ..........  [red] probes failed",
        "  eu-central-1    ● up        100.0%    100.0%     97.0%  ##########",
        "api/world",
        "  us-east-1       ▲ suspect   100.0%    100.0%    100.0%  ##########",
        "hold: x",
    ]


def test_answered_is_shown_on_a_wide_screen_if_it_is_sampled() -> None:
    """Between OBSERVED and MEASURED."""
    sampled = replace(UP, answered=0.42)
    report = replace(REPORT, rows=(DOWN, sampled, SUSPECT))

    head, *_ = [line for line in drawn(120, report) if line.startswith("REGION")]
    row = next(line for line in drawn(120, report) if "eu-central-1" in line)
    assert head.split() == (
        ["REGION", "HEALTH", "DESIRED", "OBSERVED", "ANSWERED", "MEASURED", "SHARE", "REASON"]
    )
    assert row.split()[3:7] == ["100.0%", "100.0%", "42.0%", "97.0%"]
    assert not any("ANSWERED" in line for line in drawn(119, report))
    assert not any("ANSWERED" in line for line in drawn(120))


def test_below_100_columns_the_bar_is_left_out() -> None:
    """The reason needs the space."""
    head = drawn(90)[2]
    assert "SHARE" not in head
    assert "REASON" in head


@pytest.mark.parametrize("width", [60, 72])
def test_below_80_columns_reasons_are_under_the_table(width: int) -> None:
    """Numbers are not cut, reasons not folded."""
    lines = drawn(width)
    assert lines[2] == "REGION            HEALTH     DESIRED  OBSERVED  MEASURED"
    assert lines[4] == "  eu-west-1       ✖ down        0.0%      0.0%         -"
    assert "shop/europe eu-west-1: [red] probes failed" in lines
    assert max(map(len, lines)) <= width


def test_a_long_reason_is_folded_into_its_column() -> None:
    """Nothing is cut off."""
    long = StatusRow("shop", "europe", None, "eu-west-1", "down", 0.0, 0.0, 0.0, "word " * 40)
    lines = drawn(100, StatusReport("head", (), (long,), ()))
    assert sum(line.count("word") for line in lines) == 40
    assert max(map(len, lines)) <= 100


def test_the_live_screen_shows_every_report_and_every_error() -> None:
    """An error is shown in place of a report."""
    screen = console(100)
    show_live([REPORT, "no daemon answers"], screen)
    assert isinstance(screen.file, StringIO)
    text = screen.file.getvalue()
    assert "eu-west-1" in text
    assert text.index("no daemon answers") > text.index("eu-west-1")


def test_a_report_without_services_can_be_drawn() -> None:
    """An empty table is not an error."""
    screen = console(80)
    screen.print(draw(StatusReport("head", (), (), ()), 80))
    assert isinstance(screen.file, StringIO)
    assert screen.file.getvalue().startswith("head")
