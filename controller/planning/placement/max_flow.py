"""Maximum flow of traffic into regions with limited capacity, by shortest augmenting paths.

Edmonds and Karp's method on the graph of the regions: traffic that finds its regions full displaces
other traffic that may also go elsewhere. Where no augmenting path is left, the regions that the
search reached are the source side of a minimum cut: they are saturated for good.

Sets of regions are integers with a bit for each; `planning.placement.overload` knows what they
stand for.

Worked example: region 0 has capacity 10, region 1 has 5. 8 requests/s may use either (bits 0b11)
and go to region 0, which has more left. Then 9 come that may use region 0 only: it takes 2, and 5
more while 5 of the first 8 are displaced to region 1. Both regions are then full; 2 do not fit.

>>> flow = MaxFlow([10, 5])
>>> flow.add_traffic(0b11, 8)
>>> flow.add_traffic(0b01, 9)
>>> list(region_numbers(flow.saturated))
[0, 1]
"""

from __future__ import annotations

from collections.abc import Iterator


class MaxFlow:
    """Regions with their residual capacity, and the traffic in them by the set it may use."""

    def __init__(self, capacity: list[float]) -> None:
        self.saturated = 0
        """Set of regions that are full and whose traffic can go nowhere else: once some traffic
        did not fit, the smallest of the minimum cuts."""
        self._residual = capacity
        self._flow: list[dict[int, float]] = [{} for _ in capacity]
        """Per region: set of allowed regions to requests/s."""

    def add_traffic(self, allowed: int, rps: float) -> None:
        """Send up to `rps` requests/s into the allowed regions, as far as there is capacity."""
        while rps > 0 and (path := self._augmenting_path(allowed)):
            target, moves = path
            moved = min(rps, self._residual[target], *(self._flow[a][kind] for a, _, kind in moves))
            rps -= moved
            self._residual[target] -= moved
            for a, b, kind in moves:
                self._add(b, kind, moved)
                self._remove(a, kind, moved)
            self._add(moves[-1][0] if moves else target, allowed, moved)

    def _augmenting_path(self, allowed: int) -> tuple[int, list[tuple[int, int, int]]] | None:
        """A region with residual capacity, and the moves (from, to, kind) into it, last first."""
        arrived_by: dict[int, tuple[int, int, int]] = {}
        seen = allowed | self.saturated
        queue = sorted(
            region_numbers(allowed & ~self.saturated), key=lambda region: -self._residual[region]
        )
        for here in queue:
            if self._residual[here] > 0:
                return here, _moves_to(here, arrived_by)
            for kind in self._flow[here]:
                for there in region_numbers(kind & ~seen):
                    arrived_by[there] = (here, there, kind)
                    queue.append(there)
                seen |= kind
        self.saturated = seen  # final: later traffic only fills more
        return None

    def _add(self, region: int, kind: int, rps: float) -> None:
        self._flow[region][kind] = self._flow[region].get(kind, 0.0) + rps

    def _remove(self, region: int, kind: int, rps: float) -> None:
        self._flow[region][kind] -= rps
        if self._flow[region][kind] <= 0:
            del self._flow[region][kind]


def region_numbers(regions: int) -> Iterator[int]:
    """The numbers of the regions in a set, ascending."""
    while regions:
        lowest = regions & -regions
        yield lowest.bit_length() - 1
        regions ^= lowest


def _moves_to(
    region: int, arrived_by: dict[int, tuple[int, int, int]]
) -> list[tuple[int, int, int]]:
    moves = []
    while region in arrived_by:
        moves.append(arrived_by[region])
        region = arrived_by[region][0]
    return moves
