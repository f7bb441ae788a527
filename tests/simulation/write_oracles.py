"""What must hold of every write that reaches AWS.

`before` and `after` are how the levers stand around a write, `sent_on` is how they stood when it
was sent; x_h is half h (A or AAAA record, dial or endpoint weight) of position x.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from controller.model.configuration import Settings
from controller.model.levers import Position
from tests.simulation.aws import Arrival, SimulatedAws
from tests.simulation.daemon import SimulatedDaemon
from tests.simulation.journal import Journal, KnownFault, Violation, must
from tests.simulation.levers import Levers, Pair, PoolKey, Standing, Structure, is_open
from tests.simulation.loop import SimulatedLoop
from tests.simulation.operators import AFTERMATH_S, Operators
from tests.simulation.regions import LONG_AGO, Condition, Regions

_BELIEVED_S = 60.0
"""So long after a failed probe a region may still be drained for it."""
_ALL_AT_ONCE_S = 15.0
"""Regions that failed together longer ago may be drained: Route 53's own checks agree by then."""
_UNSEEN_S = 15.0
"""By then a late write was seen: the oldest reading that is acted on, and a cycle."""
_UNWELL_S = 90.0
"""So long after a failed probe of another region steps may give way to room."""

_ROUNDING = 0.02
"""Weights are whole numbers."""


@dataclass(frozen=True, slots=True)
class Move:
    """A position that a write changed."""

    pool: PoolKey
    region: str
    was: Pair
    became: Pair

    @property
    def position(self) -> Position:
        """Where it is."""
        return Position(*self.pool, self.region)

    @property
    def is_drain(self) -> bool:
        """Whether it let users in, and does no more."""
        return is_open(self.was) and not is_open(self.became)

    def __str__(self) -> str:
        return f"{'/'.join(self.pool)}/{self.region}:{self.was}->{self.became}"


