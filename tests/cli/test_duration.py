"""Durations on the command line."""

from __future__ import annotations

import click
import pytest

from controller.cli.types.duration import DURATION


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("30m", 1800), ("2h", 7200), ("1d", 86_400), ("45", 45), ("1.5h", 5400)],
)
def test_a_duration_is_a_number_with_a_unit(text: str, seconds: float) -> None:
    """Plain numbers are seconds."""
    assert DURATION.convert(text, None, None) == seconds
    assert DURATION.convert(f" {text} ", None, None) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "2 weeks", "h", "-5m", "0", "0s", "1h30m", "2H", "1e3", "nan", "inf", "٣h", "9" * 400],
)
def test_anything_else_is_refused_with_what_is_allowed(text: str) -> None:
    """The message names the value and every valid form."""
    with pytest.raises(click.BadParameter) as raised:
        DURATION.convert(text, None, None)
    assert raised.value.message == (
        f"{text!r} is not a duration; allowed is a number above 0 with s, m, h or d "
        "behind it (90s, 30m, 2h, 1d), or plain seconds."
    )
