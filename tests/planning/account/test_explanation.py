"""What people read of decisions, letter by letter."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from controller.model.configuration import Mode
from controller.model.decision import Decision, DecisionRecord, PoolPlan, TimelineEvent, WriteResult
from controller.model.levers import Change, LeverState, Outcome, OutcomeStatus, Position
from controller.planning.account.alternatives import rejected_alternatives
from controller.planning.account.decision_changes import expected_effect, triggers
from controller.planning.account.evidence import Evidence
from controller.planning.account.explanation import explain_plan, explain_record
from controller.planning.decision import decide
from tests.storyboards.player import StoryboardPlayer

WHEN = datetime(2026, 6, 1, 12, 0, 3, tzinfo=UTC)
TWO_POOLS = """\
pool world us-east-1 eu-west-1 eu-central-1
pool europe eu-west-1 eu-central-1
region us-east-1 share=2
decide
"""
ACCELERATED = "pool world us-east-1 eu-west-1 accelerator\ndecide\n"


def played_story(story: str) -> tuple[StoryboardPlayer, Decision]:
    """What is decided at the end of a story told in the storyboards' words."""
    player = StoryboardPlayer()
    for line in story.splitlines():
        player.play(line)
    return player, decide(player.snapshot())


def plan_text(story: str) -> list[str]:
    return explain_plan(played_story(story)[1].plans).splitlines()


def record_of(
    story: str, written: tuple[WriteResult, ...] = (), timeline: tuple[TimelineEvent, ...] = ()
) -> DecisionRecord:
    player, decision = played_story(story)
    return DecisionRecord(
        id=12,
        at=WHEN,
        cycle=17,
        mode=Mode.ACTIVE,
        trigger=triggers(None, decision, (), ()),
        regions=decision.regions,
        plans=decision.plans,
        written=written,
        timeline=timeline,
        expected_effect=expected_effect(Evidence(player.snapshot(), decision)),
        rejected=rejected_alternatives(player.snapshot(), decision),
    )


def failover() -> DecisionRecord:
    """A region is down; its weights were written and what followed is known."""
    story = f"{TWO_POOLS}see eu-west-1=S\nwait 0.4\nsee eu-west-1=D"
    changes = played_story(story)[1].changes
    outcome = Outcome(OutcomeStatus.APPLIED, change_id="C1", took_s=0.42)
    timeline = (
        TimelineEvent("first_failure", WHEN - timedelta(seconds=0.42)),
        TimelineEvent("detected", WHEN),
        TimelineEvent("decided", WHEN),
        TimelineEvent("applied", WHEN + timedelta(seconds=0.42), "route53 Z1"),
        TimelineEvent("insync", WHEN + timedelta(seconds=12), "route53 Z1"),
    )
    return record_of(story, (WriteResult("route53", "Z1", changes, outcome),), timeline)


def test_a_failover_is_explained_from_trigger_to_timeline() -> None:
    """Every section in its place, numbers before and after, offsets from the first failure."""
    assert explain_record(failover()) == (
        """\
Decision 12  2026-06-01 12:00:03Z  cycle 17  mode active
Trigger    shop/us-east-1 unknown → up: web: answers in 20 ms (1 of 1 vantage point)
           shop/eu-west-1 unknown → down: web: 3 probes failed within 0.4 s, last: connection \
refused (1 of 1 vantage point)
           shop/eu-central-1 unknown → up: web: answers in 20 ms (1 of 1 vantage point)
Rules      shop/world (emergency): us-east-1 50 % → 66.7 %, eu-west-1 25 % → 0 %, \
eu-central-1 25 % → 33.3 %
             us-east-1     placement takes_over   50 % → 66.7 %           carries its part of \
what leaves eu-west-1
             eu-west-1     placement region_down  25 % → 0 %     binding  web: 3 probes failed \
within 0.4 s, last: connection refused (1 of 1 vantage point)
             eu-central-1  placement takes_over   25 % → 33.3 %           carries its part of \
what leaves eu-west-1
           shop/europe (emergency): eu-west-1 50 % → 0 %, eu-central-1 50 % → 100 %
             eu-west-1     placement region_down  50 % → 0 %    binding  web: 3 probes failed \
within 0.4 s, last: connection refused (1 of 1 vantage point)
             eu-central-1  placement takes_over   50 % → 100 %           carries its part of \
what leaves eu-west-1
Not chosen shop/europe  us-east-1  not lawful: pool europe does not name it
Wrote      route53 Z1: applied in 0.42 s, change C1
             shop/world/eu-west-1 weight 64 → weight 0
             shop/europe/eu-west-1 weight 128 → weight 0
Effect     shop/world         expected  us-east-1 50 % → 66.7 %, eu-west-1 25 % → 0 %, \
eu-central-1 25 % → 33.3 %; users follow within the TTL of 60 s after INSYNC
           shop/europe        expected  eu-west-1 50 % → 0 %, eu-central-1 50 % → 100 %; users \
follow within the TTL of 60 s after INSYNC
           shop/us-east-1     expected  carries 67 requests/s, 7 % of its capacity
           shop/eu-central-1  expected  carries 133 requests/s, 13 % of its capacity
                              measured  nothing yet
Timeline   12:00:02.580Z first_failure
                 +0.42 s detected
                 +0.42 s decided
                 +0.84 s applied  route53 Z1
                +12.42 s insync  route53 Z1"""
    )


