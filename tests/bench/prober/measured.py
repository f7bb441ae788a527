"""What the runs found, and why some could not be made: a failure costs its own rows only."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping

from tests.bench.prober.processes import CannotRunError
from tests.bench.prober.report import Row

Figures = dict[str, float]
Runs = Mapping[str, Callable[[], Figures]]
CANNOT = (CannotRunError, OSError, subprocess.SubprocessError)
"""A program that is missing, cannot listen, dies, hangs or does not answer."""


class Measured:
    """Figures of every run so far, by its name, and the reason of each that failed."""

    def __init__(self) -> None:
        self.figures: dict[str, list[Figures]] = {}
        self.reasons: dict[str, str] = {}
        self.reason_for_all = ""
        """Why nothing could be measured, when there is nothing to be asked."""

    def play(self, runs: Runs, rounds: int) -> None:
        """Play every run once a round, backwards in every other; one that failed is left out."""
        for number in range(rounds):
            for name in list(runs) if number % 2 == 0 else reversed(list(runs)):
                if name not in self.reasons:
                    say(f"round {number + 1} of {rounds}: {name}")
                    self._one(name, runs[name])

    def row(self, row: Row, ours: str, theirs: str = "", figure: str = "us_cpu") -> Row:
        """The row with what was found of one figure, and the reason where nothing was."""
        row.ours = self._found(ours, figure)
        row.theirs = self._found(theirs, figure)
        reasons = (self.reasons.get(ours), self.reasons.get(theirs), self.reason_for_all)
        row.reason = next(filter(None, reasons), "")
        return row

    @property
    def ours_failed(self) -> bool:
        """Whether our own prober could not be measured in some run."""
        return bool(self.reason_for_all) or any(name.startswith("ours") for name in self.reasons)

    def _one(self, name: str, run: Callable[[], Figures]) -> None:
        try:
            found = run()
        except CANNOT as error:
            self.reasons[name] = str(error) or type(error).__name__
            say(f"  cannot: {self.reasons[name]}")
        else:
            self.figures.setdefault(name, []).append(found)

    def _found(self, name: str, figure: str) -> list[float]:
        return [one[figure] for one in self.figures.get(name, ())]


def say(text: str) -> None:
    """Tell how far it is; the table alone goes to standard output."""
    sys.stderr.write(f"{text}\n")
