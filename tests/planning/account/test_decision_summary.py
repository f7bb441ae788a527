"""Decisions and cycles in short, and whose doing they were; told on the storyboards' player."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from controller.model.configuration import Mode
from controller.model.decision import Decision, DecisionRecord, Snapshot
from controller.model.encoding import as_text
from controller.planning.account.decision_changes import override_authors
from controller.planning.account.decision_summary import (
    LEFT_OUT,
    PublishedShares,
    cut_to_size,
    cycle_summary,
    decision_summary,
    published_shares,
    reduced_to_summary,
)
from controller.planning.decision import decide
from tests.fakes.clock import NOON
from tests.planning.test_properties import players
from tests.storyboards.player import StoryboardPlayer

CALM = ("pool world us-east-1 eu-west-1", "decide")


def decided(*lines: str) -> tuple[Snapshot, Decision]:
    """What is decided after these commands of the player."""
    player = StoryboardPlayer()
    for line in (*CALM, *lines):
        player.play(line)
    snapshot = player.snapshot()
    return snapshot, decide(snapshot)


def record(decision: Decision) -> DecisionRecord:
    """It, kept."""
    return DecisionRecord(
        id=7,
        at=NOON,
        cycle=3,
        mode=Mode.ACTIVE,
        trigger=("eu-west-1 up → down",),
        regions=decision.regions,
        plans=decision.plans,
        written=(),
        timeline=(),
        expected_effect="",
    )


def test_a_summary_has_the_moves_region_by_region() -> None:
    """From what AWS had to how far it goes now."""
    _, decision = decided("see eu-west-1=D")
    summary = decision_summary(record(decision))
    place = {"service": "shop", "pool": "world"}
    assert summary["moves"] == [
        {**place, "region": "us-east-1", "before": 0.5, "after": 1.0},
        {**place, "region": "eu-west-1", "before": 0.5, "after": 0.0},
    ]
    assert (summary["decision_id"], summary["withheld"], summary["holds"]) == (7, [], [])


@given(players())
def test_a_record_reduced_to_its_summary_has_the_same_summary(player: StoryboardPlayer) -> None:
    """Of whatever is decided."""
    decision = decide(player.snapshot())
    assert decision_summary(reduced_to_summary(record(decision))) == decision_summary(
        record(decision)
    )


def test_withheld_moves_are_summarised_as_desired() -> None:
    """A dry run shows what would have moved."""
    _, decision = decided("dry-run", "see eu-west-1=D")
    summary = decision_summary(record(decision))
    assert summary["moves"] == []
    assert [(m["region"], m["after"]) for m in summary["withheld"]] == [  # type: ignore[attr-defined]  # a list of objects
        ("us-east-1", 1.0),
        ("eu-west-1", 0.0),
    ]
    held = {"service": "shop", "pool": "world", "region": None, "reason": "dry_run"}
    assert summary["holds"] == [held]


def test_cycles_in_which_only_time_passed_are_equal() -> None:
    """So that a calm day is silent."""
    first, again = (
        cycle_summary(*decided(*lines)) for lines in ((), ("wait 5", "see us-east-1=U"))
    )
    assert first == again


def test_cycles_that_users_see_as_different_differ() -> None:
    """Health, order, share, hold."""
    told = [
        cycle_summary(*decided(*lines))
        for lines in (
            (),
            ("see eu-west-1=S",),
            ("see eu-west-1=?",),
            ("see eu-west-1=D",),
            ("see eu-west-1=D", "decide"),
            ("freeze",),
            ("edit world eu-west-1 1",),
        )
    ]
    assert all(one != other for i, one in enumerate(told) for other in told[:i])


def test_a_cycle_has_the_pools_that_move_or_changed() -> None:
    """Pools as published are left out, held or not."""
    snapshot, decision = decided()
    told = published_shares(decision)
    assert [pool["pool"] for pool in pools(snapshot, decision, {})] == ["world"]
    assert pools(snapshot, decision, told) == []
    moving = decided("see eu-west-1=D")
    assert [pool["desired"] for pool in pools(*moving, told)] == [
        {"us-east-1": 1.0, "eu-west-1": 0.0}
    ]
    wanted = decided("dry-run", "see eu-west-1=D")
    assert len(pools(*wanted, published_shares(wanted[1]))) == 1
    moved = decided("see eu-west-1=D", "decide")
    assert pools(*moved, told)[0]["observed"] == {"us-east-1": 1.0, "eu-west-1": 0.0}
    nearly = {place: ({r: s + 0.0001 for r, s in b.items()}, a) for place, (b, a) in told.items()}
    assert pools(snapshot, decision, nearly) == []


def pools(snapshot: Snapshot, decision: Decision, told: PublishedShares) -> list[dict[str, Any]]:
    """The pools in the summary of a cycle."""
    found = cycle_summary(snapshot, decision, told)["pools"]
    assert isinstance(found, list)
    return found


@given(
    st.dictionaries(
        st.text(max_size=5),
        st.one_of(
            st.lists(st.text(max_size=30), max_size=30),
            st.text(max_size=200),
            st.integers(),
            st.dictionaries(st.text(max_size=3), st.text(max_size=50), max_size=5),
        ),
        max_size=6,
    ),
    st.integers(0, 600),
)
def test_a_summary_is_cut_to_so_many_bytes(summary: dict[str, object], most_bytes: int) -> None:
    """With the beginning of lists and the end of texts, and with how much is missing."""
    if LEFT_OUT in summary:
        return
    found = cut_to_size(summary, most_bytes)
    size = len(as_text(found).encode())
    missing = found.pop(LEFT_OUT, {})
    assert isinstance(missing, dict)
    assert size <= most_bytes or not any(found.values())
    assert found.keys() == summary.keys()
    for name, value in summary.items():
        kept = found[name]
        if name not in missing:
            assert kept == value
        elif isinstance(value, list):
            assert kept == value[: len(value) - missing[name]]
        elif isinstance(value, str) and kept is not None:
            assert kept == "\n".join(value.splitlines()[missing[name] :])
        else:
            assert kept is None


def test_an_automatic_move_has_no_author() -> None:
    """Even while an order for something else is active."""
    snapshot, decision = decided("freeze", "decide", "see eu-west-1=D")
    assert override_authors(decision, snapshot.overrides, snapshot.overrides) == ()


def test_setting_and_ending_an_order_is_its_authors_doing() -> None:
    """The end of one, too: traffic comes back by it."""
    snapshot, decision = decided("freeze")
    [freeze] = snapshot.overrides
    assert override_authors(decision, (), (freeze,)) == (freeze.author,)
    assert override_authors(decision, (freeze,), ()) == (freeze.author,)


def test_a_region_that_leaves_by_an_order_leaves_by_its_author() -> None:
    """Also in a later step; another order's author has no part in it."""
    snapshot, decision = decided("drain eu-west-1")
    [drain] = snapshot.overrides
    bob = replace(drain, id=2, region="us-east-1", author="bob")
    assert decision.changes
    assert override_authors(decision, (drain, bob), (drain, bob)) == (drain.author,)


def test_every_step_of_a_pin_is_its_authors_doing() -> None:
    """Until the region has its share; then, or when the pin is refused, nothing moves by it."""
    step = ("decide", "wait 30", "see us-east-1=U eu-west-1=U")
    for steps, author in ((), True), (step, True), ((*step, *step), False):
        snapshot, decision = decided("pin us-east-1 90", *steps)
        [pin] = snapshot.overrides
        assert bool(decision.changes) is author
        assert override_authors(decision, (pin,), (pin,)) == ((pin.author,) if author else ())


def test_a_pinned_region_that_fails_is_not_moved_by_the_pin() -> None:
    """It leaves by itself."""
    snapshot, decision = decided("pin us-east-1 50", "decide", "see us-east-1=D")
    [pin] = snapshot.overrides
    assert decision.changes
    assert override_authors(decision, (pin,), (pin,)) == ()
