"""The content of `gtc status`, and its order."""

from __future__ import annotations

from typing import Any

import pytest

from controller.cli.daemon.replies import ApiReply
from controller.cli.screen.status_report import StatusReport, build_report, fingerprint
from tests.cli import answers

BAD = "tcp://192.0.2.9:9"


def targets(failing: int, *answering: str) -> dict[str, Any]:
    """Three known-good reference targets and a known-bad one."""
    return {
        "known_good": {"failing": failing, "total": 3},
        "known_bad": {"answering": answering, "total": 1},
    }


def built(*services: dict[str, Any], **changes: Any) -> StatusReport:
    """The report of a status."""
    return build_report(answered(*services, **changes))


def answered(*services: dict[str, Any], **changes: Any) -> ApiReply:
    """A status, parsed as the client does."""
    return ApiReply(as_reply(answers.status(*services, **changes)))


def as_reply(value: Any) -> Any:
    """Members, parsed as the client does."""
    if isinstance(value, dict):
        return ApiReply({key: as_reply(item) for key, item in value.items()})
    return [as_reply(item) for item in value] if isinstance(value, list) else value


def test_a_status_without_trouble_has_no_banners_notes_or_reasons() -> None:
    """Only the unusual is shown."""
    usual = built()
    assert usual.banners == ()
    assert usual.notes == ()
    assert {row.reason for row in usual.rows} == {""}
    assert usual.header == (
        "gtc 0.1.0  mode active  cycle 812, 2 s ago  settings 7f3a09c4  next cycle in 8 s"
    )


def test_before_the_first_cycle_the_header_says_so() -> None:
    """There is no age to show."""
    early = built(cycle=0, cycle_age_s=None, next_cycle_in_s=None)
    assert early.header == "gtc 0.1.0  mode active  no cycle has run yet  settings 7f3a09c4"


def test_the_worst_comes_first_between_pools_and_within_one() -> None:
    """The user reads from the top."""
    usual = answers.pool("calm", answers.region("eu-west-1"))
    bad = answers.pool(
        "bad",
        answers.region("a"),
        answers.region("b", drift="weight 3, expected 128"),
        answers.region("c", suspect=True),
        answers.region("d", verdict="unknown"),
        answers.region("e", verdict="down", suspect=True),
    )
    rows = built(answers.service("shop", usual, bad)).rows
    assert [(row.region, row.health) for row in rows] == [
        ("e", "down"),
        ("d", "unknown"),
        ("c", "suspect"),
        ("b", "up"),
        ("a", "up"),
        ("eu-west-1", "up"),
    ]


def test_the_reason_gathers_everything_unusual_about_a_region() -> None:
    """Health, order, hold, drift and measured errors, in one line."""
    region = answers.region(
        "eu-west-1",
        verdict="down",
        why="web: 3 probes failed",
        override=3,
        drift="weight 3,\nexpected 128",
        requests=200,
        errors=40,
    )
    hold = answers.held("min_active", "1 of 2 needed", "eu-west-1")
    other = answers.held("min_active", "not this one", "us-east-1")
    pool = answers.pool("europe", region, holds=[hold, other])
    [row] = built(answers.service("shop", pool), overrides=[answers.override()]).rows
    assert row.reason == (
        "web: 3 probes failed; drain by ann: INC-42, ends in 2 h; "
        "held by min_active: 1 of 2 needed; drift: weight 3, expected 128; "
        "40 of 200 measured requests fail"
    )


def test_a_region_with_part_of_its_capacity_is_degraded() -> None:
    """It sorts before regions that are up, after suspect ones."""
    gray: dict[str, Any] = {"usable": 0.5, "why": "web: 12 % of the last 60 probes failed"}
    pool = answers.pool(
        "world",
        answers.region("a"),
        answers.region("b", **gray),
        answers.region("c", suspect=True, **gray),
        answers.region("d", verdict="down", **gray),
    )
    rows = built(answers.service("shop", pool)).rows
    assert [(row.region, row.health) for row in rows] == [
        ("d", "down"),
        ("c", "suspect"),
        ("b", "degraded"),
        ("a", "up"),
    ]
    assert rows[2].reason == gray["why"]


def test_an_overloaded_pool_is_a_note_with_its_number() -> None:
    """It prints a new block in a pipe, but a changing number does not."""
    fits = as_reply(answers.status(answers.service("shop", answers.pool("europe"))))
    full = [answers.pool("europe", overload_rps=rps) for rps in (19.6, 25.0)]
    first, later = (as_reply(answers.status(answers.service("shop", pool))) for pool in full)

    assert build_report(first).notes == (
        "OVERLOAD shop/europe: 20 requests/s more than its regions can carry",
    )
    assert fingerprint(fits) != fingerprint(first) == fingerprint(later)


