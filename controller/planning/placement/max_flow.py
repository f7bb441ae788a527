"""Traffic poured into regions up to their room, making way for what comes later.

A maximum flow, by shortest augmenting paths on the graph of the regions. Sets of regions are
integers with a bit for each; `planning.placement.overload` knows what they stand for.
"""

from __future__ import annotations

from collections.abc import Iterator


class MaxFlow:
    """Regions, and the traffic in them so far by the set of regions that it may use."""

    def __init__(self, room: list[float]) -> None:
        self.full = 0
        """Regions that are full and whose traffic has nowhere else to go: once something found no
        room, the smallest of the minimum cuts."""
        self._room = room
        self._present: list[dict[int, float]] = [{} for _ in room]

    def pour(self, allowed: int, rps: float) -> None:
        """Find room for this much in the allowed regions, as far as there is any."""
        while rps > 0 and (path := self._path(allowed)):
            target, moves = path
            moved = min(rps, self._room[target], *(self._present[a][kind] for a, _, kind in moves))
            rps -= moved
            self._room[target] -= moved
            for a, b, kind in moves:
                self._put(b, kind, moved)
                self._take(a, kind, moved)
            self._put(moves[-1][0] if moves else target, allowed, moved)

    def _path(self, allowed: int) -> tuple[int, list[tuple[int, int, int]]] | None:
        """A region with room, and the moves (from, to, whose) that free it, the last one first."""
        came: dict[int, tuple[int, int, int]] = {}
        seen = allowed | self.full
        queue = sorted(region_numbers(allowed & ~self.full), key=lambda region: -self._room[region])
        for here in queue:
            if self._room[here] > 0:
                return here, _back(here, came)
            for kind in self._present[here]:
                for there in region_numbers(kind & ~seen):
                    came[there] = (here, there, kind)
                    queue.append(there)
                seen |= kind
        self.full = seen  # nothing in there can ever make way
        return None

    def _put(self, region: int, kind: int, rps: float) -> None:
        self._present[region][kind] = self._present[region].get(kind, 0.0) + rps

    def _take(self, region: int, kind: int, rps: float) -> None:
        self._present[region][kind] -= rps
        if self._present[region][kind] <= 0:
            del self._present[region][kind]


def region_numbers(regions: int) -> Iterator[int]:
    """The regions in a set, ascending."""
    while regions:
        lowest = regions & -regions
        yield lowest.bit_length() - 1
        regions ^= lowest


def _back(at: int, came: dict[int, tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    moves = []
    while at in came:
        moves.append(came[at])
        at = came[at][0]
    return moves
