"""Shares on the command line: `30%`.

A number without % is refused: 0.3 could mean 30 % or 0.3 %.
"""

from __future__ import annotations

import re

import click

_PERCENTAGE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,4})?)\s*%")
_NUMBER = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,6})?|\.[0-9]{1,6}")
_DIGITS = 6
"""Decimals of a share: the two of dividing by 100 and the four that can be typed."""


class Percentage(click.ParamType[float]):
    """A percentage; the command gets a fraction, `0 < fraction <= 1`."""

    name = "percentage"

    def convert(
        self, value: str | float, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        text = str(value).strip()
        match = _PERCENTAGE.fullmatch(text)
        if match is None and _NUMBER.fullmatch(text):
            self.fail(f"{value!r} is not a share: write {_suggestion(float(text))}.", param, ctx)
        percent = float(match[1]) if match else -1.0
        if percent == 0:
            self.fail("a region at 0% is out of service: `gtc drain` it instead.", param, ctx)
        if not 0 < percent <= 100:
            self.fail(
                f"{value!r} is not a share; allowed is a number above 0 up to 100 with % behind "
                "it, such as 30%.",
                param,
                ctx,
            )
        return round(percent / 100, _DIGITS)


PERCENTAGE = Percentage()


def _suggestion(number: float) -> str:
    """The percentages that the user may have meant by a number without %."""
    return f"{number * 100:g}% or {number:g}%" if number <= 1 else f"{number:g}%"
