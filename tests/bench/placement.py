"""How long placement takes, beside a solver: `python -m tests.bench.placement`.

Ours is `even_limits` and `cheapest` together, from portions to flows. HiGHS gets the limits from
us and only finds the flows: the time to build its model, the first solution, and a warm one, when
only the traffic has changed by up to a tenth since the one before. Times are milliseconds of CPU,
which neighbours on the machine disturb least; a cost that is not the solver's ends the program.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from random import Random
from statistics import median
from time import thread_time
from typing import TypeVar

from controller.planning.placement.overload import Limits, even_limits
from controller.planning.placement.transport import Flows, cheapest
from controller.planning.text import aligned
from tests.planning.placement.transport_lp import CheapestLp
from tests.planning.placement.transport_problems import Problem, total_cost, without_largest, world

_T = TypeVar("_T")
ROUNDS = 7
SEED = 11
HEAD = ("regions x portions", "lawful", "situation", "ours median", "min", "max")
SOLVER_HEAD = ("HiGHS build", "first", "warm", "regions raised")


def main() -> None:
    """Print the table."""
    sys.stdout.write(f"placement in ms of CPU, {ROUNDS} rounds, seed {SEED}\n")
    rows = [[*HEAD, *SOLVER_HEAD]]
    for regions, portions in ((20, 250), (60, 2000)):
        for bound in (False, True):
            usual = world(regions, portions, SEED, room=1.25, bound=bound)
            overloaded = world(regions, portions, SEED, room=0.5, bound=bound)
            situations = {
                "normal": usual,
                "one region failed": without_largest(usual),
                "overloaded": overloaded,
                "overloaded, one failed": without_largest(overloaded),
            }
            for name, problem in situations.items():
                lawful = "two of five bound" if bound else "all"
                rows.append([f"{regions} x {portions}", lawful, name, *measured(problem)])
    sys.stdout.write("\n".join(aligned(rows)) + "\n")


def measured(problem: Problem) -> list[str]:
    """Ours and the solver's times, as in the table."""
    limits, flows = solved(problem)
    ours = [timed(lambda: solved(problem))[0] for _ in range(ROUNDS)]
    build, lp = timed(lambda: CheapestLp(problem.portions, limits.rps))
    first, optimum = timed(lp.solve)
    assert abs(total_cost(problem.portions, flows) - optimum) <= 1e-6 * optimum
    warm = [warm_ms(lp, problem, Random(seed)) for seed in range(ROUNDS)]
    raised = sum(len(bottleneck.regions) for bottleneck in limits.bottlenecks)
    times = [median(ours), min(ours), max(ours), build, first, median(warm)]
    return [*(f"{ms:.1f}" for ms in times), str(raised)]


def solved(problem: Problem) -> tuple[Limits, Flows]:
    """What placement does in every cycle."""
    limits = even_limits(problem.portions, problem.capacity, problem.target)
    return limits, cheapest(problem.portions, limits.rps)


def warm_ms(lp: CheapestLp, problem: Problem, random: Random) -> float:
    """One more solution, after that of slightly less traffic."""
    lp.set_demand([portion.rps * random.uniform(0.9, 1.0) for portion in problem.portions])
    lp.solve()
    lp.set_demand([portion.rps for portion in problem.portions])
    return timed(lp.solve)[0]


def timed(call: Callable[[], _T]) -> tuple[float, _T]:
    """Milliseconds that a call takes, and what it gives back."""
    begin = thread_time()
    result = call()
    return (thread_time() - begin) * 1e3, result


if __name__ == "__main__":
    main()
