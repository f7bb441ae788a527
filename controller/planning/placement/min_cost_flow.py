"""Minimum-cost flow of traffic to regions with limited capacity, by successive shortest paths.

Textbook: Ahuja, Magnanti, Orlin, *Network Flows*, section 9.7. A *kind* is a source of traffic: its
supply in requests/s and its cost per request in each region. A region is a sink with a capacity.
Every region has a node potential, its *price*, 0 at first, and every request goes where cost plus
price is least. While a region is overloaded, its excess moves along the cheapest path of
displacements to a region with residual capacity: a residual arc from one region to another costs
what the kind there loses that loses least by the move. The potentials of the regions that the
search reached rise by the path's cost, so that reduced costs never become negative. At the end all
supply fits, and the potentials are the optimal dual prices of the capacities.

Traffic has a current region. To keep it there where possible, the potentials start as the least
prices at which no kind would rather be in a full region. A region with a price that is not full
in the end breaks complementary slackness (`price > 0` implies `load == capacity`): traffic is moved
into it until it is full or its price is 0.

Worked example: two pools, three regions. Europe's 80 requests/s cost 20, 90 or 200 (milliseconds)
in eu, us or ap; America's 40 cost 100, 30 or 100. Capacities are 60, 50 and unlimited.

1. Each pool goes where it is cheapest: Europe to eu, America to us. eu is 20 over its capacity.
2. The cheapest path is eu -> us: Europe loses 90 - 20 = 70. us can take 10 more, so 10 move.
3. us is full now. eu -> ap costs 200 - 20 = 180. eu -> us -> ap costs 70, and 100 - 30 = 70 for
   the American traffic that makes way: 140. 10 of each pool move along this path.

>>> flow = MinCostFlow(
...     costs=[[20, 90, 200], [100, 30, 100]],
...     supply=[80, 40],
...     capacity=[60, 50, inf],
...     current=[None, None],
... )
>>> flow.solve()
>>> flow.flow  # eu, us, ap: kind to requests/s
[{0: 60.0}, {1: 30.0, 0: 20.0}, {1: 10.0}]
>>> flow.prices  # one more request/s of capacity in eu would save 140, in us 70
[140.0, 70.0, 0.0]

This file knows numbers only; `planning.placement.transportation` knows what they stand for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from heapq import heapify, heappop, heappush
from itertools import pairwise
from math import inf
from operator import add, sub

_NEARLY_FULL = 0.8
"""A region whose capacity is used to this part by its current traffic starts with a price."""


class MinCostFlow:
    """Kinds of traffic on regions, and the regions' prices (node potentials).

    Kinds and regions are numbers. `costs[kind][region]`: cost per request, infinite where the kind
    may not go; whole numbers, whose sums and differences floats represent exactly, so that no
    comparison needs a tolerance. `supply[kind]`, `capacity[region]`: requests/s; the last region's
    capacity is unlimited. `current[kind]`: the region where a kind is now, None: nowhere yet.

    After `solve()`: `load <= capacity` everywhere, and `load == capacity` where `price > 0`.
    """

    def __init__(
        self,
        costs: Sequence[Sequence[float]],
        supply: Sequence[float],
        capacity: Sequence[float],
        current: Sequence[int | None],
    ) -> None:
        self.flow: list[dict[int, float]] = [{} for _ in capacity]
        """Per region: kind to requests/s."""
        self._price = [0.0] * len(capacity)
        """Node potentials. None is below the last region's; a region with residual capacity has
        the last region's once `solve` is done."""
        self._costs = costs
        self._columns = list(zip(*costs, strict=True)) or [()] * len(capacity)
        self._capacity = capacity
        self._load = [0.0] * len(capacity)
        self._arc_cost: list[list[float]] = [[] for _ in capacity]
        """From region, to region: the cost of the residual arc, which is the least loss of a kind
        there. Empty until traffic first has to leave the region."""
        self._arc_kind: list[list[int]] = [[] for _ in capacity]
        """From region, to region: the kind with that least loss."""
        self._assign_supply(supply, current)

    @property
    def prices(self) -> list[float]:
        """Dual prices: what each request/s of additional capacity would save per request.

        There always is a path of displacements from a region without price that saves exactly that.
        """
        return [price - self._price[-1] for price in self._price]

    def _assign_supply(self, supply: Sequence[float], current: Sequence[int | None]) -> None:
        """Put each kind where cost plus price is least, of the regions with any capacity."""
        closed = [region for region, most in enumerate(self._capacity) if not most > 0]
        entry = self._price = self._initial_prices(supply, current)
        for region in closed:
            entry[region] = inf
        closed_prices = [0.0] * len(entry)
        for kind, (row, home) in enumerate(zip(self._costs, current, strict=True)):
            totals = list(map(add, row, entry))
            best = min(totals)
            here = home if home is not None and totals[home] == best else totals.index(best)
            self.flow[here][kind] = supply[kind]
            self._load[here] += supply[kind]
            for region in closed:
                closed_prices[region] = max(closed_prices[region], best - row[region])
        for region in closed:
            self._price[region] = closed_prices[region]

    def _initial_prices(
        self, supply: Sequence[float], current: Sequence[int | None]
    ) -> list[float]:
        """The least prices of nearly full regions at which all kinds stay where they are.

        A longest-path problem, solved by Bellman-Ford; all 0 where it has a positive cycle.
        """
        prices = [0.0] * len(self._capacity)
        kinds_in: dict[int, list[int]] = {}
        for kind, home in enumerate(current):
            if home is not None and self._capacity[home] > 0:
                kinds_in.setdefault(home, []).append(kind)
        full = [
            region
            for region, kinds in kinds_in.items()
            if sum(supply[kind] for kind in kinds) >= _NEARLY_FULL * self._capacity[region]
        ]
        gains = [
            (there, here, gain)
            for here, kinds in kinds_in.items()
            for there, gain in zip(full, self._gains(here, kinds, full), strict=True)
        ]
        for _ in range(len(full) + 1):
            raised = [
                (there, prices[here] + gain)
                for there, here, gain in gains
                if prices[here] + gain > prices[there]
            ]
            if not raised:
                return prices
            for there, price in raised:
                prices[there] = max(prices[there], price)
        # A cycle: some kinds would gain by changing places, so where they are is no guide.
        return [0.0] * len(self._capacity)

    def _gains(self, here: int, kinds: Sequence[int], regions: Iterable[int]) -> Iterator[float]:
        """Per region: the greatest gain of a kind that would go there from `here`."""
        columns = list(zip(*(self._costs[kind] for kind in kinds), strict=True))
        return (max(map(sub, columns[here], columns[there])) for there in regions)

    def solve(self) -> None:
        """Move traffic out of overloaded regions, then into priced ones that are not full."""
        load, capacity = self._load, self._capacity
        overloaded = [r for r, most in enumerate(capacity) if load[r] > most]
        while overloaded:
            # The cheapest first, so that prices rise side by side: that makes the shortest paths.
            region = min(overloaded, key=self._price.__getitem__)
            self._augment(self._shortest_path([(0.0, region)]))
            if load[region] <= capacity[region]:
                overloaded.remove(region)
        while True:
            prices = self.prices
            underused = [
                (prices[r], r) for r, most in enumerate(capacity) if prices[r] and load[r] < most
            ]
            if not underused:
                return
            sources = [(price, region) for region, price in enumerate(prices)]
            self._augment(self._shortest_path(sources, *min(underused)))

    def _shortest_path(
        self, queue: list[tuple[float, int]], nearest: float = inf, target: int = -1
    ) -> list[int]:
        """The cheapest path to a region with residual capacity; raises the prices.

        `queue`: the regions where it may begin, with the cost of beginning there. `nearest`,
        `target`: a region with residual capacity that is reached at this cost anyway. Dijkstra's
        algorithm on reduced costs, which are never negative.
        """
        price, load, capacity = self._price, self._load, self._capacity
        distance = [inf] * len(capacity)
        predecessor = {}
        for so_far, source in queue:
            distance[source] = so_far
            predecessor[source] = source
        reached: list[int] = []
        heapify(queue)
        while queue and queue[0][0] < nearest:
            so_far, here = heappop(queue)
            if so_far > distance[here]:
                continue
            reached.append(here)
            base = so_far - price[here]
            bound = nearest - base
            for there, arc_cost in enumerate(self._arc_cost[here] or self._build_arcs(here)):
                if arc_cost >= bound:  # most are; no price is negative, so these cannot help
                    continue
                length = base + arc_cost + price[there]
                if length < nearest and length < distance[there]:
                    distance[there] = length
                    predecessor[there] = here
                    if load[there] < capacity[there]:
                        nearest, target = length, there
                    else:
                        heappush(queue, (length, there))
        for region in reached:
            price[region] += nearest - distance[region]
        path = [target]
        while predecessor[path[-1]] != path[-1]:
            path.append(predecessor[path[-1]])
        return path[::-1]

    def _build_arcs(self, here: int) -> list[float]:
        """Compute all residual arcs out of a region, for the first time; returns their costs."""
        kinds = sorted(self.flow[here])
        columns = list(zip(*(self._costs[kind] for kind in kinds), strict=True)) or self._columns
        for there, column in enumerate(columns):
            losses = list(map(sub, column, columns[here])) if kinds and there != here else [inf]
            least = min(losses)
            self._arc_cost[here].append(least)
            self._arc_kind[here].append(kinds[losses.index(least)] if least < inf else -1)
        return self._arc_cost[here]

    def _update_arcs(self, here: int, regions: Iterable[int]) -> None:
        """Compute the residual arcs from `here` to these regions anew."""
        kinds = sorted(self.flow[here])
        columns, arc_cost, arc_kind = self._columns, self._arc_cost[here], self._arc_kind[here]
        costs_here = [columns[here][kind] for kind in kinds]
        for there in regions:
            column = columns[there]
            losses = list(map(sub, [column[kind] for kind in kinds], costs_here))
            least = min(losses, default=inf)
            arc_cost[there] = least
            arc_kind[there] = kinds[losses.index(least)] if least < inf else -1

    def _augment(self, path: list[int]) -> None:
        """Send as much along the path as its bottleneck allows: its ends and the kinds that move.

        Loads are set, not subtracted, where they must come out even, so that rounding leaves
        nothing to be moved.
        """
        source, target = path[0], path[-1]
        if source == target:
            return
        excess = self._load[source] - self._capacity[source]
        residual = self._capacity[target] - self._load[target]
        arcs = [(a, b, self._arc_kind[a][b]) for a, b in pairwise(path)]
        most = excess if excess > 0 else inf
        rps = min(most, residual, *(self.flow[a][kind] for a, _, kind in arcs))
        self._load[source] = self._capacity[source] if rps == excess else self._load[source] - rps
        self._load[target] = self._capacity[target] if rps == residual else self._load[target] + rps
        for a, b, kind in arcs:
            self._remove(a, kind, rps)
            self._add(b, kind, rps)

    def _remove(self, here: int, kind: int, rps: float) -> None:
        flow = self.flow[here]
        if flow[kind] > rps:
            flow[kind] -= rps
            return
        del flow[kind]
        outdated = [there for there, other in enumerate(self._arc_kind[here]) if other == kind]
        if outdated:
            self._update_arcs(here, outdated)

    def _add(self, here: int, kind: int, rps: float) -> None:
        flow = self.flow[here]
        if kind in flow:
            flow[kind] += rps
            return
        flow[kind] = rps
        row, arc_cost, arc_kind = self._costs[kind], self._arc_cost[here], self._arc_kind[here]
        cost_here = row[here]
        for there, (cost, least) in enumerate(zip(row, arc_cost, strict=False)):
            if cost - cost_here < least and there != here:
                arc_cost[there], arc_kind[there] = cost - cost_here, kind
