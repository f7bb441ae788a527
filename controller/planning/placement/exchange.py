"""Traffic settled on regions with limited room, by prices.

Every region has a price, at first nothing, and every request is where its cost and the region's
price are least together. A region in which more arrives than fits raises its price until enough
has left; what leaves may displace others, and the prices along such a chain rise with it. When
everything fits, nobody could be served cheaper. This is the method of successive shortest paths
(Ahuja, Magnanti, Orlin: Network Flows, section 9.7) on the graph of the regions: the step from one
region to another costs what the kind of traffic loses that loses least by it.

Numbers only; `planning.placement.transport` knows what they stand for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import heappop, heappush
from itertools import compress, pairwise
from math import inf
from operator import sub


class Exchange:
    """Kinds of traffic on regions, and the prices of the regions.

    Kinds and regions are numbers. A row holds what one kind costs in each region, infinite where
    it may not go: whole numbers, whose sums and differences floats represent exactly, so that no
    comparison needs a tolerance. The last region has room for everything.
    """

    def __init__(
        self,
        rows: Sequence[Sequence[float]],
        demand: Sequence[float],
        room: Sequence[float],
    ) -> None:
        self.present: list[dict[int, float]] = [{} for _ in room]
        """Region to the kinds that are there, in requests/s."""
        self.price = [0.0] * len(room)
        """What each request/s of additional room would save per request: there always is a chain
        of displacements from a region without price whose saving is exactly that."""
        self._rows = rows
        self._columns = list(zip(*rows, strict=True)) or [()] * len(room)
        self._room = room
        self._load = [0.0] * len(room)
        self._steps: list[list[float]] = [[] for _ in room]
        """From region, to region: what the kind there loses that loses least by the step. Empty
        until traffic first has to leave the region."""
        self._leavers: list[list[int]] = [[] for _ in room]
        """From region, to region: which kind that is."""
        self._begin(demand)

    def _begin(self, demand: Sequence[float]) -> None:
        """Everybody goes to the nearest region that has any room."""
        has_room = [room > 0 for room in self._room]
        usable = [region for region, room in enumerate(self._room) if room > 0]
        barred = [region for region, room in enumerate(self._room) if not room > 0]
        for kind, row in enumerate(self._rows):
            offers = tuple(compress(row, has_room))
            nearest = usable[offers.index(min(offers))]
            self.present[nearest][kind] = demand[kind]
            self._load[nearest] += demand[kind]
            for region in barred:
                self.price[region] = max(self.price[region], row[nearest] - row[region])

    def settle(self) -> None:
        """Move traffic out of the regions that have too much, until none has."""
        crowded = [r for r, room in enumerate(self._room) if self._load[r] > room]
        while crowded:
            # Prices of crowded regions rise side by side: that makes for the shortest chains.
            region = min(crowded, key=self.price.__getitem__)
            self._move(self._shortest_path(region))
            if self._load[region] <= self._room[region]:
                crowded.remove(region)

    def _shortest_path(self, source: int) -> list[int]:
        """The cheapest chain of displacements from a region to one with room; raises the prices.

        Dijkstra on what each step costs beyond the difference of prices, which is never negative.
        """
        price, load, room = self.price, self._load, self._room
        distance = [inf] * len(room)
        distance[source] = 0.0
        before = {source: source}
        reached: list[int] = []
        queue = [(0.0, source)]
        nearest, target = inf, source
        while queue and queue[0][0] < nearest:
            so_far, here = heappop(queue)
            if so_far > distance[here]:
                continue
            reached.append(here)
            paid = so_far - price[here]
            within = nearest - paid
            for there, step in enumerate(self._steps[here] or self._steps_from(here)):
                if step >= within:  # most are; no price is negative, so none of them can help
                    continue
                length = paid + step + price[there]
                if length < nearest and length < distance[there]:
                    distance[there] = length
                    before[there] = here
                    if load[there] < room[there]:
                        nearest, target = length, there
                    else:
                        heappush(queue, (length, there))
        for region in reached:
            price[region] += nearest - distance[region]
        path = [target]
        while path[-1] != source:
            path.append(before[path[-1]])
        return path[::-1]

    def _steps_from(self, here: int) -> list[float]:
        """Look at everybody in a region for the first time."""
        regions = range(len(self._columns))
        self._steps[here] = [inf for _ in regions]
        self._leavers[here] = [-1 for _ in regions]
        self._find_leavers(here, [there for there in regions if there != here])
        return self._steps[here]

    def _find_leavers(self, here: int, regions: Iterable[int]) -> None:
        """Who in a region loses least by going to each of these others."""
        kinds = sorted(self.present[here])
        columns, steps, leavers = self._columns, self._steps[here], self._leavers[here]
        at = [columns[here][kind] for kind in kinds]
        for there in regions:
            to = columns[there]
            losses = list(map(sub, [to[kind] for kind in kinds], at))
            least = min(losses, default=inf)
            steps[there] = least
            leavers[there] = kinds[losses.index(least)] if least < inf else -1

    def _move(self, path: list[int]) -> None:
        """Send as much along the path as its ends and the kinds that move allow."""
        source, target = path[0], path[-1]
        excess = self._load[source] - self._room[source]
        free = self._room[target] - self._load[target]
        steps = [(a, b, self._leavers[a][b]) for a, b in pairwise(path)]
        moved = min(excess, free, *(self.present[a][kind] for a, _, kind in steps))
        # Set, not subtracted, where it must come out even: rounding leaves no crumbs to be moved.
        self._load[source] = self._room[source] if moved == excess else self._load[source] - moved
        self._load[target] = self._room[target] if moved == free else self._load[target] + moved
        for a, b, kind in steps:
            self._take(a, kind, moved)
            self._put(b, kind, moved)

    def _take(self, here: int, kind: int, rps: float) -> None:
        present = self.present[here]
        if present[kind] > rps:
            present[kind] -= rps
            return
        del present[kind]
        bereft = [there for there, leaver in enumerate(self._leavers[here]) if leaver == kind]
        if bereft:
            self._find_leavers(here, bereft)

    def _put(self, here: int, kind: int, rps: float) -> None:
        present = self.present[here]
        if kind in present:
            present[kind] += rps
            return
        present[kind] = rps
        row, steps, leavers = self._rows[kind], self._steps[here], self._leavers[here]
        at = row[here]
        for there, (to, step) in enumerate(zip(row, steps, strict=False)):
            if to - at < step and there != here:
                steps[there], leavers[there] = to - at, kind
