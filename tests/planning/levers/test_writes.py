"""The writes of a change, the steps that send them, and the steps that a lever refuses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from controller.model.levers import (
    AcceleratedEndpoint,
    Change,
    EndpointGroup,
    LeverState,
    Position,
    RecordSet,
    WeightChange,
)
from controller.planning.levers.accelerator import ACCELERATOR
from controller.planning.levers.lever import Lever
from controller.planning.levers.registry import LEVERS, AnyLever
from controller.planning.levers.route53 import ROUTE53
from controller.planning.levers.write_steps import WriteStep, WriteT
from tests.fakes.accelerators import to_all

WEST, EAST = "eu-west-1", "us-east-1"
POOL = ("shop", "world")
OPEN = {ROUTE53: LeverState(128), ACCELERATOR: LeverState(128, 100.0)}
SHUT = {ROUTE53: LeverState(0), ACCELERATOR: LeverState(0, 0.0)}


def leaf(region: str, type_: str, weight: int, pool: str = "world") -> RecordSet:
    return RecordSet(f"{pool}.shop.test.", type_, region, weight, "check", "{}")


def group(region: str, listener: str, setting: LeverState) -> EndpointGroup:
    endpoint = AcceleratedEndpoint("e", setting.weight, "", "{}")
    arn = f"arn/listener/{listener}/endpoint-group/{region}"
    return EndpointGroup(arn, region, setting.dial or 0.0, (endpoint,))


def resources(lever: AnyLever, region: str, setting: LeverState) -> tuple[Any, ...]:
    """Two: A and AAAA record, or the groups at two listeners."""
    if lever is ROUTE53:
        return tuple(leaf(region, type_, setting.weight) for type_ in ("A", "AAAA"))
    return tuple(group(region, listener, setting) for listener in ("80", "443"))


def change(lever: Lever[Any, Any, Any], region: str, *, opens: bool, pool: str = "world") -> Change:
    before, after = (SHUT[lever], OPEN[lever]) if opens else (OPEN[lever], SHUT[lever])
    return Change(Position("shop", pool, region), before, after)


def swap(lever: Lever[Any, Any, WriteT]) -> dict[Change, tuple[WriteT, ...]]:
    """The east is to open, then the west to close."""
    east, west = change(lever, EAST, opens=True), change(lever, WEST, opens=False)
    return {
        east: lever.writes(east, resources(lever, EAST, SHUT[lever])),
        west: lever.writes(west, resources(lever, WEST, OPEN[lever])),
    }


@pytest.mark.parametrize("lever", LEVERS, ids=lambda lever: lever.kind)
def test_only_what_has_another_state_is_written(lever: AnyLever) -> None:
    """The other half of a change that went through half; nothing of one that went through."""
    one = change(lever, WEST, opens=False)
    was, done = resources(lever, WEST, OPEN[lever]), resources(lever, WEST, SHUT[lever])

    assert len(lever.writes(one, was)) == 2
    assert lever.writes(one, (was[0], done[1])) == lever.writes(one, was)[:1]
    assert lever.writes(one, done) == lever.writes(one, ()) == ()


def test_records_are_written_in_one_step() -> None:
    """Whether they open or close: Route 53 applies a batch at one time."""
    parts = swap(ROUTE53)

    assert ROUTE53.steps(parts, ()) == [WriteStep(parts)]


def test_groups_are_written_one_by_one_and_those_that_open_first() -> None:
    """However the changes are ordered; each step is a part of its pool."""
    parts = swap(ACCELERATOR)
    for ordered in (parts, dict(reversed(parts.items()))):
        steps = ACCELERATOR.steps(ordered, ())
        assert [step.writes[0].group.region for step in steps] == [EAST, EAST, WEST, WEST]
        assert [len(step.writes) for step in steps] == [1] * 4
        assert {step.split_pool for step in steps} == {POOL}


@pytest.mark.parametrize(("pools", "tries"), [(("world",), 0), (("world", "europe"), 2)])
def test_a_refused_batch_is_tried_again_pool_by_pool(pools: tuple[str, ...], tries: int) -> None:
    """If it has several pools; each is tried once."""
    changes = [change(ROUTE53, WEST, opens=False, pool=pool) for pool in pools]
    parts = {
        one: ROUTE53.writes(one, (leaf(WEST, "A", 128, one.position.pool),)) for one in changes
    }
    apart = ROUTE53.split_step(WriteStep(parts))

    assert [list(step.writes_by_change) for step in apart] == [[one] for one in changes][:tries]
    assert [ROUTE53.split_step(step) for step in apart] == [()] * tries


def test_a_step_of_one_group_is_not_split() -> None:
    """One request holds one group."""
    assert [ACCELERATOR.split_step(step) for step in ACCELERATOR.steps(swap(ACCELERATOR), ())] == [
        ()
    ] * 4


@pytest.mark.parametrize("lever", LEVERS, ids=lambda lever: lever.kind)
def test_a_step_that_closes_the_pool_is_refused_until_another_region_is_known_to_be_open(
    lever: AnyLever,
) -> None:
    """A step that opens is always allowed, and so is one that is the pool's only step."""
    opening, closing = (WriteStep({one: writes}, POOL) for one, writes in swap(lever).items())
    pool = {
        EAST: resources(lever, EAST, SHUT[lever]),
        WEST: resources(lever, WEST, OPEN[lever]),
    }

    assert lever.refusal(opening, (), pool) is None
    assert lever.refusal(closing, opening.writes, pool) is None
    assert lever.refusal(closing, (), pool) == (
        "not sent: pool world of shop would have no region left that is open, for what was to open "
        f"before is not known to be; {lever.all_closed_effect}"
    )
    assert lever.refusal(replace(closing, split_pool=None), (), pool) is None


@pytest.mark.parametrize("lever", LEVERS, ids=lambda lever: lever.kind)
def test_a_step_that_closes_one_of_two_open_regions_is_allowed(lever: AnyLever) -> None:
    """Whatever was applied before."""
    (_, closing) = (WriteStep({one: writes}, POOL) for one, writes in swap(lever).items())
    pool = {region: resources(lever, region, OPEN[lever]) for region in (EAST, WEST)}

    assert lever.refusal(closing, (), pool) is None


def test_a_step_that_closes_one_listener_everywhere_is_refused() -> None:
    """The region's other listener, which opened, does not help its users."""
    east, west = swap(ACCELERATOR)
    opened = to_all(group(EAST, "80", SHUT[ACCELERATOR]), 100.0, 128)
    pool = {
        EAST: resources(ACCELERATOR, EAST, SHUT[ACCELERATOR]),
        WEST: resources(ACCELERATOR, WEST, OPEN[ACCELERATOR]),
    }
    at_80, at_443 = (
        WriteStep({west: (to_all(group(WEST, listener, OPEN[ACCELERATOR]), 0.0, 0),)}, POOL)
        for listener in ("80", "443")
    )

    assert ACCELERATOR.refusal(at_80, [opened], pool) is None
    assert ACCELERATOR.refusal(at_443, [opened], pool) is not None
    assert east.after.is_open


def test_a_record_that_was_read_again_meanwhile_still_counts_as_written() -> None:
    """It is identified by name, type and SetIdentifier, not by its other properties."""
    east, west = (leaf(region, "A", 128) for region in (EAST, WEST))
    again = replace(west, rest='{"TTL": 30}')

    assert ROUTE53.closes_all({EAST: (), WEST: (again,)}, [WeightChange(west, 0)])
    assert not ROUTE53.closes_all({EAST: (east,), WEST: (again,)}, [WeightChange(west, 0)])
