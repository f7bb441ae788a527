"""How runs of names are listed with the fewest requests.

The walk asks for a run's first name and takes the page that comes. What follows in the same page
may be other runs, which then need no request of their own. It goes on to the next page only within
a run, and ends a run at the first name outside it; where that name lies in Route 53's order is
never computed. It does no I/O: whoever drives it fetches the pages, from AWS or from a listing that
is known already (`ListedZone`).

>>> def record(name):
...     return RecordSet(name, "A", None, None, None, "{}")
>>> zone = [record(f"{name}.test.") for name in ("a", "b", "x.b", "c", "d", "e")]
>>> runs = [Run("b.test.", with_names_below=True), Run("e.test.")]
>>> listing = ListedZone(zone, page_size=3).list_runs(runs)
>>> [record.name for record in listing.records], listing.pages
(['b.test.', 'x.b.test.', 'e.test.'], 2)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from controller.model.levers import RecordSet
from controller.planning.residency.zone_listings import Run, ZoneListing, is_below

PAGE_SIZE = 300
"""Record sets that Route 53 lists in one page at most."""


class Start(NamedTuple):
    """Where a page begins: at the first record set that is not before this one."""

    name: str
    type: str | None = None
    set_identifier: str | None = None


@dataclass(frozen=True, slots=True)
class RecordPage:
    """One page of a listing, and where the next one begins; None: it is the zone's last."""

    records: Sequence[RecordSet]
    next: Start | None


class RunWalk:
    """Lists runs that do not overlap: fetch the page at `start`, `take` it, until there is none."""

    def __init__(self, runs: Sequence[Run]) -> None:
        """`runs`: best in the zone's order, for then the walk never lists a record set twice."""
        self._runs = tuple(runs)
        self._found: dict[Run, list[RecordSet]] = {}
        self._pending = dict.fromkeys(self._runs)
        """Runs whose end was not seen yet."""
        self._singles = {run.name: run for run in runs if not run.with_names_below}
        self._trees = {run.name: run for run in runs if run.with_names_below}
        """Of these the ones of a single name, and the others, by name."""
        self._open: Run | None = None
        """The run that goes on in the next page."""
        self._pages = 0
        self._asked: Run | None = None
        """The run at whose name the pages began that follow one another without a gap."""
        self.start: Start | None = None
        """Where the next page is to begin; None: every run is listed."""
        self._jump()

    @property
    def listing(self) -> ZoneListing:
        """What was listed, run by run in the order in which they were given."""
        found = [record for run in self._runs for record in self._found.get(run, ())]
        return ZoneListing(tuple(dict.fromkeys(found)), self._pages)

    def take(self, page: RecordPage) -> None:
        """Note what the page at `start` shows."""
        self._pages += 1
        for name, group in groupby(page.records, key=lambda record: record.name):
            self._take_name(name, list(group))
        following = page.next
        if self._open is not None and (following is None or not self._open.holds(following.name)):
            self._close(self._open)
        if following is not None and self._run_of(following.name) is not None:
            self.start = following
            return
        if self._asked is not None:
            self._close(self._asked)  # if it is still pending, it has no record
        self._jump()

    def _take_name(self, name: str, records: list[RecordSet]) -> None:
        if self._open is not None and not self._open.holds(name):
            self._close(self._open)
        for absent in self._shown_absent(name):
            self._found[absent] = records[:1]
            self._close(absent)
        run = self._run_of(name)
        if run is not None:
            self._found.setdefault(run, []).extend(records)
            self._open = run

    def _shown_absent(self, name: str) -> Iterator[Run]:
        """Runs of one name whose place was passed without a record, for this name is below it."""
        if not self._singles:
            return
        for above in _names_above(name):
            run = self._singles.get(above)
            began_below = self._asked is not None and is_below(self._asked.name, above)
            if run is not None and not began_below:
                yield run

    def _run_of(self, name: str) -> Run | None:
        """The pending run that holds a name."""
        if (single := self._singles.get(name)) is not None:
            return single
        if self._trees:
            for above in (name, *_names_above(name)):
                if (tree := self._trees.get(above)) is not None:
                    return tree
        return None

    def _close(self, run: Run) -> None:
        self._pending.pop(run, None)
        (self._trees if run.with_names_below else self._singles).pop(run.name, None)
        if self._open == run:
            self._open = None

    def _jump(self) -> None:
        """Go on at the next run."""
        self._open = None
        self._asked = next(iter(self._pending), None)
        self.start = None if self._asked is None else Start(self._asked.name)


class ListedZone:
    """A listing of the whole zone in Route 53's order, from which runs are listed as AWS would."""

    def __init__(self, records: Sequence[RecordSet], page_size: int = PAGE_SIZE) -> None:
        self._records = records
        self._page_size = page_size
        self.places: dict[str, int] = {}
        """Name to its first place; of a name that only has names below it, the first of these."""
        for place, record in enumerate(records):
            for name in (record.name, *_names_above(record.name)):
                if name in self.places:
                    break
                self.places[name] = place

    def list_runs(self, runs: Sequence[Run]) -> ZoneListing:
        """What listing these runs returns.

        What follows a name that the zone does not have is not known: it counts as one empty page.
        """
        walk = RunWalk(runs)
        while walk.start is not None:
            walk.take(self._page(walk.start))
        return walk.listing

    def _page(self, start: Start) -> RecordPage:
        place = self.places.get(start.name)
        if place is None:
            return RecordPage((), None)
        if start.type is not None:
            while _start_of(self._records[place]) != start:
                place += 1
        end = place + self._page_size
        following = _start_of(self._records[end]) if end < len(self._records) else None
        return RecordPage(self._records[place:end], following)


def pages_of(count: int, page_size: int = PAGE_SIZE) -> int:
    """The pages in which so many record sets are listed."""
    return max(1, -(-count // page_size))


def _start_of(record: RecordSet) -> Start:
    return Start(record.name, record.type, record.set_identifier)


def _names_above(name: str) -> Iterator[str]:
    while name := name.partition(".")[2]:
        yield name
