"""How many sockets probes may have open, so that the rest of the daemon has its own.

A probe for which there is none waits its turn, the longest waiting first, as long as it may take.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from math import inf

import structlog

from controller.adapters.probing.failure_causes import could_not_run
from controller.adapters.probing.reactor import Reactor
from controller.model.configuration import Endpoint
from controller.model.health import NotRunCause

_log = structlog.get_logger("probing")
NO_SOCKET = could_not_run(
    "no file descriptor left for probes in this process", NotRunCause.DESCRIPTORS
)
_LOOK_S = 0.01
"""How often it is looked for a free socket while probes wait."""
OnTurn = Callable[[bool], None]
"""Called once, with whether there is a socket."""


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
    """What the limits allow at present, and the probes that wait."""

    def __init__(self, limits: SocketLimits, reactor: Reactor) -> None:
        self.limits = limits
        self._reactor = reactor
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[tuple[float, OnTurn]] = deque()
        """Until when each probe waits, and whom to call."""
        self._timer: asyncio.TimerHandle | None = None

    def may_open(self, endpoint: Endpoint) -> bool:
        """Whether a probe of this endpoint may open a socket now."""
        limits = self.limits
        return self._reactor.open_sockets < limits.most or endpoint.probe in limits.exempt

    def may_keep(self) -> bool:
        """Whether a socket that is open may be kept for the next probe."""
        return self._reactor.open_sockets <= self.limits.kept

    def wait(self, within_s: float, on_turn: OnTurn) -> None:
        """Have a probe wait for a socket, at most so long; the log says that probes wait."""
        _log.warning("probes_wait_for_sockets", allowed=self.limits.most)
        self._waiting.append((self._reactor.time() + within_s, on_turn))
        if self._timer is None:
            self._timer = self._loop.call_later(_LOOK_S, self._look)

    def close(self) -> None:
        """Forget those that wait."""
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        """Call those whose turn it is, and those who have waited too long."""
        now = self._reactor.time()
        for _ in range(len(self._waiting)):
            until, on_turn = self._waiting.popleft()
            if self._reactor.open_sockets < self.limits.most:
                on_turn(True)
            elif now >= until:
                on_turn(False)
            else:
                self._waiting.append((until, on_turn))
        self._timer = self._loop.call_later(_LOOK_S, self._look) if self._waiting else None
