"""Pools without an open region: by record type, by listener, and where something is missing."""

from __future__ import annotations

import pytest

from controller.model.levers import (
    AcceleratedEndpoint,
    EndpointGroup,
    RecordSet,
    WeightChange,
)
from controller.planning.guards.all_closed import fail_open_regions, is_all_closed
from controller.planning.levers.accelerator import ACCELERATOR
from controller.planning.levers.route53 import ROUTE53
from tests.fakes.accelerators import to_all

WEST, EAST = "eu-west-1", "us-east-1"


@pytest.mark.parametrize(
    ("pool", "emptied"),
    [
        ({}, True),
        ({WEST: {}, EAST: {}}, True),
        ({WEST: {"A": False}, EAST: {"A": False}}, True),
        ({WEST: {"A": False}, EAST: {"A": True}}, False),
        ({WEST: {"A": True, "AAAA": False}, EAST: {"A": False, "AAAA": True}}, False),
        ({WEST: {"A": True, "AAAA": False}, EAST: {"A": True, "AAAA": False}}, True),
        # EAST, where A goes, has no AAAA at all: nothing that is written can mend that.
        ({WEST: {"A": False, "AAAA": False}, EAST: {"A": True}}, False),
        ({WEST: {"A": False, "AAAA": False}, EAST: {"A": False}}, True),
    ],
)
def test_every_kind_needs_an_open_region(pool: dict[str, dict[str, bool]], emptied: bool) -> None:
    """A and AAAA alike, unless the open regions lack the kind altogether."""
    assert is_all_closed(pool) is emptied


@pytest.mark.parametrize(
    ("pool", "reached"),
    [
        ({}, set()),
        ({WEST: {"A": False}, EAST: {"A": True}}, set()),
        ({WEST: {"A": False, "AAAA": False}, EAST: {"A": True, "AAAA": False}}, {WEST}),
        # Users of A are reached by a region that serves AAAA; it is in anyway.
        ({WEST: {"A": False, "AAAA": True}, EAST: {"A": False, "AAAA": True}}, set()),
        ({WEST: {"A": False}, EAST: {"A": True, "AAAA": False}}, set()),
        ({WEST: {"AAAA": False}, EAST: {"A": True}}, set()),
        # Nothing is open: no region is reached more than another.
        ({WEST: {"A": False, "AAAA": False}, EAST: {"A": False, "AAAA": False}}, set()),
    ],
)
def test_a_closed_region_is_reached_by_users_of_a_kind_that_no_region_has_open(
    pool: dict[str, dict[str, bool]], reached: set[str]
) -> None:
    """If it has a part of that kind, and every open region has one that could be opened."""
    assert fail_open_regions(pool) == reached


def test_open_parts_of_records_are_those_after_the_writes() -> None:
    """A record without a write keeps its weight."""
    leaves = {r: (RecordSet("w.", "A", r, 10, None, "{}"),) for r in (WEST, EAST)}

    found = ROUTE53.open_parts(leaves, [WeightChange(leaves[WEST][0], 0)])
    assert found == {WEST: {"A": False}, EAST: {"A": True}}


def group(
    region: str, listener: int, *, dial: float = 100, weights: tuple[int, ...] = (128,)
) -> EndpointGroup:
    endpoints = tuple(AcceleratedEndpoint(f"e{i}", w, "", "{}") for i, w in enumerate(weights))
    return EndpointGroup(f"l/{listener}/endpoint-group/{region}", region, dial, endpoints)


@pytest.mark.parametrize(
    ("shut", "open_"),
    [
        (group(WEST, 1), True),
        (group(WEST, 1, dial=0), False),
        (group(WEST, 1, weights=(0, 0)), False),
        (group(WEST, 1, weights=(0, 1)), True),
    ],
)
def test_a_group_is_open_by_dial_and_by_weight(shut: EndpointGroup, open_: bool) -> None:
    """Either closes it."""
    assert ACCELERATOR.open_parts({WEST: (shut,)}, ()) == {WEST: {"l/1": open_}}


def test_groups_count_by_listener_and_only_with_endpoints() -> None:
    """A group without endpoints serves no user; one that is written counts with its new state."""
    pool = {WEST: (group(WEST, 1), group(WEST, 2, dial=0)), EAST: (group(EAST, 1, weights=()),)}

    found = ACCELERATOR.open_parts(pool, [to_all(pool[WEST][0], 0.0, 0)])
    assert found == {WEST: {"l/1": False, "l/2": False}, EAST: {}}
