"""`python -m tests.simulation`: many seeds with a summary, or one with its trace."""

from __future__ import annotations

import argparse
import sys

from tests.simulation.faults import ALL_KINDS
from tests.simulation.runs import Summary, run
from tests.simulation.simulation import Plan
from tests.simulation.worlds import WORLDS


def main() -> int:
    """Exit code 1 if something was violated."""
    options = _options()
    seeds = (
        [options.seed]
        if options.seed is not None
        else range(options.first, options.first + options.seeds)
    )
    summary = Summary()
    for outcome in summary.add(run(_plan(options, seed)) for seed in seeds):
        if outcome.violation or options.seed is not None:
            first = max(0, len(outcome.trace) - options.trace)
            _say("\n".join([*outcome.trace[first:], str(outcome)]))
    if options.seed is None:
        _say(str(summary))
    return 1 if summary.violated else 0


def _plan(options: argparse.Namespace, seed: int) -> Plan:
    return Plan(
        seed,
        options.faults_s,
        options.settle_s,
        options.mean_s,
        options.world,
        tuple(options.kinds.split(",")) if options.kinds else ALL_KINDS,
        not options.no_excuses,
        options.hash_steps,
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--seed", type=int, help="only this one, with its trace")
    parser.add_argument("--faults-s", type=float, default=Plan.faults_s)
    parser.add_argument("--settle-s", type=float, default=Plan.settle_s)
    parser.add_argument("--mean-s", type=float, default=Plan.mean_s, help="between two faults")
    parser.add_argument("--world", choices=sorted(WORLDS), default=Plan.world)
    parser.add_argument("--kinds", help=f"of faults: {', '.join(dict.fromkeys(ALL_KINDS))}")
    parser.add_argument("--no-excuses", action="store_true", help="known faults count, too")
    parser.add_argument("--hash-steps", action="store_true", help="digest every callback")
    parser.add_argument("--trace", type=int, default=40, help="lines to show of a violation")
    return parser.parse_args()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