def test_a_holds_detail_is_shown_once() -> None:
    """A hold with another detail, or of another region, is shown, too."""
    blind = "2 of 3 known-good reference targets fail too: the prober is suspect"
    unknown: dict[str, Any] = {"verdict": "unknown", "why": f"web: {blind}"}
    pool = answers.pool(
        "europe",
        answers.region("eu-west-1", **unknown),
        answers.region("us-east-1", **unknown),
        holds=[
            answers.held("self_isolated", blind, "eu-west-1"),
            answers.held("capacity", "too little", "us-east-1"),
        ],
    )
    west, east = built(answers.service("shop", pool)).rows
    assert west.reason == f"held by self_isolated: {blind}"
    assert east.reason == f"web: {blind}; held by capacity: too little"


def test_a_pin_is_a_reason_with_its_share() -> None:
    """With its author and end."""
    pin = answers.override(kind="pin", share=0.3, reason="canary")
    pool = answers.pool("europe", answers.region("eu-west-1", override=3))
    made_of = built(answers.service("shop", pool), overrides=[pin])
    assert made_of.rows[0].reason == "pin at 30 % by ann: canary, ends in 2 h"
    assert made_of.notes == (
        "override: 3, pin eu-west-1 at 30 % everywhere by ann: canary, ends in 2 h",
    )


@pytest.mark.parametrize(
    ("scope", "text"),
    [
        ({}, "everywhere"),
        ({"service": "shop"}, "in shop"),
        ({"service": "shop", "pool": "europe"}, "in shop/europe"),
    ],
)
def test_an_orders_note_has_its_scope(scope: dict[str, Any], text: str) -> None:
    """As narrow as it is."""
    [note] = built(overrides=[answers.override(**scope)]).notes
    assert note == f"override: 3, drain eu-west-1 {text} by ann: INC-42, ends in 2 h"


def test_the_first_trigger_of_a_decision_is_shown() -> None:
    """`gtc why` shows the others."""
    triggers = [f"shop/region-{number} up → unknown" for number in range(13)]
    last = {"id": 12, "at": answers.CREATED_AT, "trigger": triggers}
    assert built(last_decision=last).notes == (
        "decision: 12, 2026-06-01 12:00:00 UTC: shop/region-0 up → unknown; and 12 more: gtc why",
    )


def test_a_small_share_of_errors_is_not_shown() -> None:
    """A few requests always fail."""
    region = answers.region("eu-west-1", requests=1000, errors=10)
    [row] = built(answers.service("shop", answers.pool("europe", region))).rows
    assert row.reason == ""


@pytest.mark.parametrize(
    ("changes", "banner"),
    [
        (
            {
                "frozen": True,
                "overrides": [answers.override(kind="freeze", region=None, remaining_s=90)],
            },
            "FROZEN everywhere by ann: INC-42, ends in 1 min 30 s",
        ),
        ({"frozen": True}, "FROZEN: nothing is changed"),
        ({"isolated": True}, "ISOLATED: the prober doubts itself and moves nothing"),
        (
            {"reference_targets": targets(1)},
            "REFERENCE TARGETS: 1 of 3 known-good ones fail",
        ),
        (
            {"reference_targets": targets(0, BAD)},
            f"REFERENCE TARGETS: known-bad ones answer: {BAD}",
        ),
        ({"mode": "dry_run"}, "DRY RUN: decides and records, writes nothing"),
    ],
)
def test_a_condition_of_the_whole_daemon_is_a_banner(changes: dict[str, Any], banner: str) -> None:
    """It is above the table."""
    assert built(**changes).banners == (banner,)


def test_an_isolated_prober_is_shown_with_the_failing_reference_targets() -> None:
    """One banner for each fact; each fits in 80 columns."""
    banners = built(isolated=True, reference_targets=targets(2, BAD)).banners
    assert banners == (
        "ISOLATED: the prober doubts itself and moves nothing",
        "REFERENCE TARGETS: 2 of 3 known-good ones fail",
        f"REFERENCE TARGETS: known-bad ones answer: {BAD}",
    )
    assert max(map(len, banners)) < 80


def test_services_in_dry_run_are_named() -> None:
    """With the whole daemon in dry run there is one banner instead."""
    services = [answers.service(name, mode="dry_run") for name in ("blog", "shop")]
    banner = "DRY RUN of blog, shop: decides and records, writes nothing of it"
    assert built(*services, answers.service("api")).banners == (banner,)
    all_of_it = built(*services, mode="dry_run")
    assert all_of_it.banners == ("DRY RUN: decides and records, writes nothing",)


