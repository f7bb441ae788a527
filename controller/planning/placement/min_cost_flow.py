"""Traffic settled on regions with limited room, by prices.

Every region has a price, at first nothing, and every request is where its cost and the region's
price are least together. A region in which more arrives than fits raises its price until enough
has left; what leaves may displace others, and the prices along such a chain rise with it. When
everything fits, nobody could be served cheaper. This is the method of successive shortest paths
(Ahuja, Magnanti, Orlin: Network Flows, section 9.7) on the graph of the regions: the step from one
region to another costs what the kind of traffic loses that loses least by it.

Traffic that is somewhere already is left there where it can be: prices begin as those at which
nobody there would rather be in a full region. A region that then turns out not to be full lowers
its price again, until enough has come or the price is gone.

Numbers only; `planning.placement.transport` knows what they stand for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from heapq import heapify, heappop, heappush
from itertools import pairwise
from math import inf
from operator import add, sub

_NEARLY = 0.8
"""A region whose room is used to this part before anything moves is taken for full."""


class MinCostFlow:
    """Kinds of traffic on regions, and the prices of the regions.

    Kinds and regions are numbers. A row holds what one kind costs in each region, infinite where
    it may not go: whole numbers, whose sums and differences floats represent exactly, so that no
    comparison needs a tolerance. The last region has room for everything. `homes`: the region where
    a kind is already, None where it is nowhere yet.
    """

    def __init__(
        self,
        rows: Sequence[Sequence[float]],
        demand: Sequence[float],
        room: Sequence[float],
        homes: Sequence[int | None],
    ) -> None:
        self.present: list[dict[int, float]] = [{} for _ in room]
        """Region to the kinds that are there, in requests/s."""
        self._price = [0.0] * len(room)
        """No region is cheaper than the last, and whichever has room to spare is as cheap."""
        self._rows = rows
        self._columns = list(zip(*rows, strict=True)) or [()] * len(room)
        self._room = room
        self._load = [0.0] * len(room)
        self._steps: list[list[float]] = [[] for _ in room]
        """From region, to region: what the kind there loses that loses least by the step. Empty
        until traffic first has to leave the region."""
        self._leavers: list[list[int]] = [[] for _ in room]
        """From region, to region: which kind that is."""
        self._begin(demand, homes)

    @property
    def prices(self) -> list[float]:
        """What each request/s of additional room would save per request: there always is a chain
        of displacements from a region without price whose saving is exactly that."""
        return [price - self._price[-1] for price in self._price]

    def _begin(self, demand: Sequence[float], homes: Sequence[int | None]) -> None:
        """Everybody goes where cost and price are least, of the regions that have any room."""
        barred = [region for region, room in enumerate(self._room) if not room > 0]
        entry = self._price = self._first_prices(demand, homes)
        for region in barred:
            entry[region] = inf
        wanted = [0.0] * len(entry)
        for kind, (row, home) in enumerate(zip(self._rows, homes, strict=True)):
            offers = list(map(add, row, entry))
            best = min(offers)
            here = home if home is not None and offers[home] == best else offers.index(best)
            self.present[here][kind] = demand[kind]
            self._load[here] += demand[kind]
            for region in barred:
                wanted[region] = max(wanted[region], best - row[region])
        for region in barred:
            self._price[region] = wanted[region]

    def _first_prices(self, demand: Sequence[float], homes: Sequence[int | None]) -> list[float]:
        """The least prices of full regions at which all would stay at home; none without such."""
        prices = [0.0] * len(self._room)
        at_home: dict[int, list[int]] = {}
        for kind, home in enumerate(homes):
            if home is not None and self._room[home] > 0:
                at_home.setdefault(home, []).append(kind)
        full = [
            region
            for region, kinds in at_home.items()
            if sum(demand[kind] for kind in kinds) >= _NEARLY * self._room[region]
        ]
        gains = [
            (there, here, gain)
            for here, kinds in at_home.items()
            for there, gain in zip(full, self._gains(here, kinds, full), strict=True)
        ]
        for _ in range(len(full) + 1):
            risen = [
                (there, prices[here] + gain)
                for there, here, gain in gains
                if prices[here] + gain > prices[there]
            ]
            if not risen:
                return prices
            for there, price in risen:
                prices[there] = max(prices[there], price)
        # Some would gain by changing places: they are no guide.
        return [0.0] * len(self._room)

    def _gains(self, here: int, kinds: Sequence[int], regions: Iterable[int]) -> Iterator[float]:
        """What the one kind in a region gains that gains most by going to each of these."""
        columns = list(zip(*(self._rows[kind] for kind in kinds), strict=True))
        return (max(map(sub, columns[here], columns[there])) for there in regions)

    def settle(self) -> None:
        """Move traffic out of the regions that have too much and into those that lack it."""
        load, room = self._load, self._room
        crowded = [r for r, most in enumerate(room) if load[r] > most]
        while crowded:
            # Prices of crowded regions rise side by side: that makes for the shortest chains.
            region = min(crowded, key=self._price.__getitem__)
            self._move(self._shortest_path([(0.0, region)]))
            if load[region] <= room[region]:
                crowded.remove(region)
        while True:
            spare = self.prices
            lacking = [(spare[r], r) for r, most in enumerate(room) if spare[r] and load[r] < most]
            if not lacking:
                return
            anywhere = [(price, region) for region, price in enumerate(spare)]
            self._move(self._shortest_path(anywhere, *min(lacking)))

    def _shortest_path(
        self, sources: list[tuple[float, int]], nearest: float = inf, target: int = -1
    ) -> list[int]:
        """The cheapest chain of displacements to a region with room; raises the prices.

        `sources`: where it may begin, and at what cost. `nearest`, `target`: a region with room
        that is reached at this cost anyway. Dijkstra on what each step costs beyond the difference
        of prices, which is never negative.
        """
        price, load, room = self._price, self._load, self._room
        distance = [inf] * len(room)
        before = {}
        for so_far, source in sources:
            distance[source] = so_far
            before[source] = source
        reached: list[int] = []
        queue = sources
        heapify(queue)
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
        while before[path[-1]] != path[-1]:
            path.append(before[path[-1]])
        return path[::-1]

    def _steps_from(self, here: int) -> list[float]:
        """Look at everybody in a region for the first time."""
        kinds = sorted(self.present[here])
        columns = list(zip(*(self._rows[kind] for kind in kinds), strict=True)) or self._columns
        for there, column in enumerate(columns):
            losses = list(map(sub, column, columns[here])) if kinds and there != here else [inf]
            least = min(losses)
            self._steps[here].append(least)
            self._leavers[here].append(kinds[losses.index(least)] if least < inf else -1)
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
        if source == target:
            return
        excess = self._load[source] - self._room[source]
        free = self._room[target] - self._load[target]
        steps = [(a, b, self._leavers[a][b]) for a, b in pairwise(path)]
        most = excess if excess > 0 else inf
        moved = min(most, free, *(self.present[a][kind] for a, _, kind in steps))
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
