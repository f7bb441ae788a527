"""What counts as drift, and which observed states are accepted; with several parts too."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations_with_replacement

import pytest

from controller.model.decision import Decision, PoolPlan, Snapshot, WriteResult
from controller.model.levers import (
    Change,
    LeverState,
    Observed,
    Outcome,
    OutcomeStatus,
    Position,
)
from controller.model.memory import Memory
from controller.planning.drift import accepted_states, find_drift, resolved_drift
from controller.planning.guards.way_back import with_unexplained_parts
from controller.planning.write_results import status_by_change
from tests.loops.small import small

HERE = Position("shop", "world", "eu-west-1")
BEFORE, AFTER, THEIRS = LeverState(128), LeverState(64), LeverState(7)
APPLIED, REFUSED, UNKNOWN = OutcomeStatus.APPLIED, OutcomeStatus.REFUSED, OutcomeStatus.UNKNOWN


def snapshot(parts: tuple[LeverState, ...], expected: tuple[LeverState, ...] | None) -> Snapshot:
    """One position whose parts show this."""
    shown = tuple(sorted(set(parts), key=lambda one: -one.weight))
    is_unequal = len(shown) > 1
    observed = Observed(
        0.0,
        {HERE: shown[0]},
        frozenset({HERE} if is_unequal else ()),
        parts={HERE: shown} if is_unequal else {},
    )
    return Snapshot(
        now=100.0,
        started_at=0.0,
        settings=small(),
        health={},
        known_good={},
        observed={"shop": observed},
        expected={} if expected is None else {HERE: expected},
        overrides=(),
    )


PARTS = [
    parts
    for count in (1, 2, 3)
    for parts in combinations_with_replacement((BEFORE, AFTER, THEIRS), count)
]
EXPECTED = [None, (BEFORE,), (AFTER,), (BEFORE, AFTER)]


@pytest.mark.parametrize("expected", EXPECTED, ids=str)
@pytest.mark.parametrize("parts", PARTS, ids=str)
def test_it_is_drift_unless_every_part_shows_something_expected(
    parts: tuple[LeverState, ...], expected: tuple[LeverState, ...] | None
) -> None:
    """What a position shows that is seen for the first time is no change."""
    is_ours = expected is None or set(parts) <= set(expected)

    assert (HERE not in find_drift(snapshot(parts, expected), "shop")) is is_ours


def test_drift_says_what_every_part_shows() -> None:
    """The most open first."""
    assert find_drift(snapshot((LeverState(0), BEFORE), (BEFORE,)), "shop") == {
        HERE: "shop/world/eu-west-1: weight 128 expected, weight 128 and weight 0 seen"
    }


@pytest.mark.parametrize(
    ("expected", "shown", "is_same"),
    [
        (LeverState(230, 100.0), LeverState(128, 100.0), True),
        (LeverState(0, 0.0), LeverState(128, 0.0), True),
        (LeverState(230, 100.0), LeverState(0, 100.0), False),
        (LeverState(230, 100.0), LeverState(230, 50.0), False),
        (LeverState(128), LeverState(64), False),
    ],
)
def test_weights_inside_an_endpoint_group_are_no_drift(
    expected: LeverState, shown: LeverState, is_same: bool
) -> None:
    """They share a group's users among its endpoints; a record's weight is a region's share."""
    assert (find_drift(snapshot((shown,), (expected,)), "shop") == {}) is is_same
    narrowed = accepted_states(
        snapshot((shown,), (BEFORE, expected)), Decision({}, (), {}, Memory()), ()
    )
    assert (narrowed == {HERE: shown}) is is_same


def test_parts_that_differ_when_first_seen_are_a_fault_not_a_change() -> None:
    """Meant so, or half of a drain that nobody remembers: a person says which."""
    seen = snapshot((LeverState(0), BEFORE), None)
    observed = with_unexplained_parts(seen.observed["shop"], {})
    (fault,) = observed.misconfigured("world")
    assert "eu-west-1 differ (weight 128 and weight 0)" in fault
    assert with_unexplained_parts(observed, {HERE: (BEFORE,)}) is observed


