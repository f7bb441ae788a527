"""The leaks that other settings, or another reading of AWS, bring with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from controller.model.levers import Leak, Observed


def new_leaks(before: Mapping[str, Observed], after: Mapping[str, Observed]) -> tuple[Leak, ...]:
    """The leaks of `after` that concern users, or lead by ways, that none of `before` does."""
    known = {way for leak in _leaks(before) for way in _ways(leak)}
    return tuple(leak for leak in _leaks(after) if not known.issuperset(_ways(leak)))


def _leaks(observed: Mapping[str, Observed]) -> Iterator[Leak]:
    for one in observed.values():
        for leaks in one.leaks.values():
            yield from leaks


def _ways(leak: Leak) -> set[tuple[str, str, str, tuple[str, ...]]]:
    return {(leak.service, leak.pool, who, leak.path) for who in leak.geographies}
