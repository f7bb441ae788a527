"""How a region stands in every pool, and what keeps it so, also when nothing moved."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given

from controller.model.configuration import Mode
from controller.model.decision import DecisionRecord, WriteResult
from controller.model.levers import Outcome, OutcomeStatus
from controller.planning.account.evidence import Evidence
from controller.planning.account.region_account import plans_as_applied, region_accounts
from controller.planning.account.region_account_text import explain_accounts, explain_time
from controller.planning.decision import decide
from tests.planning.test_properties import players
from tests.storyboards.player import StoryboardPlayer

EAST, WEST, CENTRAL = "us-east-1", "eu-west-1", "eu-central-1"
POOLS = (f"pool world {EAST} {WEST} {CENTRAL} demand=300", f"pool europe {WEST} {CENTRAL}")
NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
WELL = "web: answers in 20 ms (1 of 1 vantage point)"


LATENCY_MS = {EAST: 90.0, WEST: 20.0, CENTRAL: 30.0}


def evidence(*lines: str, latency_ms: dict[str, float] | None = None) -> Evidence:
    player = StoryboardPlayer()
    for line in (*POOLS, *lines):
        player.play(line)
    if latency_ms is not None:
        player.pools["world"]["latency_ms"] = latency_ms
    snapshot = player.snapshot()
    return Evidence(snapshot, decide(snapshot))


def told(*lines: str, region: str = WEST) -> list[str]:
    return explain_accounts(region_accounts(evidence(*lines), region)).splitlines()


def test_an_account_without_moves_has_the_reason_for_the_share() -> None:
    """Nothing holds it: placement wants what there is."""
    assert told("decide") == [
        f"shop/eu-west-1 is up: {WELL}; carries 150 requests/s, 15 % of its capacity",
        "  shop/world   stays 33.3 %  that is its configured share, and it has room for it",
        "  shop/europe  stays 50 %    that is its configured share, and it has room for it",
    ]


def test_a_region_is_shown_with_its_configured_location() -> None:
    """People know cities better than names of regions."""
    player = StoryboardPlayer()
    for line in (*POOLS, "decide"):
        player.play(line)
    player.catalogue[WEST] = {"place": "Dublin, Ireland"}
    snapshot = player.snapshot()
    text = explain_accounts(region_accounts(Evidence(snapshot, decide(snapshot)), WEST))
    assert text.startswith("shop/eu-west-1 (Dublin, Ireland) is up: ")


@pytest.mark.parametrize(
    ("lines", "row"),
    [
        (("decide", "freeze", f"see {WEST}=D"), "held by frozen: frozen by ann: INC-42"),
        (("decide", f"see {WEST}=?"), "held by unknown_health: web: no fresh result in 10 s"),
        (("decide", f"see {WEST}=D", "decide"), "it is down and carries nothing"),
        (("decide", f"drain {WEST}", "decide"), "drain by ann: INC-42 (#1)"),
        (("decide", f"pin {WEST} 10"), "pin at 10 % by ann: INC-42 (#1)"),
        (
            ("decide", f"lose europe {WEST}"),
            f"record europe.shop.test. A {WEST} is missing",
        ),
        (
            ("decide", f"see {WEST}=D", "decide", f"see {WEST}=U"),
            "held by ramp_step: at most 25 points a step, 30 s apart",
        ),
        (
            ("decide", f"see {WEST}=D", "decide", f"see {WEST}=U"),
            "wants 33.3 % (returns): serves again: web: answers in 20 ms",
        ),
        (("decide", "freeze"), "freeze by ann: INC-42 (#1)"),
        (
            ("decide", f"see {WEST}=D"),
            "wants 0 % (region_down, binding): web: 3 probes failed within 0.0 s",
        ),
    ],
)
def test_an_account_has_the_reasons(lines: tuple[str, ...], row: str) -> None:
    """Holds, orders and rules, each in a line."""
    assert any(row in line for line in told(*lines)), told(*lines)


def test_a_share_that_is_not_quite_the_configured_one_does_not_pass_for_it() -> None:
    """The dead band keeps it; and while others are out its part is larger than configured."""
    edit = (f"edit europe {WEST} 124", f"edit europe {CENTRAL} 132")
    assert told("decide", *edit)[2] == (
        "  shop/europe  stays 48.4 %  near its configured share of 50 %: a difference below 2 "
        "points is left as it is"
    )
    assert told("decide", f"see {WEST}=D", "decide", region=CENTRAL)[1] == (
        "  shop/world   stays 50 %   that is its configured share of the 2 regions that serve, and "
        "it has room for it"
    )


def test_a_move_is_shown_with_its_numbers() -> None:
    """And each of its reasons below the first."""
    lines = told("decide", f"drain {WEST}")
    assert lines[1] == "  shop/world   moves 33.3 % → 0 %  drain by ann: INC-42 (#1)"
    assert lines[2].strip() == "wants 0 % (drain, binding): drained by ann: INC-42"
    assert lines[2].index("wants") == lines[1].index("drain")


def test_a_hold_is_shown_once_and_for_the_regions_it_holds() -> None:
    """A freeze by its hold alone; another region's ramp not at all."""
    frozen = told("decide", "freeze", f"see {WEST}=D")
    assert sum("frozen by ann" in line for line in frozen) == 2, "once for each pool"
    assert not any("freeze by ann" in line for line in frozen)

    returning = ("decide", f"see {WEST}=D", "decide", f"see {WEST}=U")
    rows = told(*returning)
    assert sum("ramp_step" in line for line in rows) == 2
    assert not any("step (binding)" in line for line in rows)
    assert "held by ramp_step: keeps what eu-west-1 cannot take yet" in "\n".join(
        told(*returning, region=CENTRAL)
    )


