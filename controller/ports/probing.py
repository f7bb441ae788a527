"""Asking endpoints."""

from __future__ import annotations

from typing import Protocol

from controller.model.configuration import Endpoint
from controller.model.health import ProbeResult


class Watcher(Protocol):
    """Told what becomes of the probes of one endpoint; calls must be short and never raise."""

    def answered(self, result: ProbeResult) -> None:
        """The one answer to an `ask`, never before that has returned."""
        ...

    def answered_late(self, result: ProbeResult) -> None:
        """An answer that passes came after its probe was given up, but before `most_s`."""
        ...

    def disturbed(self) -> None:
        """The connection that was kept open between probes ended; nobody was asked."""
        ...


class Target(Protocol):
    """One endpoint, ready to be asked."""

    def ask(self, least_s: float, most_s: float) -> None:
        """Begin one probe, the last one being answered; returns at once and never raises.

        It is given up after a time adapted to the endpoint's own latency, within these bounds.
        """
        ...

    def close(self) -> None:
        """Forget it, with any probe under way; nothing is told any more."""
        ...


class Prober(Protocol):
    """Asks endpoints."""

    def target(self, endpoint: Endpoint, watcher: Watcher) -> Target:
        """This endpoint, to be asked; `watcher` is told what comes of it."""
        ...