DENIED = {
    "service": "route53",
    "operation": "GetChange",
    "why": "ExpiredToken: expired",
    "for_s": 40.0,
}


def test_that_aws_refuses_the_daemon_is_a_banner() -> None:
    """One for each service of AWS, whichever operations it denies."""
    denied = [DENIED, {**DENIED, "operation": "ListResourceRecordSets"}]
    assert built(answers.service("shop"), aws_denied=denied).banners == (
        "AWS REFUSES the daemon at route53: see the notes below; traffic stays as it is",
    )


def test_facts_that_concern_no_single_region_are_notes() -> None:
    """Each is one line that begins with its kind."""
    holds = [answers.held("misconfigured", "leaf missing"), answers.held("frozen", "by ann")]
    pool = answers.pool("europe", holds=holds, faults=["leaf\nmissing"])
    unusual = answers.service("shop", pool, panic=True, faults=["leaf\nmissing"], notices=["n"])
    notes = built(
        unusual,
        observation={
            "failing": {"Z1": "ThrottlingException"},
            "targets": {
                "Z1": {"whole_age_s": 7_500.0, "whole_error": "no answer"},
                "Z2": {"whole_age_s": 5.0, "whole_error": None},
            },
        },
        aws_denied=[DENIED],
        overrides=[answers.override(service="shop")],
        notices=["the clock was set back"],
        unreadable_rows=[
            {"table": "overrides", "key": "7", "error": "expires_at is 'soon', no time"},
            *({"table": "records", "key": str(n), "error": "cut off"} for n in range(5)),
        ],
        state_error="disk full",
        last_decision={"id": 12, "at": answers.CREATED_AT, "trigger": ["eu-west-1 is down"]},
    ).notes
    assert notes == (
        "observation: Z1 cannot be read: ThrottlingException",
        "observation: all of Z1 was listed 2 h 5 min ago, and cannot be now: no answer",
        "aws: route53 GetChange refused for 40 s: ExpiredToken: expired",
        "panic: shop: too many regions turned suspect at once to believe it",
        "MISCONFIGURED shop/europe: leaf missing",
        "MISCONFIGURED shop/europe is only drained; what leaves a region there does not come back "
        "until it is mended",
        "hold: shop/europe: frozen, by ann",
        "notice: shop: n",
        "override: 3, drain eu-west-1 in shop by ann: INC-42, ends in 2 h",
        "notice: the clock was set back",
        "state: OVERRIDE 7 in the state file cannot be read and is NOT IN FORCE: expires_at is "
        "'soon', no time; give the order again",
        *(f"state: row {number} of records is skipped: cut off" for number in range(3)),
        "state: 2 more rows are skipped, see -o json",
        "state: disk full",
        "decision: 12, 2026-06-01 12:00:00 UTC: eu-west-1 is down",
    )


def test_ages_and_measurements_alone_do_not_change_the_fingerprint() -> None:
    """A watch in a pipe must not print every second."""
    now = answers.status(overrides=[answers.override()])
    later = answers.status(
        overrides=[answers.override(remaining_s=1)], cycle=813, cycle_age_s=0.1, at="later"
    )
    later["services"][0]["pools"][0]["regions"][0] |= {"measured": 0.4, "requests": 7, "errors": 1}
    assert fingerprint(as_reply(now)) == fingerprint(as_reply(later))


@pytest.mark.parametrize(
    "changes",
    [
        {"frozen": True},
        {"isolated": True},
        {"mode": "dry_run"},
        {"observation": {"failing": {"Z1": "gone"}}},
        {"aws_denied": [DENIED]},
        {"overrides": [answers.override()]},
        {"last_decision": {"id": 1, "at": answers.CREATED_AT, "trigger": []}},
        {"services": [answers.service("shop", panic=True)]},
    ],
)
def test_every_important_change_changes_the_fingerprint(changes: dict[str, Any]) -> None:
    """Each of these prints a new block."""
    changed = {**answers.status(), **changes}
    assert fingerprint(as_reply(answers.status())) != fingerprint(as_reply(changed))


def test_a_region_that_only_our_probes_see_up_shows_the_contradicting_sources() -> None:
    """Users may see a failure that the probes do not see."""
    doubts = ["Route 53's health checks say down: 3 of 3 checkers fail"]
    region = answers.region("eu-west-1", confidence="low", doubts=doubts)
    row = built(answers.service("shop", answers.pool("europe", region))).rows[0]
    assert (row.health, row.reason) == ("up", doubts[0])