def test_distance_explains_a_share_of_users_placed_near() -> None:
    """Those who are farther get nothing, and say so."""
    edits = [
        f"edit world {region} {128 if region == WEST else 0}" for region in (EAST, WEST, CENTRAL)
    ]
    found = evidence("decide", *edits, latency_ms=LATENCY_MS)
    texts = {region: region_accounts(found, region)[0].because for region in (EAST, WEST)}
    assert texts == {
        EAST: ("90 ms from the pool's users: others are nearer or cheaper",),
        WEST: ("20 ms from the pool's users: near enough for this share",),
    }


def test_traffic_that_stays_after_a_drain_ended_is_said_to_gain_too_little_by_its_return() -> None:
    """The region was the nearest and had all of it; others keep what is not worth a move."""
    latency_ms = {EAST: 90.0, WEST: 20.0, CENTRAL: 26.0}
    edits = [
        f"edit world {region} {weight}"
        for region, weight in ((EAST, 0), (WEST, 13), (CENTRAL, 115))
    ]
    found = evidence("decide", *edits, latency_ms=latency_ms)
    [west, *_], [central, *_] = (region_accounts(found, region) for region in (WEST, CENTRAL))

    assert west.because == (
        "20 ms from the pool's users: eu-central-1 keeps 89.8 % of them, who would gain 6 ms a "
        "request here; traffic moves without need for 10 ms or more (placement.move_gain_ms)",
    )
    assert central.because == ("26 ms from the pool's users: near enough for this share",)


def test_behind_an_accelerator_a_dial_is_open_because_the_region_may_serve() -> None:
    """Nearness decides the rest; the load is as modelled."""
    player = StoryboardPlayer()
    for line in (f"pool world {EAST} {WEST} accelerator", "decide"):
        player.play(line)
    snapshot = player.snapshot()
    [one] = region_accounts(Evidence(snapshot, decide(snapshot)), WEST)
    assert (one.share, one.load) == (1.0, "50 requests/s, 5 % of its capacity")
    assert one.because == ("it may serve, so its dial is open: nearness decides who comes",)


def test_a_pool_that_may_not_use_the_region_is_left_out() -> None:
    """There is nothing to account for."""
    assert [one.pool for one in region_accounts(evidence("decide"), EAST)] == ["world"]


def test_a_past_time_is_shown_with_its_decision_and_holds() -> None:
    """The active decision gives the state."""
    found = evidence("decide", f"see {WEST}=?")
    record = DecisionRecord(
        12, NOON, 3, Mode.ACTIVE, (), found.decision.regions, found.decision.plans, (), (), ""
    )
    text = explain_time(NOON + timedelta(minutes=10), record)
    assert text.splitlines() == [
        "2026-06-01 12:10:00Z  nothing had changed since decision 12, 10 min before "
        "(2026-06-01 12:00:00Z)",
        "Held then             shop/world/eu-west-1 unknown_health: web: no fresh result in 10 s",
        "                      shop/europe/eu-west-1 unknown_health: web: no fresh result in 10 s",
        "AWS had then          shop/world   "
        "us-east-1 33.3 %, eu-west-1 33.3 %, eu-central-1 33.3 %",
        "                      shop/europe  eu-west-1 50 %, eu-central-1 50 %",
    ]


@pytest.mark.parametrize(
    ("status", "share"), [(OutcomeStatus.APPLIED, "0 %"), (OutcomeStatus.REFUSED, "50 %")]
)
def test_after_a_decision_things_stood_as_it_left_them(status: OutcomeStatus, share: str) -> None:
    """Its move is over at a quiet time; one that AWS refused never was."""
    found = evidence("decide", f"see {WEST}=D")
    wrote = WriteResult("route53", "Z1", found.decision.changes, Outcome(status))
    plans = found.decision.plans
    record = DecisionRecord(
        12, NOON, 3, Mode.ACTIVE, (), found.decision.regions, plans, (wrote,), (), ""
    )
    assert f"shop/europe  eu-west-1 {share}, " in explain_time(NOON, record)
    then = replace(found, decision=replace(found.decision, plans=plans_as_applied(record)))
    line = explain_accounts(region_accounts(then, WEST)).splitlines()[2]
    assert line.startswith("  shop/europe  stays 0 %" if share == "0 %" else "  shop/europe  moves")
    assert "wants 0 % (region_down, binding): web: 3 probes failed" in line


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7300, "2 h"), (200_000, "2 d")],
)
def test_a_duration_is_shown_in_its_largest_unit(seconds: int, words: str) -> None:
    """Seconds of a day are not shown."""
    record = DecisionRecord(1, NOON, 1, Mode.ACTIVE, (), {}, (), (), (), "")
    text = explain_time(NOON + timedelta(seconds=seconds), record)
    assert f"decision 1, {words} before" in text
    assert "Held then             nothing" in text


@given(players())
def test_every_region_can_always_be_accounted_for(player: StoryboardPlayer) -> None:
    """Whatever is known; with at least one reason each."""
    player._settle()
    snapshot = player.snapshot()
    found = Evidence(snapshot, decide(snapshot))
    for region in player.regions:
        assert all(one.because for one in region_accounts(found, region))
        assert explain_accounts(region_accounts(found, region))


def test_a_degraded_region_is_shown_with_its_usable_capacity() -> None:
    """Or 191 % of it would seem to contradict what placement says."""
    gray = ("region eu-west-1 capacity=350", "decide", f"gray {WEST}=60")
    first = told(*gray)[0]
    assert first.endswith("carries 150 requests/s, 171 % of its capacity, degraded as it is")
