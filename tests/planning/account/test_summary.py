"""Decisions and cycles in short, and whose doing they were; told on the storyboards' stage."""

from __future__ import annotations

from dataclasses import replace

from controller.model.configuration import Mode
from controller.model.decision import Decision, DecisionRecord, Snapshot
from controller.planning.account.story import authors
from controller.planning.account.summary import cycle_summary, decision_summary
from controller.planning.decision import decide
from tests.fakes.clock import NOON
from tests.storyboards.stage import Stage

CALM = ("pool world us-east-1 eu-west-1", "decide")


def decided(*lines: str) -> tuple[Snapshot, Decision]:
    """What is decided after these commands of the stage."""
    stage = Stage()
    for line in (*CALM, *lines):
        stage.play(line)
    snapshot = stage.snapshot()
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


def test_a_decisions_moves_are_told_region_by_region() -> None:
    """From what AWS had to how far it goes now."""
    _, decision = decided("see eu-west-1=D")
    summary = decision_summary(record(decision))
    place = {"service": "shop", "pool": "world"}
    assert summary["moves"] == [
        {**place, "region": "us-east-1", "before": 0.5, "after": 1.0},
        {**place, "region": "eu-west-1", "before": 0.5, "after": 0.0},
    ]
    assert (summary["decision_id"], summary["withheld"], summary["holds"]) == (7, [], [])


def test_what_a_guard_holds_is_told_as_what_is_wanted() -> None:
    """Whoever rehearses with a dry run sees what would have moved."""
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


def test_cycles_that_people_would_tell_apart_differ() -> None:
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


def test_an_automatic_move_is_nobodys() -> None:
    """Even while an order for something else is in force."""
    snapshot, decision = decided("freeze", "decide", "see eu-west-1=D")
    assert authors(decision, snapshot.overrides, snapshot.overrides) == ()


def test_setting_and_ending_an_order_is_its_authors_doing() -> None:
    """The end of one, too: traffic comes back by it."""
    snapshot, decision = decided("freeze")
    [freeze] = snapshot.overrides
    assert authors(decision, (), (freeze,)) == (freeze.author,)
    assert authors(decision, (freeze,), ()) == (freeze.author,)


def test_a_region_that_leaves_by_an_order_leaves_by_its_author() -> None:
    """Also in a later step; another order's author has no part in it."""
    snapshot, decision = decided("drain eu-west-1")
    [drain] = snapshot.overrides
    bob = replace(drain, id=2, region="us-east-1", author="bob")
    assert decision.changes
    assert authors(decision, (drain, bob), (drain, bob)) == (drain.author,)


def test_every_step_of_a_pin_is_its_authors_doing() -> None:
    """Until the region has its share; then, or when the pin is refused, nothing moves by it."""
    step = ("decide", "wait 30", "see us-east-1=U eu-west-1=U")
    for steps, author in ((), True), (step, True), ((*step, *step), False):
        snapshot, decision = decided("pin us-east-1 90", *steps)
        [pin] = snapshot.overrides
        assert bool(decision.changes) is author
        assert authors(decision, (pin,), (pin,)) == ((pin.author,) if author else ())


def test_a_pinned_region_that_fails_is_not_moved_by_the_pin() -> None:
    """It leaves by itself."""
    snapshot, decision = decided("pin us-east-1 50", "decide", "see us-east-1=D")
    [pin] = snapshot.overrides
    assert decision.changes
    assert authors(decision, (pin,), (pin,)) == ()
