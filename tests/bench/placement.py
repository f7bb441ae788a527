"""How long placement and a whole decision take, beside a solver: `python -m tests.bench.placement`.

What decisions, readings and answers cost beside what was asked for follows, from `costs`.

Each case is timed three ways. *Optimum*: the limits and the flows of the bare problem, begun from
nothing, which is what HiGHS is given too. *Placement*: the same for a running service, begun from
where its traffic is: `place`, as every decision calls it. *Decision*: all of `decide`, with the
reasons for every position. HiGHS gets the limits from us and only finds the flows: the time to
build its model, the first solution, and a warm one, when only the traffic has changed by up to a
tenth since the one before. Times are milliseconds of CPU, which neighbours on the machine disturb
least, with the garbage collector on; a cost that is not the solver's ends the program.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from random import Random
from statistics import median
from time import thread_time
from typing import TypeVar

from controller.model.decision import Snapshot
from controller.planning.account.columns import aligned
from controller.planning.decision import decide
from controller.planning.eligibility import eligibility_by_health
from controller.planning.health.quorum import health_by_service
from controller.planning.levers.route53 import ROUTE53
from controller.planning.placement.believed import believed_figures
from controller.planning.placement.optimal_split import PlacementProblem, place
from controller.planning.placement.overload import CapacityLimits, min_max_limits
from controller.planning.placement.transportation import TransportationFlows, solve_transportation
from tests.bench import costs
from tests.bench.worlds import at_rest, failed
from tests.planning.placement.transport_lp import CheapestLp
from tests.planning.placement.transport_problems import Problem, total_cost, without_largest, world

_T = TypeVar("_T")
ROUNDS = 7
SEED = 11
SIZES = ((20, 250), (60, 2000))
HEAD = ("regions x pools", "lawful", "situation", "optimum", "placement", "decision")
SOLVER_HEAD = ("HiGHS build", "first", "warm", "written")


def main() -> None:
    """Print the tables."""
    what = f"{ROUNDS} rounds, seed {SEED}"
    sys.stdout.write(f"ms of CPU, median (min to max) of {what}\n")
    rows = [
        [f"{regions} x {pools}", "two of five bound" if bound else "all", name, *measured(p, m)]
        for regions, pools in SIZES
        for bound in (False, True)
        for name, p, m in cases(regions, pools, bound=bound)
    ]
    sys.stdout.write("\n".join(aligned([[*HEAD, *SOLVER_HEAD], *rows])) + "\n\n")
    sys.stdout.write(costs.table() + "\n")


def cases(regions: int, pools: int, *, bound: bool) -> Iterator[tuple[str, Problem, Snapshot]]:
    """Name, bare problem, and the moment to decide on."""
    for name, capacity_ratio in (("normal", 1.25), ("overloaded", 0.5)):
        problem = world(regions, pools, SEED, capacity_ratio=capacity_ratio, bound=bound)
        moment = at_rest(problem)
        yield name, problem, moment
        largest = max(problem.capacity, key=problem.capacity.__getitem__)
        yield f"{name}, one failed", without_largest(problem), failed(moment, largest)


def measured(problem: Problem, moment: Snapshot) -> list[str]:
    """Ours and the solver's times, as in the table."""
    limits, flows = solved(problem)
    build, lp = timed(lambda: CheapestLp(problem.portions, limits.rps))
    first, optimum = timed(lp.solve)
    assert abs(total_cost(problem.portions, flows) - optimum) <= 1e-6 * optimum
    warm = median(warm_ms(lp, problem, Random(seed)) for seed in range(ROUNDS))
    task = task_of(moment)
    ours = (lambda: solved(problem), lambda: place(task), lambda: decide(moment))
    return [
        *(spread([timed(call)[0] for _ in range(ROUNDS)]) for call in ours),
        *(f"{ms:.1f}" for ms in (build, first, warm)),
        str(len(decide(moment).changes)),
    ]


def solved(problem: Problem) -> tuple[CapacityLimits, TransportationFlows]:
    """The optimum of the bare problem."""
    limits = min_max_limits(problem.portions, problem.capacity, problem.target)
    return limits, solve_transportation(problem.portions, limits.rps)


def task_of(moment: Snapshot) -> PlacementProblem:
    """What placement is asked when this moment is decided on."""
    service = moment.settings.services["shop"]
    health = health_by_service(moment, isolated=None)["shop"]
    before = ROUTE53.shares_by_pool(service, moment.observed["shop"])
    stands = eligibility_by_health(moment, "shop", health, before, isolated=None, kept=())
    free = {pool: stand.free for pool, stand in stands.items()}
    figures = believed_figures(moment, "shop", health)
    return PlacementProblem(
        service, moment.settings.regions, moment.settings.placement, figures, free, before=before
    )


def warm_ms(lp: CheapestLp, problem: Problem, random: Random) -> float:
    """One more solution, after that of slightly less traffic."""
    lp.set_demand([portion.rps * random.uniform(0.9, 1.0) for portion in problem.portions])
    lp.solve()
    lp.set_demand([portion.rps for portion in problem.portions])
    return timed(lp.solve)[0]


def spread(times_ms: list[float]) -> str:
    """Median, and in brackets the least and the most."""
    return f"{median(times_ms):.1f} ({min(times_ms):.1f} to {max(times_ms):.1f})"


def timed(call: Callable[[], _T]) -> tuple[float, _T]:
    """Milliseconds that a call takes, and what it gives back."""
    begin = thread_time()
    result = call()
    return (thread_time() - begin) * 1e3, result


if __name__ == "__main__":
    main()
