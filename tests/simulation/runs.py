"""Runs simulations and says what came of them."""

from __future__ import annotations

import gc
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.simulation.faults import ALL_KINDS
from tests.simulation.journal import KnownFault, Violation
from tests.simulation.logs import unexpected_events
from tests.simulation.simulation import Plan, Simulation, state_folder


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one simulation."""

    plan: Plan
    violation: Violation | None
    digest: str
    """Equal for equal plans: over the trace, and over every step if the plan says so."""
    known: Counter[KnownFault]
    counts: Counter[str]
    faults: int
    simulated_s: float
    cpu_s: float
    steps: int
    drained_after_s: tuple[float, ...]
    trace: tuple[str, ...]
    """Its last lines."""

    @property
    def oracle(self) -> str:
        """The name of what was violated; empty when nothing was."""
        return str(self.violation).split(maxsplit=1)[0] if self.violation else ""

    def __str__(self) -> str:
        figures = (
            f"seed={self.plan.seed} digest={self.digest} simulated={self.simulated_s:.0f}s "
            f"cpu={self.cpu_s:.2f}s steps={self.steps} faults={self.faults} "
            f"{dict(sorted(self.counts.items()))}"
        )
        known = {fault.name: times for fault, times in self.known.items()}
        return f"{figures} known={known} violation={self.violation}\n  replay: {replay(self.plan)}"


def replay(plan: Plan) -> str:
    """The command that runs a plan again and shows its trace."""
    command = (
        f".venv/bin/python -m tests.simulation --seed {plan.seed} --faults-s {plan.faults_s:g} "
        f"--settle-s {plan.settle_s:g} --mean-s {plan.mean_s:g} --world {plan.world}"
    )
    if tuple(plan.kinds) != ALL_KINDS:
        command += f" --kinds {','.join(plan.kinds)}"
    return command + ("" if plan.excuses else " --no-excuses")


def run(plan: Plan, script: Callable[[Simulation], None] = lambda _: None) -> Outcome:
    """Run one simulation; `script` plans what happens beside the plan's faults.

    X3: the daemon logs nothing with a traceback.
    """
    began = time.process_time()
    with unexpected_events() as unexpected, state_folder() as folder, _quiet_graves():
        simulation = Simulation(plan, folder)
        script(simulation)
        simulation.run()
        journal = simulation.journal
        if unexpected:
            journal.fail(Violation(f"X3 logged as unexpected: {unexpected[0]}"))
        simulation.close()
        return Outcome(
            plan=plan,
            violation=journal.violation,
            digest=journal.digest + simulation.loop.steps_digest,
            known=journal.known,
            counts=journal.counts,
            faults=simulation.faults.happened,
            simulated_s=simulation.loop.time(),
            cpu_s=time.process_time() - began,
            steps=simulation.loop.steps,
            drained_after_s=tuple(simulation.writes.drained_after_s),
            trace=tuple(journal.tail),
        )


@dataclass
class Summary:
    """What came of many."""

    outcomes: list[Outcome] = field(default_factory=list)

    def add(self, outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
        """Take in each as it passes by."""
        for outcome in outcomes:
            self.outcomes.append(outcome)
            yield outcome

    @property
    def violated(self) -> list[Outcome]:
        """Those in which something that must hold did not."""
        return [one for one in self.outcomes if one.violation]

    def __str__(self) -> str:
        hours = sum(one.simulated_s for one in self.outcomes) / 3600
        cpu_s = sum(one.cpu_s for one in self.outcomes)
        counts = sum((one.counts for one in self.outcomes), Counter[str]())
        known = sum((one.known for one in self.outcomes), Counter[KnownFault]())
        lines = [
            f"{len(self.outcomes)} seeds, {hours:.1f} simulated hours, "
            f"{sum(one.faults for one in self.outcomes)} faults, {cpu_s:.1f} CPU-seconds: "
            f"{hours * 3600 / max(cpu_s, 1e-9):.0f} simulated hours per core-hour",
            *_latencies(sorted(x for one in self.outcomes for x in one.drained_after_s)),
            ", ".join(f"{name} {times}" for name, times in sorted(counts.items())),
        ]
        for fault, times in known.items():
            seeds = [one.plan.seed for one in self.outcomes if one.known[fault]]
            lines.append(
                f"known, issue 12: {fault.value} ({times} times in {len(seeds)} seeds: "
                f"{', '.join(map(str, seeds[:10]))}{' …' if len(seeds) > 10 else ''})"
            )
        lines += [f"{one.violation}\n  replay: {replay(one.plan)}" for one in self.violated]
        lines.append(f"{len(self.violated)} violations")
        return "\n".join(lines)


def _latencies(ordered: list[float]) -> list[str]:
    if not ordered:
        return []
    p50, p99 = (ordered[int(len(ordered) * part)] for part in (0.5, 0.99))
    return [
        f"from failing to drained: {len(ordered)} drains, p50 {p50:.1f} s, p99 {p99:.1f} s, "
        f"at most {ordered[-1]:.1f} s"
    ]


@contextmanager
def _quiet_graves() -> Iterator[None]:
    """Collect the coroutines of killed processes here, where what they say is not heard."""
    heard = sys.unraisablehook
    sys.unraisablehook = lambda _: None
    try:
        yield
        gc.collect()
    finally:
        sys.unraisablehook = heard