def test_the_measured_effect_is_beside_the_expected_one() -> None:
    """Place by place; what belongs to no place comes last."""
    record = replace(failover(), measured_effect="shop/world: left\nshop/europe: left")

    effect = explain_record(record).partition("\nEffect")[2].partition("\nTimeline")[0].splitlines()
    assert [line.split()[:3] for line in effect][:4] == [
        ["shop/world", "expected", "us-east-1"],
        ["shop/world", "measured", "left"],
        ["shop/europe", "expected", "eu-west-1"],
        ["shop/europe", "measured", "left"],
    ]


def test_a_decision_that_moved_nothing_shows_its_holds() -> None:
    """Why nothing moved is an answer, too: the hold, its numbers, and what was not written."""
    text = explain_record(record_of(f"{TWO_POOLS}freeze\nsee eu-west-1=D"))

    assert "Held       shop/world frozen: frozen by ann: INC-42\n" in text
    assert "           shop/world/eu-west-1 weight 64 → weight 0 not written\n" in text
    assert "guard frozen  " in text
    assert "\nWrote      nothing" in text
    assert "measured" not in text


@pytest.mark.parametrize(
    ("outcome", "line"),
    [
        (
            Outcome(OutcomeStatus.REFUSED, "Throttling: Rate exceeded", took_s=0.1),
            "accelerator arn: refused in 0.10 s: Throttling: Rate exceeded",
        ),
        (
            Outcome(OutcomeStatus.UNKNOWN, "no answer within the deadline", took_s=5),
            "accelerator arn: unknown in 5.00 s: no answer within the deadline",
        ),
    ],
)
def test_a_failed_write_is_shown_with_the_answer_of_aws(outcome: Outcome, line: str) -> None:
    """Refused and unknown are told apart, with AWS's own words."""
    change = Change(
        Position("api", "world", "eu-west-1"), LeverState(128, 100.0), LeverState(0, 0.0)
    )
    record = record_of(TWO_POOLS, (WriteResult("accelerator", "arn", (change,), outcome),))

    text = explain_record(record)

    assert f"Wrote      {line}\n" in text
    assert "api/world/eu-west-1 dial 100 weight 128 → dial 0 weight 0" in text


def test_a_change_that_was_not_sent_is_shown_with_the_reason() -> None:
    """Such as while an earlier write to the same zone is not answered."""
    record = failover()
    sent = record.written[0]
    waiting = explain_record(replace(record, written=()))
    some = explain_record(replace(record, written=(replace(sent, changes=sent.changes[:1]),)))

    assert "nothing" not in waiting.partition("\nWrote")[2].partition("\nEffect")[0]
    for text, missing in ((waiting, sent.changes), (some, sent.changes[1:])):
        told = text.partition("not sent yet, for an earlier write there is not answered, or its")[2]
        assert all(str(change.position) in told.partition("\nEffect")[0] for change in missing)
    assert len(sent.changes) > 1
    assert "not sent yet" not in explain_record(record)


def test_a_record_without_a_trigger_has_a_text_for_it() -> None:
    """The section never vanishes: a decision was kept for some reason."""
    record = replace(record_of(TWO_POOLS), trigger=())

    assert "Trigger    the plan or its outcome changed, nothing else did" in explain_record(record)


def test_a_preview_shows_who_leaves_who_takes_over_and_what_is_written() -> None:
    """Only what moves, aligned, with the reason of each row and one line that sums up."""
    assert plan_text(f"{TWO_POOLS}failover eu-west-1") == [
        "~ shop/world   us-east-1     50 % → 66.7 %                  "
        "carries its part of what leaves eu-west-1",
        "~ shop/world   eu-west-1     25 % → 0 %     weight 64 → 0   failover by ann: INC-42",
        "~ shop/world   eu-central-1  25 % → 33.3 %                  "
        "carries its part of what leaves eu-west-1",
        "~ shop/europe  eu-west-1     50 % → 0 %     weight 128 → 0  failover by ann: INC-42",
        "~ shop/europe  eu-central-1  50 % → 100 %                   "
        "carries its part of what leaves eu-west-1",
        "",
        "Weight 0 is soft: still answered when every other region of the pool is unhealthy.",
        "Plan: 2 pools change, 2 weights",
    ]


