"""Durations on the command line: `90s`, `30m`, `2h`, `1d`, or a number of seconds."""

from __future__ import annotations

import re

import click

_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*([smhd]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}


class Duration(click.ParamType[float]):
    """A duration; the command gets seconds, `seconds > 0`."""

    name = "duration"

    def convert(
        self, value: str | float, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        match = _DURATION.fullmatch(str(value).strip())
        seconds = float(match[1]) * _SECONDS[match[2]] if match else 0.0
        if seconds <= 0:
            self.fail(
                f"{value!r} is not a duration; allowed is a number above 0 with s, m, h or d "
                "behind it (90s, 30m, 2h, 1d), or plain seconds.",
                param,
                ctx,
            )
        return seconds


DURATION = Duration()
