"""The leaks that other settings, or another reading of AWS, add."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from controller.model.levers import Leak, Observed


def new_leaks(before: Mapping[str, Observed], after: Mapping[str, Observed]) -> tuple[Leak, ...]:
    """The leaks of `after` with a geography or a path that no leak of `before` has."""
    known = {key for leak in _leaks(before) for key in _keys(leak)}
    return tuple(leak for leak in _leaks(after) if not known.issuperset(_keys(leak)))


def _leaks(observed: Mapping[str, Observed]) -> Iterator[Leak]:
    for of_service in observed.values():
        for leaks in of_service.leaks.values():
            yield from leaks


def _keys(leak: Leak) -> set[tuple[str, str, str, tuple[str, ...]]]:
    """Service, pool, geography and path, one for each geography."""
    return {(leak.service, leak.pool, geography, leak.path) for geography in leak.geographies}