def test_a_region_that_is_down_shows_its_evidence_once() -> None:
    """`why` already names the sources that agree and disagree."""
    region = answers.region(
        "eu-west-1",
        why="refused",
        verdict="down",
        confidence="low",
        doubts=["one vantage point alone"],
    )
    assert (
        built(answers.service("shop", answers.pool("europe", region))).rows[0].reason == "refused"
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"verdict": "down"},
        {"suspect": True},
        {"confidence": "low"},
        {"observed": 0.0},
        {"desired": 0.0},
    ],
)
def test_a_regions_verdict_and_shares_change_the_fingerprint(changes: dict[str, Any]) -> None:
    """A move must be printed."""
    changed = answers.status()
    changed["services"][0]["pools"][0]["regions"][0] |= changes
    assert fingerprint(as_reply(answers.status())) != fingerprint(as_reply(changed))


def test_a_desired_share_with_the_same_text_changes_no_fingerprint() -> None:
    """It follows believed demand: otherwise each cycle of a long hold would print a block."""
    changed = answers.status()
    changed["services"][0]["pools"][0]["regions"][0]["desired"] += 0.0001
    assert fingerprint(as_reply(answers.status())) == fingerprint(as_reply(changed))


def test_a_leak_is_shown_below_the_table() -> None:
    """The residency hold, which would repeat it, is not shown."""
    held = [answers.held("residency", "1 way out")]
    leaks = [{"text": f"way {number}"} for number in range(5)]
    europe = answers.pool("europe", answers.region("eu-west-1"), leaks=leaks, holds=held)
    assert built(answers.service("shop", europe)).notes == (
        "leak: shop/europe has urgent drains only: way 0",
        "leak: shop/europe has urgent drains only: way 1",
        "leak: shop/europe has urgent drains only: way 2",
        "leak: shop/europe: 2 more; `gtc validate --observed` lists them",
    )


def test_an_advisory_part_that_fails_is_noted() -> None:
    """Steering continues, but an operator should look."""
    part = {"part": "answered", "error": "KeyError('x')", "failures": 4, "for_s": 90.0}
    report = built(failing_parts=[part])

    assert report.notes == (
        "part: answered has failed for 1 min 30 s, 4 times in a row, last: KeyError('x')",
    )
    assert fingerprint(answered(failing_parts=[part])) != fingerprint(answered())


def test_an_order_without_an_effect_is_noted_as_void() -> None:
    """Becoming void prints a new block."""
    void = answers.override(3, void="no region eu-west-1 is configured")
    report = built(overrides=[void])

    assert report.notes[0].endswith("INC-42, ends in 2 h; void: no region eu-west-1 is configured")
    usual = answered(overrides=[answers.override(3)])
    assert fingerprint(answered(overrides=[void])) != fingerprint(usual)


def test_probes_that_cannot_be_run_are_said_with_their_cause() -> None:
    """Nothing else would say why everything is unknown."""
    lacking = {
        "cause": "descriptors",
        "detail": "no file descriptor left in this process",
        "subjects": 12,
        "for_s": 34.0,
        "example": "shop/eu-west-1/web",
    }
    report = built(probing={"could_not_run": [lacking], "missing_families": ["IPv6"]})

    assert report.banners == (
        "PROBES: 12 targets cannot be probed for 34 s: no file descriptor left in this process, "
        "such as shop/eu-west-1/web",
        "PROBES: this host has no route for IPv6: such addresses are not probed where a name has "
        "others",
    )


def test_another_cause_of_probes_that_cannot_be_run_is_another_status() -> None:
    """`gtc status --watch` shows it at once."""
    lacking = {"cause": "ports", "detail": "", "subjects": 1, "for_s": 1.0, "example": ""}
    probing = {"could_not_run": [lacking], "missing_families": []}

    assert fingerprint(answered(probing=probing)) != fingerprint(answered())


def test_answers_that_are_not_steered_are_told_where_they_exceed_the_share() -> None:
    """A drained region is not "0 %" to everybody; elsewhere the notice suffices."""
    drained = answers.region("eu-west-1", 0.0, unsteered={"HTTPS": 1 / 3, "SVCB": 0.5})
    serving = answers.region("us-east-1", 0.5, unsteered={"HTTPS": 1 / 3})
    rows = {
        row.region: row
        for row in built(answers.service("shop", answers.pool("w", drained, serving))).rows
    }
    assert rows["eu-west-1"].reason == (
        "not steered: 33.3 % of HTTPS answers and 50 % of SVCB answers still lead here"
    )
    assert rows["us-east-1"].reason == ""
