"""Transportation problems for tests: small with every odd corner, large like the world."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import acos, cos, fsum, pi, sin, sqrt
from random import Random

from hypothesis import strategies as st

from controller.planning.placement.transportation import TrafficPortion, TransportationFlows

REGIONS = ("af", "ap", "ca", "eu", "me", "sa", "us")


@dataclass(frozen=True)
class Problem:
    """What `even_limits` is asked."""

    portions: tuple[TrafficPortion, ...]
    capacity: dict[str, float]
    target: float
    taken: dict[str, float]


@st.composite
def problems(draw: st.DrawFn, most_taken: float = 2.0) -> Problem:
    """Few regions, up to 25 portions; ties, zeroes, negative costs, too little room, any homes.

    `most_taken`: up to how much of its capacity is taken in a region.
    """
    regions = draw(st.lists(st.sampled_from(REGIONS), min_size=1, unique=True))
    # Whole numbers make ties and exact fits likely, the others rounding.
    number = draw(st.sampled_from([st.integers(0, 20).map(float), st.floats(0.001, 1000)]))
    cost = draw(st.sampled_from([st.integers(-3, 3).map(float), st.floats(-50, 300)]))
    costs = st.dictionaries(st.sampled_from(regions), cost)
    home = st.one_of(st.none(), st.sampled_from(REGIONS))
    gain = st.sampled_from([0.0, 0.0, 1.0, 10.5])
    portions = draw(st.lists(st.builds(TrafficPortion, number, costs, home, gain), max_size=25))
    scale = draw(st.sampled_from([0.3, 1.0, 3.0, 10.0]))
    capacity = {region: draw(number) * scale for region in regions}
    part = st.sampled_from([0.0, 0.0, 0.15, 0.35, 1.0])
    taken = {region: rps * most_taken * draw(part) for region, rps in capacity.items()}
    return Problem(tuple(portions), capacity, draw(st.sampled_from([0.5, 0.7, 1.0])), taken)


def world(regions: int, portions: int, seed: int, *, room: float, bound: bool) -> Problem:
    """Regions and users at random places on a globe; a cost is the latency in milliseconds.

    `room`: the target's share of all capacity by all traffic. `bound`: two of five portions may
    be served by a quarter of the regions only.
    """
    random = Random(seed)
    names = [f"rg-{chr(97 + number // 10)}-{number % 10}" for number in range(regions)]
    places = {name: _place(random) for name in names}
    drawn = []
    for _ in range(portions):
        here = _place(random)
        lawful = names
        if bound and random.random() < 0.4:
            first = random.randrange(4)
            lawful = names[first::4]
        costs = {name: 5 + 110 * _angle(here, places[name]) for name in lawful}
        drawn.append(TrafficPortion(random.lognormvariate(3, 1.2), costs))
    sizes = {name: random.uniform(0.5, 1.5) for name in names}
    traffic = fsum(portion.rps for portion in drawn)
    scale = room * traffic / 0.7 / fsum(sizes.values())
    capacity = {name: size * scale for name, size in sizes.items()}
    return Problem(tuple(drawn), capacity, 0.7, {})


def without_largest(problem: Problem) -> Problem:
    """The same after its largest region failed."""
    lost = max(problem.capacity, key=problem.capacity.__getitem__)
    return replace(problem, capacity={**problem.capacity, lost: 0.0})


def added(flows: TransportationFlows) -> dict[str, float]:
    """What the portions bring to each region, requests/s."""
    regions = {region for flow in flows.flows for region in flow}
    return {r: fsum(flow.get(r, 0.0) for flow in flows.flows) for r in regions}


def total_cost(portions: tuple[TrafficPortion, ...], flows: TransportationFlows) -> float:
    """The objective: requests/s times cost."""
    pairs = zip(portions, flows.flows, strict=True)
    return fsum(rps * portion.cost(r) for portion, flow in pairs for r, rps in flow.items())


def _place(random: Random) -> tuple[float, float, float]:
    z, a = random.uniform(-1, 1), random.uniform(0, 2 * pi)
    return sqrt(1 - z * z) * cos(a), sqrt(1 - z * z) * sin(a), z


def _angle(one: tuple[float, float, float], other: tuple[float, float, float]) -> float:
    return acos(max(-1.0, min(1.0, sum(a * b for a, b in zip(one, other, strict=True)))))


def shuffled(problem: Problem, random: Random) -> tuple[Problem, list[int]]:
    """The same problem told in another order, and where its portions were before."""
    order = list(range(len(problem.portions)))
    random.shuffle(order)
    regions = list(problem.capacity.items())
    random.shuffle(regions)
    portions = tuple(problem.portions[index] for index in order)
    return replace(problem, portions=portions, capacity=dict(regions)), order
