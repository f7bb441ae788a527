"""What is listed of a hosted zone: all of it, or only runs of names, and what is then known of it.

Route 53 lists names by their labels in reverse (API Reference, *ListResourceRecordSets*). So a name
is followed by all names below it, without a gap. Nothing else about its order is relied on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

from controller.model.levers import RecordSet


def is_below(name: str, above: str) -> bool:
    """Whether a name is below another: `a.b.test.` is below `b.test.`."""
    return name.endswith(f".{above}")


@dataclass(frozen=True, slots=True)
class Run:
    """Names that Route 53 lists one after the other: one name, or it and all names below it."""

    name: str
    with_names_below: bool = False

    def holds(self, name: str) -> bool:
        """Whether the name is one of the run's."""
        return name == self.name or (self.with_names_below and is_below(name, self.name))


@dataclass(frozen=True, slots=True)
class ZoneListing:
    """The record sets of a whole zone or of runs, in the order of the listing, or of the runs.

    A run of one name without a record shows a name below it, if there is one, by one record set:
    the name exists then, and no wildcard answers for it.
    """

    records: tuple[RecordSet, ...]
    pages: int
    """Requests that it took."""


@dataclass(frozen=True)
class ZoneScope:
    """What a reading of runs knows of its zone. No scope (None): the reading was of all of it.

    It knows the names in `runs`, as read now, and the names in `others`, as the last whole reading
    showed them. A name that it does not know may have any record.
    """

    runs: tuple[Run, ...]
    others: frozenset[str]
    records: tuple[RecordSet, ...]
    """The record sets of `others` in the last whole reading."""
    apex: str
    """The zone's own name, nothing outside of which is in the zone; empty where it is not known."""
    whole_pages: int
    """Requests that the whole zone takes."""

    def knows(self, name: str) -> bool:
        """Whether the reading shows which records the name has."""
        return (
            name in self._single_names
            or name in self.others
            or (bool(self.apex) and not (name == self.apex or is_below(name, self.apex)))
            or any(is_below(name, tree) or name == tree for tree in self._trees)
        )

    def with_names(self, names: Iterable[str]) -> ZoneScope:
        """The scope, with these names listed as well."""
        return replace(self, runs=(*self.runs, *map(Run, names)))

    @cached_property
    def _single_names(self) -> frozenset[str]:
        return frozenset(run.name for run in self.runs if not run.with_names_below)

    @cached_property
    def _trees(self) -> tuple[str, ...]:
        return tuple(run.name for run in self.runs if run.with_names_below)
