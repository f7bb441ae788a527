"""Probes that could not be run: counted by cause, said in the log, shown in status.

They say nothing about endpoints, so no verdict follows from them: they must be said by themselves.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable
from dataclasses import dataclass, field
from math import inf
from typing import NamedTuple

import structlog

from controller.model.health import NotRunCause, ProbeResult

_log = structlog.get_logger("probing")
LOG_EVERY_S = 60.0
"""Seconds between two lines of the log about one cause."""


class Unasked(NamedTuple):
    """Endpoints and reference targets that cannot be probed now, for one cause."""

    cause: NotRunCause
    detail: str
    """The cause in words, of the last such probe."""
    subjects: int
    """How many there are; of a name with several addresses each address counts."""
    since: float
    """Since when there is any, monotonic seconds."""
    example: str
    """One of them."""


@dataclass(slots=True)
class _Cause:
    subjects: dict[Hashable, str] = field(default_factory=dict)
    """Subject to its name."""
    since: float = 0.0
    detail: str = ""
    probes: int = 0
    """Since the last line of the log."""
    logged_at: float = -inf


class UnaskedProbes:
    """What cannot be probed now; each subject has one cause at a time."""

    def __init__(self) -> None:
        self._causes: defaultdict[NotRunCause, _Cause] = defaultdict(_Cause)
        self._cause_of: dict[Hashable, NotRunCause] = {}

    @property
    def now(self) -> tuple[Unasked, ...]:
        """The causes that keep something from being probed, the widest first."""
        found = [
            Unasked(cause, c.detail, len(c.subjects), c.since, next(iter(c.subjects.values())))
            for cause, c in self._causes.items()
            if c.subjects
        ]
        return tuple(sorted(found, key=lambda one: (-one.subjects, one.cause)))

    def add(self, subject: Hashable, name: str, result: ProbeResult) -> None:
        """Note a probe of this subject that could not be run."""
        kind = result.cause or NotRunCause.MISTAKE
        if self._cause_of.get(subject, kind) is not kind:
            self.discard(subject)
        cause = self._causes[kind]
        if not cause.subjects:
            cause.since = result.at
        cause.subjects[subject] = name
        self._cause_of[subject] = kind
        cause.detail = result.detail
        cause.probes += 1
        if result.at >= cause.logged_at + LOG_EVERY_S:
            self._log(kind, cause, result.at)

    def discard(self, subject: Hashable) -> None:
        """Note that a probe of this subject could be run, or that it is probed no more."""
        kind = self._cause_of.pop(subject, None)
        if kind is not None:
            self._causes[kind].subjects.pop(subject, None)

    @staticmethod
    def _log(kind: NotRunCause, cause: _Cause, now: float) -> None:
        _log.warning(
            "probes_could_not_run",
            why=kind.value,
            detail=cause.detail,
            probes=cause.probes,
            subjects=len(cause.subjects),
            target=next(iter(cause.subjects.values())),
        )
        cause.probes, cause.logged_at = 0, now
