"""Times in the past on the command line: RFC 3339, or how long ago (`-10m`)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click

from controller.cli.types.duration import DURATION

_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""The API takes no earlier time."""


class TimeAgo(click.ParamType[str]):
    """A time in the past; the command gets it in RFC 3339, UTC."""

    name = "time"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        now = datetime.now(UTC)
        if value.startswith("-"):
            seconds = DURATION.convert(value[1:], param, ctx)
            earliest_s = (now - _EARLIEST).total_seconds()
            return _rfc3339(now - timedelta(seconds=min(seconds, earliest_s)))
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            at = None
        if at is None or at.tzinfo is None:
            self.fail(
                f"{value!r} is no time; allowed are a time with its offset "
                "(2026-06-01T12:00:00Z, 2026-06-01T14:00:00+02:00) and how long ago (-10m, -2h).",
                param,
                ctx,
            )
        if at > now:
            self.fail(f"{value!r} lies in the future.", param, ctx)
        if at < _EARLIEST:
            self.fail(f"{value!r} is before {_EARLIEST:%Y-%m-%d}: nothing is older.", param, ctx)
        return _rfc3339(at)


def _rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


TIME_AGO = TimeAgo()
