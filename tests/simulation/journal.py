"""What happened in a simulation: its trace, its counts, and the first thing that must not be."""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from collections.abc import Callable
from enum import Enum

_KEPT = 400
"""Lines of the trace that a failure can show."""


class Violation(AssertionError):  # noqa: N818  # it is what was found, not an error of the simulator
    """Something that must always hold did not; the text begins with the oracle's name."""


class KnownFault(Enum):
    """A fault of the daemon that is known and not mended yet; all belong to issue 12.

    An oracle that meets exactly this one counts it and lets the run go on. The commit that
    corrects the fault removes it here.
    """

    LATE_DRAIN = "a drain that lands late closes what a newer drain counted on"


class Journal:
    """Notes in order of time. `digest` is equal for equal runs."""

    def __init__(self, now: Callable[[], float], stop: Callable[[], None]) -> None:
        """`stop` is called once, when something was violated."""
        self._now = now
        self._stop = stop
        self._hash = hashlib.sha256()
        self.tail: deque[str] = deque(maxlen=_KEPT)
        self.counts: Counter[str] = Counter()
        self.known: Counter[KnownFault] = Counter()
        self._excused: set[tuple[KnownFault, str]] = set()
        self.violation: Violation | None = None

    @property
    def digest(self) -> str:
        """A short hash over all notes."""
        return self._hash.hexdigest()[:16]

    def note(self, *what: object) -> None:
        """Add a line to the trace."""
        line = " ".join([f"{self._now():.6f}", *map(str, what)])
        self._hash.update(line.encode() + b"\n")
        self.tail.append(line)

    def excuse(self, fault: KnownFault, text: str) -> None:
        """Count what violates an oracle by a known fault: the same text once."""
        if (fault, text) not in self._excused:
            self._excused.add((fault, text))
            self.known[fault] += 1
            self.note("KNOWN", fault.name, text)

    def fail(self, violation: Violation) -> None:
        """End the simulation with this; what comes after the first is left out."""
        if self.violation is None:
            self.violation = violation
            self.note("VIOLATION", violation)
            self._stop()


def must(holds: bool, text: str) -> None:
    """Raise Violation unless it holds."""
    if not holds:
        raise Violation(text)
