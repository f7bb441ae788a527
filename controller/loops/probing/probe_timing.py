"""Probe timing: interval, bounds of the timeout, gaps between confirmations of a failure."""

from __future__ import annotations

from typing import NamedTuple

from controller.model.configuration import Endpoint, Settings


class ProbeTiming(NamedTuple):
    """The times of one endpoint's or reference target's probes.

    `0 < min_timeout_s <= max_timeout_s`.
    """

    interval_s: float
    min_timeout_s: float
    """The shortest that a probe's timeout may become: the setting `deadline_least_s`."""
    max_timeout_s: float
    """The longest that a probe's timeout may become: the setting `deadline_s`."""
    gaps_s: tuple[float, ...]
    """From the end of each probe that failed to the next confirmation; the last one repeats."""


class ProbeTimings:
    """The timings that settings ask for; endpoints with equal timings share one value."""

    def __init__(self, settings: Settings) -> None:
        self._probing = settings.probing
        self._made: dict[ProbeTiming, ProbeTiming] = {}

    def of(self, endpoint: Endpoint) -> ProbeTiming:
        """The timing of one endpoint: its own values, or those of the section `probing`."""
        probing = self._probing
        max_timeout_s = endpoint.deadline_s or probing.deadline_s
        timing = ProbeTiming(
            endpoint.interval_s or probing.interval_s,
            min(probing.deadline_least_s, max_timeout_s),
            max_timeout_s,
            probing.confirm_gaps_s,
        )
        return self._made.setdefault(timing, timing)
