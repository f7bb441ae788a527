"""Shares as people type them: `30%`. A number alone could be meant either way, so it is refused."""

from __future__ import annotations

import re

import click

_PERCENTAGE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,4})?)\s*%")
_NUMBER = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,6})?|\.[0-9]{1,6}")
_DIGITS = 6
"""After the point, of a share: as many as can be typed."""


class Percentage(click.ParamType[float]):
    """A part of the whole, more than nothing; the command gets a fraction."""

    name = "percentage"

    def convert(
        self, value: str | float, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        text = str(value).strip()
        match = _PERCENTAGE.fullmatch(text)
        if match is None and _NUMBER.fullmatch(text):
            self.fail(f"{value!r} is not a share: write {_meant(float(text))}.", param, ctx)
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


def _meant(number: float) -> str:
    """What somebody may have meant by a bare number."""
    return f"{number * 100:g}% or {number:g}%" if number <= 1 else f"{number:g}%"
