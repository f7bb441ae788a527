"""Shares on the command line."""

from __future__ import annotations

import click
import pytest

from controller.cli.types.percentage import PERCENTAGE


def refusal(text: str) -> str:
    """The message that refuses a text."""
    with pytest.raises(click.BadParameter) as raised:
        PERCENTAGE.convert(text, None, None)
    return raised.value.message


@pytest.mark.parametrize(
    ("text", "share"),
    [
        *(("30%", 0.3), ("30 %", 0.3), (" 30% ", 0.3), ("33.3%", 0.333)),
        *(("0.5%", 0.005), ("0.0001%", 0.000001), ("100%", 1.0), ("7%", 0.07)),
    ],
)
def test_a_share_is_a_number_with_a_per_cent_sign(text: str, share: float) -> None:
    """The daemon gets a fraction without rounding errors of the division."""
    assert PERCENTAGE.convert(text, None, None) == share


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        *(("30", "30%"), ("100", "100%"), ("2.5", "2.5%")),
        *(("0.3", "30% or 0.3%"), (".5", "50% or 0.5%"), ("1", "100% or 1%")),
    ],
)
def test_a_number_without_a_percent_sign_is_refused_with_what_to_write(
    text: str, meant: str
) -> None:
    """A wrong guess could be wrong by a factor of 100."""
    assert refusal(text) == f"{text!r} is not a share: write {meant}."


@pytest.mark.parametrize("text", ["0%", "0.0 %"])
def test_zero_percent_is_a_drain(text: str) -> None:
    """A drain has other guards."""
    assert refusal(text) == "a region at 0% is out of service: `gtc drain` it instead."


@pytest.mark.parametrize(
    "text", ["", "%", "100.1%", "400%", "-5%", "a third", "30%%", "1e1%", "nan%", "٣%", "9" * 400]
)
def test_anything_else_is_refused_with_what_is_allowed(text: str) -> None:
    """The message names the value and the valid form."""
    assert refusal(text) == (
        f"{text!r} is not a share; allowed is a number above 0 up to 100 with % behind it, "
        "such as 30%."
    )
