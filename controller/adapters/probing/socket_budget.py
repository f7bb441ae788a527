"""How many sockets probes may have open, so that the rest of the daemon has its own."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from math import inf

import structlog

from controller.adapters.probing.failure_causes import could_not_run
from controller.model.configuration import Endpoint

_log = structlog.get_logger("probing")
NO_SOCKET = could_not_run("no file descriptor left for probes in this process")


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """Limits of one prober; by default there are none."""

    most: float = inf
    """Sockets at which no probe opens another."""
    kept: float = inf
    """Sockets at which none is kept between probes. `kept <= most`."""
    exempt: Collection[str] = ()
    """Addresses of reference targets: they say whether the prober works, so they always may."""


class SocketBudget:
    """What the limits allow at present."""

    def __init__(self, limits: SocketLimits, open_sockets: Callable[[], int]) -> None:
        self.limits = limits
        self._open_sockets = open_sockets

    def may_open(self, endpoint: Endpoint) -> bool:
        """Whether a probe of this endpoint may open a socket; the log says when it may not."""
        limits, open_now = self.limits, self._open_sockets()
        if open_now < limits.most or endpoint.probe in limits.exempt:
            return True
        _log.warning("probes_without_socket", allowed=limits.most)
        return False

    def may_keep(self) -> bool:
        """Whether a socket that is open may be kept for the next probe."""
        return self._open_sockets() <= self.limits.kept