@pytest.mark.parametrize(
    ("parts", "expected", "narrowed"),
    [
        ((AFTER,), (BEFORE, AFTER), AFTER),
        ((BEFORE,), (BEFORE, AFTER), None),
        ((BEFORE, AFTER), (BEFORE, AFTER), None),
        ((AFTER,), (AFTER,), None),
        ((THEIRS,), None, THEIRS),
        ((THEIRS, AFTER), None, None),
    ],
)
def test_a_reading_that_shows_our_last_write_confirms_it(
    parts: tuple[LeverState, ...],
    expected: tuple[LeverState, ...] | None,
    narrowed: LeverState | None,
) -> None:
    """From then on the old state is another party's."""
    plan = PoolPlan("shop", "world", {}, {}, {})
    seen = snapshot(parts, expected)
    decision = Decision({}, (plan,), find_drift(seen, "shop"), Memory())
    found = accepted_states(seen, decision, ())
    assert found == ({} if narrowed is None else {HERE: narrowed})


def test_what_this_cycle_writes_is_not_confirmed_by_what_it_read() -> None:
    """The reading is older than the write."""
    seen = snapshot((AFTER,), (BEFORE, AFTER))
    change = Change(HERE, AFTER, BEFORE)
    decision = Decision(
        {}, (PoolPlan("shop", "world", {}, {}, {}, changes=(change,)),), {}, Memory()
    )

    assert accepted_states(seen, decision, {HERE}) == {}


DRAIN = Change(HERE, BEFORE, AFTER)


@pytest.mark.parametrize(
    ("lever", "statuses", "result"),
    [
        ("route53", [APPLIED], APPLIED),
        ("route53", [REFUSED, APPLIED], APPLIED),
        ("route53", [REFUSED, REFUSED], REFUSED),
        ("route53", [REFUSED, UNKNOWN], UNKNOWN),
        ("accelerator", [APPLIED, APPLIED], APPLIED),
        ("accelerator", [REFUSED, APPLIED], UNKNOWN),
        ("accelerator", [APPLIED, REFUSED], UNKNOWN),
        ("accelerator", [REFUSED, REFUSED], REFUSED),
        ("accelerator", [APPLIED, UNKNOWN], UNKNOWN),
    ],
)
def test_a_change_is_applied_or_refused_only_with_all_its_parts(
    lever: str, statuses: list[OutcomeStatus], result: OutcomeStatus
) -> None:
    """A batch holds them all, so a second one is another try; groups are written one by one."""
    written = [WriteResult(lever, "target", (DRAIN,), Outcome(status)) for status in statuses]

    assert status_by_change(written) == {DRAIN: result}


def test_changes_have_their_own_results() -> None:
    """Of one batch or of several."""
    other = replace(DRAIN, position=Position("shop", "europe", "eu-west-1"))
    written = [
        WriteResult("route53", "Z1", (DRAIN, other), Outcome(REFUSED)),
        WriteResult("route53", "Z1", (DRAIN,), Outcome(APPLIED)),
        WriteResult("route53", "Z1", (other,), Outcome(REFUSED)),
    ]

    assert status_by_change(written) == {DRAIN: APPLIED, other: REFUSED}


def test_a_change_that_was_not_applied_does_not_resolve_drift() -> None:
    """Otherwise the drift that remains would count as a revert of our write."""
    other = Position("shop", "world", "us-east-1")
    third = Position("shop", "world", "ap-south-1")
    changes = (DRAIN, replace(DRAIN, position=other))
    plan = PoolPlan("shop", "world", {}, {}, {}, changes=changes)
    decision = Decision({}, (plan,), dict.fromkeys((HERE, other, third), "seen"), Memory())

    assert resolved_drift(decision, {other}) == {other, third}
    assert resolved_drift(decision, set()) == set()
