"""Whether a name that does not exist (NXDOMAIN, no address) is its own failure or the resolver's.

A resolver that lost its zones, or that of a captive portal, says so of every name. So other names
are asked as soon as one is absent: its absence is shared when none of them resolves either. Then it
says nothing about the endpoint.

Worked example: `a.test` was asked at 5.0 s and is absent. `b.test` resolved well at 3.2 s, which
proves nothing about 5.0 s: it is asked anew, and resolves. So `a.test` alone is gone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

WITNESSES = 5
"""Other names that are asked at most."""
_TOGETHER_S = 1.0
"""Absences found within this time count as one: otherwise each would have all others asked anew."""


class Witness(Protocol):
    """Another name, as far as it tells about the resolver. Times are the event loop's clock."""

    host: str
    asked_at: float
    """When its last lookup that has ended began; `-inf` before the first."""
    resolved_at: float
    """When its last lookup that found addresses began; `-inf`: none has."""

    def ask(self) -> None:
        """Resolve it now, unless that is under way."""
        ...


def is_shared(absent: Witness, names: Iterable[Witness]) -> bool | None:
    """Whether no other name resolves either, or there is none; None: `to_ask` come first."""
    since, others = absent.asked_at, _others(absent, names)
    if any(other.resolved_at >= since for other in others):
        return False
    return None if to_ask(absent, others) else bool(others)


def to_ask(absent: Witness, names: Iterable[Witness]) -> list[Witness]:
    """The other names whose answer is awaited: those that resolved last, where it is too old."""
    others = sorted(_others(absent, names), key=lambda other: other.resolved_at, reverse=True)
    return [other for other in others[:WITNESSES] if _is_too_old(other, absent.asked_at)]


def _is_too_old(other: Witness, absent_at: float) -> bool:
    """Whether another name's last answer says nothing about an absence."""
    has_resolved = other.resolved_at == other.asked_at
    return other.asked_at < (absent_at if has_resolved else absent_at - _TOGETHER_S)


def _others(absent: Witness, names: Iterable[Witness]) -> list[Witness]:
    """Names of other hosts; the same host at another port tells nothing more."""
    return [name for name in names if name.host != absent.host]
