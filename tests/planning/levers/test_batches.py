"""Which changes go into one batch, by what Route 53 counts."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.model.levers import Change, LeverState, Position, RecordSet, WeightChange
from controller.planning.levers.batches import (
    BatchSize,
    WeightBatch,
    WeightChanges,
    pack_batches,
    size_of,
)

V4, V6 = "192.0.2.1", "2001:db8:0:0:0:0:0:1"
LONG = '"' + "x" * 398 + '"'


def record(values: Iterable[str], type_: str = "A") -> RecordSet:
    rest = json.dumps({"TTL": 60, "ResourceRecords": [{"Value": value} for value in values]})
    return RecordSet("world.shop.test.", type_, "eu-west-1", 128, "check", rest)


def alias() -> RecordSet:
    target = {"HostedZoneId": "Z1", "DNSName": "x.test.", "EvaluateTargetHealth": True}
    return RecordSet("w.", "A", "eu-west-1", 128, None, json.dumps({"AliasTarget": target}))


def pool(name: str, regions: int, values: int = 1, value: str = V4) -> WeightChanges:
    """The changes of a pool: its regions' A and AAAA with so many values each."""
    changes = (
        Change(Position("shop", name, f"r{number}"), LeverState(128), LeverState(0))
        for number in range(regions)
    )
    twins = (record([value] * values), record([value] * values, "AAAA"))
    return {change: tuple(WeightChange(one, 0) for one in twins) for change in changes}


def joined(pools: Iterable[WeightChanges]) -> WeightChanges:
    return {change: each for one in pools for change, each in one.items()}


def size(batch: WeightBatch) -> BatchSize:
    return size_of(one.record for each in batch.parts.values() for one in each)


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([record([V4])], (2, 18)),
        ([record([V4] * 3)], (6, 54)),
        ([record([V4]), record([V6], "AAAA")], (4, 58)),
        ([alias()], (2, 0)),
        ([], (0, 0)),
    ],
)
def test_a_change_counts_every_value_deleted_and_created(
    records: list[RecordSet], expected: tuple[int, int]
) -> None:
    """An alias has no value; it counts as one to be on the safe side."""
    assert size_of(records) == expected


@pytest.mark.parametrize(("pools", "count"), [(83, 1), (84, 2), (166, 2), (200, 3)])
def test_pools_fill_batches_to_a_thousand_elements(pools: int, count: int) -> None:
    """A and AAAA with three addresses are 12 elements: 83 pools fit, not one more."""
    found = pack_batches(joined(pool(f"p{number}", 1, values=3) for number in range(pools)), ())

    assert len(found) == count
    assert max(size(batch).elements for batch in found) <= 1_000


@pytest.mark.parametrize(("pools", "count"), [(20, 1), (21, 2)])
def test_pools_fill_batches_to_32000_characters(pools: int, count: int) -> None:
    """Values of 400 characters: 1,600 for each pool, with 4 elements only."""
    found = pack_batches(joined(pool(f"p{number}", 1, value=LONG) for number in range(pools)), ())

    assert len(found) == count
    assert max(size(batch).characters for batch in found) <= 32_000


def test_a_pool_stays_in_one_batch_and_small_ones_fill_the_gaps() -> None:
    """Three pools of 600, 600 and 400 elements: two batches, not three."""
    pools = [pool("a", 150), pool("b", 150), pool("c", 100)]
    found = pack_batches(joined(pools), ())

    names = [sorted({c.position.pool for c in batch.parts}) for batch in found]
    assert names == [["a", "c"], ["b"]]
    assert all(batch.part_of is None for batch in found)


def test_urgent_pools_come_first() -> None:
    """However they are listed; calm ones fill what room is left."""
    pools = [pool("calm", 150), pool("urgent", 150), pool("small", 50)]
    found = pack_batches(joined(pools), {("shop", "urgent")})

    names = [next(iter(batch.parts)).position.pool for batch in found]
    assert names == ["urgent", "calm"]


def test_a_pool_that_no_batch_can_hold_is_split_by_position_in_its_order() -> None:
    """A and AAAA stay together; what opens stays before what closes."""
    large = pool("large", 7, values=80)
    found = pack_batches(joined([pool("small", 1), large]), {("shop", "large")})

    parts = [batch for batch in found if batch.part_of == ("shop", "large")]
    assert [len(batch.parts) for batch in parts] == [3, 3, 1]
    assert [change for batch in parts for change in batch.parts] == list(large)
    assert found[:3] == parts
    assert all(len(each) == 2 for batch in parts for each in batch.parts.values())


def test_a_position_that_no_batch_can_hold_stands_alone() -> None:
    """It is refused unsent, and hinders no other."""
    found = pack_batches(joined([pool("large", 3, values=300), pool("small", 1)]), ())

    assert sorted(len(batch.parts) for batch in found) == [1, 1, 1, 1]


@given(
    st.lists(
        st.tuples(st.integers(1, 20), st.integers(1, 40), st.sampled_from([V4, V6, LONG])),
        max_size=8,
    ),
    st.sets(st.integers(0, 7)),
)
def test_everything_is_sent_once_and_whatever_can_fit_fits(
    pools: list[tuple[int, int, str]], urgent: set[int]
) -> None:
    """Any pools: urgent before calm ones that did not fit beside them."""
    everything = joined(
        pool(f"p{number}", regions, values, value)
        for number, (regions, values, value) in enumerate(pools)
    )
    found = pack_batches(everything, {("shop", f"p{number}") for number in urgent})

    assert sorted(c for batch in found for c in map(str, batch.parts)) == sorted(
        map(str, everything)
    )
    for batch in found:
        assert size(batch).fits or len(batch.parts) == 1
