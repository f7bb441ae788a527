"""What must hold at every moment; looked at twice a simulated second."""

from __future__ import annotations

from controller.composition import Controller
from controller.model.levers import Position
from tests.simulation.daemon import SimulatedDaemon
from tests.simulation.faults import Faults
from tests.simulation.journal import must
from tests.simulation.loop import SimulatedLoop
from tests.simulation.operators import Operators
from tests.simulation.regions import LONG_AGO
from tests.simulation.write_oracles import WriteOracles

_EVERY_S = 0.5
_THAWING_S = 60.0
"""After a freeze a cycle may take so long to end."""
_STARTING_S = 5.0
"""After a start, or an order, it is in effect by then."""
_STRANGERS_S = 1500.0
"""So long after a foreign or late write its pool may show drift: held, contested, put right."""


class RunningOracles:
    """Looks at the running daemon."""

    def __init__(
        self,
        loop: SimulatedLoop,
        daemon: SimulatedDaemon,
        operators: Operators,
        faults: Faults,
        writes: WriteOracles,
    ) -> None:
        self._loop = loop
        self._daemon = daemon
        self._operators = operators
        self._faults = faults
        self._writes = writes

    def look(self) -> None:
        """Now, and every half second."""
        controller = self._daemon.controller
        self._operators.expire()
        if controller is not None and not self._daemon.is_frozen:
            self._l4_cycles_end(controller)
            self._f7_orders_are_kept(controller)
            self._f9_own_writes_are_not_drift(controller)
        self._loop.later(_EVERY_S, self.look)

    def _l4_cycles_end(self, controller: Controller) -> None:
        """L4: `silent_s < allowed_s`: the watchdog would not bite, 60 s after a freeze or later."""
        heartbeat = controller.heartbeat
        must(
            self._loop.time() - self._daemon.life.thawed_at <= _THAWING_S
            or heartbeat.silent_s < heartbeat.allowed_s,
            f"L4 no cycle ended for {heartbeat.silent_s:.0f} s",
        )

    def _f7_orders_are_kept(self, controller: Controller) -> None:
        """F7: every acknowledged order is active from 5 s after it, or after a start, to its end.

        Across a restart the wall clock's date counts, and it may have jumped meanwhile.
        """
        active = {one.id for one in controller.overrides.active()}
        for override_id, order in self._operators.orders.items():
            known_since = max(order.acknowledged_at, self._daemon.life.booted_at)
            is_dated_anew = order.boot < self._daemon.boots
            if is_dated_anew and self._faults.wall_clock_at > order.acknowledged_at:
                continue
            must(
                self._loop.time() - known_since <= _STARTING_S or override_id in active,
                f"F7 order {override_id} is forgotten ({order.kind.value} {order.region})",
            )

    def _f9_own_writes_are_not_drift(self, controller: Controller) -> None:
        """F9: x is drift only if a person or a late write changed its pool within 1500 s, or the
        daemon's intent to write it was lost to a slow disk."""
        latest = controller.reconciliation.latest
        for position, text in latest.decision.drift.items() if latest else ():
            must(
                self._may_be_strangers(position),
                f"F9 an own write is taken for somebody else's: {text}",
            )

    def _may_be_strangers(self, position: Position) -> bool:
        pool = (position.service, position.pool)
        at = max(self._operators.hand_at[pool], self._writes.late_at.get(pool, LONG_AGO))
        if self._loop.time() - at <= _STRANGERS_S:
            return True
        return self._daemon.life.lost_to_a_slow_disk(self._writes.own_at.get(position, LONG_AGO))
