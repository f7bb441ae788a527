"""What positions are expected to show."""

from __future__ import annotations

import pytest

from controller.loops.levers.expectations import Expectations
from controller.model.errors import StateUnavailableError
from controller.model.levers import Change, LeverState, OutcomeStatus, Position
from tests.fakes.store import FakeStore
from tests.loops.small import EAST, WEST, events, logged, small

SETTINGS = small()
POSITION = Position("shop", "world", WEST)
OTHER = Position("shop", "world", EAST)
DRAIN = Change(POSITION, LeverState(128), LeverState(0))


async def test_before_a_write_is_answered_either_setting_may_be_seen() -> None:
    """The newest stands last: it is the one that people are told was expected."""
    expectations = Expectations(FakeStore())
    await expectations.record_intent([DRAIN])

    assert expectations.all == {POSITION: (LeverState(128), LeverState(0))}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (OutcomeStatus.APPLIED, (LeverState(0),)),
        (OutcomeStatus.REFUSED, (LeverState(128),)),
        (OutcomeStatus.UNKNOWN, (LeverState(128), LeverState(0))),
    ],
)
async def test_the_answer_narrows_it_down(
    status: OutcomeStatus, expected: tuple[LeverState, ...]
) -> None:
    """Unknown leaves both possible."""
    expectations = Expectations(FakeStore())
    await expectations.record_intent([DRAIN])
    await expectations.record_results({DRAIN: status})

    assert expectations.all == {POSITION: expected}


@pytest.mark.parametrize("status", list(OutcomeStatus))
async def test_an_answer_says_nothing_of_a_position_that_was_forgotten(
    status: OutcomeStatus,
) -> None:
    """A reload gave it other records while the write to the old ones was under way."""
    expectations = Expectations(FakeStore())
    await expectations.record_intent([DRAIN])
    for known in (expectations._expected, expectations._before_write):
        known.clear()
    await expectations.record_results({DRAIN: status})

    assert expectations.all == {}


async def test_a_refusal_leaves_what_was_expected_before_the_write() -> None:
    """An earlier write of unknown outcome may still show; a manual edit stays drift."""
    expectations = Expectations(FakeStore())
    await expectations.record_intent([DRAIN])
    await expectations.record_results({DRAIN: OutcomeStatus.UNKNOWN})
    again = Change(POSITION, LeverState(7), LeverState(64))
    await expectations.record_intent([again])
    between = expectations.all
    await expectations.record_results({again: OutcomeStatus.REFUSED})

    assert between == {POSITION: (LeverState(128), LeverState(0), LeverState(64))}
    assert expectations.all == {POSITION: (LeverState(128), LeverState(0))}


async def test_the_newest_setting_is_last_and_none_is_twice() -> None:
    """However often the same is tried."""
    expectations = Expectations(FakeStore())
    for after in (0, 64, 0):
        change = Change(POSITION, LeverState(128), LeverState(after))
        await expectations.record_intent([change])
        await expectations.record_results({change: OutcomeStatus.UNKNOWN})

    assert expectations.all == {POSITION: (LeverState(128), LeverState(64), LeverState(0))}


async def test_what_was_never_sent_changes_nothing() -> None:
    """A change that was refused before it was intended."""
    expectations = Expectations(FakeStore())
    await expectations.accept_observed({POSITION: LeverState(7)})
    await expectations.record_intent([])
    await expectations.record_results({DRAIN: OutcomeStatus.REFUSED})

    assert expectations.all == {POSITION: (LeverState(7),)}


async def test_adopting_takes_what_was_seen_for_what_is_expected() -> None:
    """Of the named positions only."""
    expectations = Expectations(FakeStore())
    await expectations.record_intent([DRAIN, Change(OTHER, LeverState(1), LeverState(2))])
    await expectations.accept_observed({POSITION: LeverState(7)})

    assert expectations.all == {POSITION: (LeverState(7),), OTHER: (LeverState(1), LeverState(2))}


async def test_a_later_process_takes_up_what_an_earlier_one_remembered() -> None:
    """Everything ever touched, not only what was touched last."""
    store = FakeStore()
    earlier = Expectations(store)
    await earlier.record_intent([DRAIN])
    await earlier.record_results({DRAIN: OutcomeStatus.APPLIED})
    await earlier.accept_observed({OTHER: LeverState(7)})
    later = Expectations(store)
    await later.load(SETTINGS)

    assert later.all == earlier.all == {POSITION: (LeverState(0),), OTHER: (LeverState(7),)}


async def test_of_positions_that_are_not_in_the_settings_some_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They may come back with other settings; but they must not become ever more."""
    monkeypatch.setattr("controller.loops.levers.expectations._KEPT_ELSEWHERE", 3)
    gone = [
        Position("blog", "world", WEST),
        Position("shop", "asia", WEST),
        *(Position("shop", "world", f"eu-north-{number}") for number in range(5)),
    ]
    store = FakeStore()
    await store.expect(dict.fromkeys((*gone, POSITION, OTHER), (LeverState(7),)))
    expectations = Expectations(store)
    with logged() as lines:
        await expectations.load(SETTINGS)
        await expectations.accept_observed({OTHER: LeverState(8)})

    assert [(line["event"], line["positions"]) for line in lines] == [("expectations_forgotten", 4)]
    assert expectations.all.keys() == {*gone[:3], POSITION, OTHER}
    assert (await store.expected()).keys() == {*gone[:3], POSITION, OTHER}
    await Expectations(store).load(SETTINGS)


async def test_a_store_that_fails_is_logged_and_the_process_still_knows() -> None:
    """Only a restart would forget it."""
    store = FakeStore()
    expectations = Expectations(store)
    store.unavailable = True
    with logged() as lines:
        await expectations.record_intent([DRAIN])

    assert events(lines) == ["expectation_not_durable"]
    assert expectations.all == {POSITION: (LeverState(128), LeverState(0))}


async def test_a_state_that_cannot_be_read_is_no_empty_state() -> None:
    """Starting without it would take every later manual edit for ours."""
    store = FakeStore()
    store.unavailable = True

    with pytest.raises(StateUnavailableError):
        await Expectations(store).load(SETTINGS)


async def test_nothing_to_remember_is_not_written() -> None:
    """Most cycles adopt nothing."""
    store = FakeStore()
    store.unavailable = True
    with logged() as lines:
        await Expectations(store).accept_observed({})

    assert lines == []


async def test_what_is_returned_does_not_change_later() -> None:
    """A decision looks at one moment."""
    expectations = Expectations(FakeStore())
    await expectations.accept_observed({POSITION: LeverState(7)})
    told = expectations.all
    await expectations.accept_observed({POSITION: LeverState(8)})

    assert told == {POSITION: (LeverState(7),)}
