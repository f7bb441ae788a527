"""Values as text."""

from __future__ import annotations

import pytest

from controller.cli.screen import render


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.4, "0 s"),
        (42, "42 s"),
        (60, "1 min"),
        (303, "5 min 3 s"),
        (3600, "1 h"),
        (3605, "1 h"),
        (7140, "1 h 59 min"),
        (7199.9, "2 h"),
        (183_600, "2 d 3 h"),
    ],
)
def test_a_duration_is_shown_in_its_two_largest_units(seconds: float, text: str) -> None:
    """Days are shown without seconds."""
    assert render.duration(seconds) == text


@pytest.mark.parametrize(
    ("share", "cell", "bar"),
    [
        (None, "-", "-"),
        (0.0, "0.0%", ".........."),
        (0.004, "0.4%", "#........."),
        (1 / 3, "33.3%", "###......."),
        (1.0, "100.0%", "##########"),
    ],
)
def test_a_share_is_a_cell_and_a_bar(share: float | None, cell: str, bar: str) -> None:
    """A small share is not an empty bar; an unknown share is not zero."""
    assert render.share(share) == cell
    assert render.bar(share) == bar


def test_a_timestamp_is_utc_to_the_second() -> None:
    """In any time zone of the machine."""
    assert render.timestamp("2026-06-01T14:00:00.123Z") == "2026-06-01 14:00:00 UTC"
    assert render.timestamp("2026-06-01T14:00:00+02:00") == "2026-06-01 12:00:00 UTC"


@pytest.mark.parametrize(
    ("override", "text"),
    [
        ({"kind": "drain", "region": "eu-west-1", "share": None}, "drain eu-west-1"),
        ({"kind": "pin", "region": "eu-west-1", "share": 0.3}, "pin eu-west-1 at 30 %"),
        ({"kind": "freeze", "region": None, "share": None}, "freeze"),
    ],
)
def test_an_orders_text_has_its_kind_region_and_share(
    override: dict[str, object], text: str
) -> None:
    """In the fewest words."""
    assert render.order_text(override) == text


@pytest.mark.parametrize(
    ("texts", "text"),
    [([], ""), (["one"], "one"), (["one", "two", "three"], "one; and 2 more: gtc why 7")],
)
def test_the_first_of_several_texts_is_shown_and_the_others_are_counted(
    texts: list[str], text: str
) -> None:
    """With the command that shows them."""
    assert render.first_of(texts, "gtc why 7") == text


def test_control_characters_and_line_ends_are_removed() -> None:
    """Reasons are typed by users, errors come from other programs."""
    assert render.one_line("INC-42\nnow \x1b[31mred\t!") == "INC-42 now [31mred !"
    assert render.printable("two\nlines\x07\r") == "two\nlines  "
