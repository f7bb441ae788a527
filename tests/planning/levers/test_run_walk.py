"""Listing runs of names: everything in them, nothing else, and no page more than need be."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.model.levers import RecordSet
from controller.planning.levers.run_walk import ListedZone, RecordPage, RunWalk, Start, pages_of
from controller.planning.residency.zone_listings import Run
from tests.planning.levers.aws_order import in_aws_order

BELOW = "app.test."


def record(name: str, type_: str = "A", identifier: str | None = None) -> RecordSet:
    """A record set of which only its place in the order counts."""
    return RecordSet(name, type_, identifier, None, None, "{}")


LABELS = ("a", "b", "a-b", "ab", "\\052", "\\100", "0", "z")
NAMES = st.lists(st.sampled_from(LABELS), max_size=3).map(lambda ls: ".".join([*ls, BELOW]))
RECORDS = st.builds(
    record, NAMES, st.sampled_from(("A", "AAAA", "TXT")), st.sampled_from((None, "r1", "r2", "r3"))
)
ZONES = st.lists(RECORDS, max_size=25, unique=True).map(in_aws_order)


@st.composite
def runs(draw: st.DrawFn) -> list[Run]:
    """Runs that do not overlap, in any order, of names that exist or do not."""
    chosen: list[Run] = []
    for run in draw(st.lists(st.builds(Run, NAMES, st.booleans()), max_size=6, unique=True)):
        if not any(other.holds(run.name) or run.holds(other.name) for other in chosen):
            chosen.append(run)
    return chosen


def shown(zone: Sequence[RecordSet], run: Run) -> list[RecordSet]:
    """What a listing of a run shows, by definition."""
    held = [one for one in zone if run.holds(one.name)]
    return held or [one for one in zone if one.name.endswith(f".{run.name}")][:1]


def walked(zone: Sequence[RecordSet], wanted: Sequence[Run], size: int) -> tuple[RunWalk, int]:
    """A walk over pages such as AWS gives, and how many it took."""
    walk, pages = RunWalk(wanted), 0
    while walk.start is not None:
        walk.take(page_from(zone, walk.start, size))
        pages += 1
    return walk, pages


def page_from(zone: Sequence[RecordSet], start: Start, size: int) -> RecordPage:
    """The page that begins at the first record set at or after `start`."""
    marker = RecordSet(start.name, start.type or "", start.set_identifier, None, None, "{}")
    rest = [one for one in zone if in_aws_order([one, marker])[0] == marker or one == marker]
    return RecordPage(rest[:size], _start_of(rest[size]) if len(rest) > size else None)


def _start_of(first: RecordSet) -> Start:
    return Start(first.name, first.type, first.set_identifier)


@given(ZONES, runs(), st.integers(1, 7))
def test_a_walk_shows_each_run_completely_and_nothing_else(
    zone: list[RecordSet], wanted: list[Run], size: int
) -> None:
    """Whatever the borders of pages, names with escapes, wildcards, empty runs, an empty zone."""
    walk, pages = walked(zone, wanted, size)

    expected = dict.fromkeys(one for run in wanted for one in shown(zone, run))
    assert walk.listing.records == tuple(expected)
    assert walk.listing.pages == pages


@given(ZONES, st.data(), st.integers(1, 7))
def test_runs_in_the_zones_order_take_no_more_pages_than_the_zone(
    zone: list[RecordSet], data: st.DataObject, size: int
) -> None:
    """Names that exist; the whole zone is listed where a reading would ask for others besides."""
    places = {one.name: None for one in zone}
    chosen = data.draw(st.lists(st.sampled_from([*places]), unique=True)) if places else []
    wanted = [Run(name) for name in places if name in chosen]
    _, pages = walked(zone, wanted, size)

    assert pages <= max(1, -(-len(zone) // size))


@given(ZONES, runs(), st.integers(1, 7))
def test_what_a_whole_listing_says_of_runs_is_what_listing_them_shows(
    zone: list[RecordSet], wanted: list[Run], size: int
) -> None:
    """So the cost of a choice is known, and a whole reading says the same as the next of runs."""
    walk, pages = walked(zone, wanted, size)
    foreseen = ListedZone(zone, size).list_runs(wanted)

    assert foreseen.records == walk.listing.records
    existing = {above for one in zone for above in names_from(one.name)}
    if all(run.name in existing for run in wanted):
        assert foreseen.pages == pages


def names_from(name: str) -> list[str]:
    """The name and those above it."""
    labels = name.split(".")
    return [".".join(labels[index:]) for index in range(len(labels) - 1)]


@pytest.mark.parametrize(("count", "pages"), [(0, 1), (1, 1), (300, 1), (301, 2), (10_000, 34)])
def test_an_empty_zone_takes_one_page_too(count: int, pages: int) -> None:
    """And a full page has no empty one behind it."""
    assert pages_of(count) == pages


def test_a_page_border_within_one_name_is_crossed_by_its_identifier() -> None:
    """Name and type alone would begin the next page at the first of them again."""
    zone = [record("w.test.", "A", f"{number:03}") for number in range(400)]
    walk = RunWalk([Run("w.test.")])
    walk.take(page_from(zone, Start("w.test."), 300))

    following = walk.start
    assert following == Start("w.test.", "A", "300")
    walk.take(page_from(zone, following, 300))
    assert walk.listing.records == tuple(zone)
    assert walk.start is None


def test_a_page_that_ends_with_the_run_needs_no_other() -> None:
    """The name at which the next page would begin tells that the run is over."""
    zone = [record("a.test."), record("b.test."), record("c.test.")]
    walk = RunWalk([Run("b.test.")])
    walk.take(RecordPage(zone[1:2], Start("c.test.", "A")))

    assert (walk.start, walk.listing.pages) == (None, 1)