def test_a_preview_of_a_refused_drain_names_the_guard() -> None:
    """A hold is shown with its numbers, and nothing pretends to move."""
    story = "pool europe eu-west-1 eu-central-1 demand=1500\ndecide\ndrain eu-west-1"

    assert plan_text(story) == [
        "! shop/europe  eu-west-1  held  "
        "capacity: without eu-west-1 pool europe would lack 500 requests/s of capacity",
        "",
        "No change; 1 held (capacity)",
    ]


def test_a_preview_under_a_freeze_shows_what_is_not_written() -> None:
    """What would be written without the hold stands below it."""
    assert plan_text(f"{TWO_POOLS}freeze\nsee eu-west-1=D") == [
        "! shop/world              held                  frozen: frozen by ann: INC-42",
        "! shop/world   eu-west-1  held  weight 64 → 0   not written",
        "! shop/europe             held                  frozen: frozen by ann: INC-42",
        "! shop/europe  eu-west-1  held  weight 128 → 0  not written",
        "",
        "No change; 2 held (frozen)",
    ]


def test_a_pool_may_change_and_hold_at_once() -> None:
    """A ramp's step is written while the rest of the way is held."""
    story = f"{TWO_POOLS}see eu-west-1=D\ndecide\nsee eu-west-1=U"

    assert plan_text(story)[-1] == "Plan: 2 pools change, 2 weights; 1 held (ramp_step)"


def test_dials_are_shown_with_the_weights_behind_an_accelerator() -> None:
    """Both units of the lever, counted as one dial."""
    assert plan_text(f"{ACCELERATED}failover eu-west-1") == [
        "~ shop/world  eu-west-1  100 % → 0 %  dial 100 → 0, weight 128 → 0  "
        "failover by ann: INC-42",
        "",
        "Endpoint weight 0 is soft: still used when nothing else is healthy.",
        "Plan: 1 pool changes, 1 dial",
    ]


def test_a_write_that_makes_unequal_twins_equal_is_shown() -> None:
    """A change without a difference in its own numbers still says what it does."""
    change = Change(Position("shop", "world", "eu-west-1"), LeverState(64), LeverState(64))
    plan = PoolPlan("shop", "world", {"eu-west-1": 1.0}, {"eu-west-1": 1.0}, {"eu-west-1": 1.0})

    text = explain_plan([replace(plan, changes=(change,))])

    assert "weight 64 on every record or endpoint" in text


def test_an_unchanged_pool_is_shown_with_its_split_when_everything_is_asked() -> None:
    """Between those that move and are held, in the settings' order; the sum is the same."""
    _, decision = played_story(f"{TWO_POOLS}drain europe/eu-west-1")
    brief = explain_plan(decision.plans).splitlines()
    full = explain_plan(decision.plans, everything=True).splitlines()

    (stays,) = (line for line in full if line.startswith("="))
    assert stays.split("  ")[0] == "= shop/world"
    assert stays.endswith("us-east-1 50 %, eu-west-1 25 %, eu-central-1 25 %")
    assert not any(line.startswith("=") for line in brief)
    assert full[-1] == brief[-1]


def test_nothing_to_do_is_one_reassuring_line() -> None:
    """A calm plan has no rows at all."""
    assert plan_text(TWO_POOLS) == ["No change."]


BINDING = """\
pool world us-east-1:20 eu-west-1:90 demand=400
pool europe eu-west-1:10 eu-central-1:20 demand=50
region us-east-1 capacity=300
region eu-west-1 capacity=300
region eu-central-1 capacity=300
ramp step_points=100
decide
"""
"""world's nearest region is full, and stays so."""


def test_a_pool_that_only_stays_as_it_is_is_left_out_when_another_moves() -> None:
    """At 3 a.m. one looks for what moved."""
    lines = explain_record(
        record_of(f"{BINDING}see eu-central-1=D\nedit europe eu-central-1 9")
    ).split("\n")

    assert any("shop/europe (emergency)" in line for line in lines)
    assert not any("shop/world" in line and "stays as it is" in line for line in lines)


def test_binding_rules_are_shown_when_nothing_moves() -> None:
    """It is why nothing moves."""
    text = explain_record(record_of(BINDING))

    assert "shop/world (calm): stays as it is" in text
    assert "placement capacity" in text


def test_a_guards_reason_is_shown_once() -> None:
    """Not once more for every region that it keeps where it is."""
    text = explain_record(record_of(f"{TWO_POOLS}freeze\nsee eu-west-1=D"))
    held = text.partition("\nHeld ")[2]
    assert held.count("frozen by ann: INC-42") == 2, "once for each pool"
    assert "guard frozen" in text
    assert text.count("see Held") == 5, "three regions and two"


def test_regions_with_the_same_hold_are_on_one_line() -> None:
    """A panic holds many of them for one reason."""
    text = explain_record(record_of(f"{TWO_POOLS}see eu-west-1=? eu-central-1=?"))
    held = text.partition("\nHeld ")[2]
    for pool in ("world", "europe"):
        assert f"shop/{pool}/eu-west-1, eu-central-1 unknown_health: " in held