class WriteOracles:
    """Told of each write as it arrives."""

    def __init__(
        self,
        loop: SimulatedLoop,
        settings: Settings,
        regions: Regions,
        journal: Journal,
    ) -> None:
        self._loop = loop
        self._settings = settings
        self._regions = regions
        self._journal = journal
        self._aws: SimulatedAws
        self._daemon: SimulatedDaemon
        self._operators: Operators
        self._structure: Structure
        self.late_at: dict[PoolKey, float] = {}
        """Pool to when a late write last changed it."""
        self.own_at: dict[Position, float] = {}
        """Position to when a write that was not late last changed it."""
        self.excuses = True
        """Whether known faults are excused."""
        self.drained_after_s: list[float] = []
        """For each drain of a region that fails, how long it had failed."""

    def begin(self, aws: SimulatedAws, daemon: SimulatedDaemon, operators: Operators) -> None:
        """From now on all writes are the daemon's."""
        self._aws, self._daemon, self._operators = aws, daemon, operators
        self._structure = aws.levers.structure()

    def arrived(self, arrival: Arrival) -> None:
        """Check one write. Raises Violation."""
        call = arrival.call
        self._journal.counts["writes late" if call.is_late else "writes"] += 1
        if arrival.error is not None:
            self._journal.counts["writes refused"] += 1
            return
        moves = tuple(_moves(arrival))
        if call.is_late:
            self.late_at.update({move.pool: self._loop.time() for move in moves})
        else:
            self.own_at.update({move.position: self._loop.time() for move in moves})
        self._check_any(arrival, moves)
        if not call.is_late:  # a late one was right when it was sent
            self._check_timely(arrival, moves)

    def _check_any(self, arrival: Arrival, moves: tuple[Move, ...]) -> None:
        late = "late" if arrival.call.is_late else ""
        if arrival.call.operation == "ChangeResourceRecordSets":
            self._f1_rests_on_what_was_read(arrival, moves)
            self._f8_only_weights(self._aws.levers)
        self._journal.note("APPLIED", arrival.call.operation, late, *sorted(map(str, moves)))
        self._f2_a_region_is_open(arrival)

    def _check_timely(self, arrival: Arrival, moves: tuple[Move, ...]) -> None:
        for move in moves:
            if move.is_drain:
                self._f4_only_what_fails(arrival, move, moves)
                self._f11_not_all_at_once(move)
                self._measure(move)
        self._f7_not_in_a_freeze()
        self._f5_back_by_steps(arrival, moves)

    def _f1_rests_on_what_was_read(self, arrival: Arrival, moves: tuple[Move, ...]) -> None:
        """F1: `before.x_h == sent_on.x_h` for every record x_h that a Route 53 write changes."""
        for move in moves:
            basis = arrival.call.sent_on[move.pool][move.region]
            for half, (was, became) in enumerate(zip(move.was, move.became, strict=True)):
                must(
                    was == became or basis[half] == was,
                    f"F1 {move} overwrote half {half}: it was {was}, not {basis[half]}",
                )

    def _f2_a_region_is_open(self, arrival: Arrival) -> None:
        """F2: in every pool there is a region r with `after.r_0 > 0 and after.r_1 > 0`."""
        for pool, pairs in arrival.after.items():
            if any(map(is_open, pairs.values())):
                continue
            text = f"F2 nobody is open in {pool}: {dict(pairs)}"
            late_at = self.late_at.get(pool, LONG_AGO)
            if not (self.excuses and self._loop.time() - late_at < _UNSEEN_S):
                raise Violation(text)
            self._journal.excuse(KnownFault.LATE_DRAIN, text)

    def _f4_only_what_fails(self, arrival: Arrival, move: Move, moves: tuple[Move, ...]) -> None:
        """F4: region r is closed only if one of its probes failed within the last 60 s (and the
        prober is not to blame), an operator ordered something for r or edited the pool manually, or
        the service's other pools need its room: others fail, and r stays open in one of them."""
        since = self._regions.since(move.region)
        if self._regions.failed_within(_BELIEVED_S, move.region) or self._may_follow_a_person(move):
            return
        if self._lacks_room(move, moves) and _is_open_elsewhere(arrival.after, move):
            return
        raise Violation(f"F4 {move} closed a region that is well since {since:.0f}")

    def _f11_not_all_at_once(self, move: Move) -> None:
        """F11: while all regions of a service fail alike since the same time t, and no order is
        active, no region is closed before `t + 15 s`."""
        regions = self._settings.services[move.pool[0]].regions
        states = {(self._regions.condition(one), self._regions.since(one)) for one in regions}
        (condition, since), *others = states
        failed_together = not others and condition is not Condition.WELL
        must(
            not failed_together
            or self._loop.time() - since > _ALL_AT_ONCE_S
            or self._operators.any_order(),
            f"F11 {move}, although all failed at once",
        )

    def _f7_not_in_a_freeze(self) -> None:
        """F7: nothing is changed while a freeze is in effect."""
        must(not self._operators.is_frozen(), "F7 a write during a freeze")

    def _f5_back_by_steps(self, arrival: Arrival, moves: tuple[Move, ...]) -> None:
        """F5: a closed region r comes back by at most one step:
        `after.share(r) - before.share(r) <= step_points / 100`, unless the service's other regions
        may lack room (one is closed by the same write, or failed within 90 s), a person ordered
        anything, or an operator or a late write changed the pool without the daemon."""
        limit = self._settings.ramp.step_points / 100 + _ROUNDING
        for move in moves:
            if is_open(move.was) or self._operators.any_order() or self._is_disturbed(move):
                continue
            rise = self._share(arrival.after, move) - self._share(arrival.before, move)
            text = f"F5 {move} came back by {rise:.0%} at once"
            must(rise <= limit or self._lacks_room(move, moves), text)

    def _lacks_room(self, move: Move, moves: tuple[Move, ...]) -> bool:
        service = move.pool[0]
        others = self._settings.services[service].regions.keys() - {move.region}
        makes_way = any(one.is_drain for one in moves if one.pool[0] == service)
        return makes_way or any(self._regions.failed_within(_UNWELL_S, one) for one in others)

    def _f8_only_weights(self, levers: Levers) -> None:
        """F8: `structure(after) == structure(start)`: nothing but weights is ever changed."""
        must(levers.structure() == self._structure, "F8 something other than weights was changed")

    def _may_follow_a_person(self, move: Move) -> bool:
        return self._is_by_hand(move) or self._operators.may_be_ordered(move.region)

    def _is_disturbed(self, move: Move) -> bool:
        late_at = self.late_at.get(move.pool, LONG_AGO)
        return self._is_by_hand(move) or self._loop.time() - late_at < AFTERMATH_S

    def _is_by_hand(self, move: Move) -> bool:
        return self._loop.time() - self._operators.hand_at[move.pool] < AFTERMATH_S

    def _measure(self, move: Move) -> None:
        since = self._regions.since(move.region)
        if self._regions.condition(move.region) is not Condition.WELL and since > LONG_AGO:
            self.drained_after_s.append(self._loop.time() - since)

    def _share(self, standing: Mapping[PoolKey, Mapping[str, Pair]], move: Move) -> float:
        return self._aws.levers.shares(move.pool, standing[move.pool])[move.region]


def _moves(arrival: Arrival) -> Iterator[Move]:
    for pool, pairs in arrival.after.items():
        for region, became in pairs.items():
            was = arrival.before[pool][region]
            if was != became:
                yield Move(pool, region, was, became)


def _is_open_elsewhere(standing: Standing, move: Move) -> bool:
    """Whether the region serves another pool of the same service."""
    return any(
        is_open(pairs[move.region])
        for pool, pairs in standing.items()
        if pool[0] == move.pool[0] and pool != move.pool and move.region in pairs
    )
