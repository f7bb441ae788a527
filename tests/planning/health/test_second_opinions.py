"""One opinion for each source, and what it makes of a verdict."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.model.decision import Snapshot
from controller.model.health import Confidence, OpinionSource, RegionHealth, SecondOpinion, Verdict
from controller.model.levers import Position
from controller.model.second_opinions import AnsweredCounts, Opinion
from controller.planning.health.second_opinions import (
    FRESH_FOR_S,
    opinions_by_region,
    reports_by_service,
    second_opinion_text,
    second_opinions,
)
from tests.planning.health.test_answered_shares import EVEN, snapshot

WEST, CENTRAL, EAST = "eu-west-1", "eu-central-1", "us-east-1"
NOW = 1_000.0
UP, DOWN, UNKNOWN = Verdict.UP, Verdict.DOWN, Verdict.UNKNOWN
CHECKS = OpinionSource.HEALTH_CHECKS


def seen(
    europe: Verdict | None, world: Verdict | None = None, at: float = NOW, **more: object
) -> Snapshot:
    """The sandbox when the checks of eu-west-1's two leaves say this."""
    opinions = {
        Position("shop", pool, WEST): Opinion(verdict, at, f"{pool} says so")
        for pool, verdict in {"europe": europe, "world": world}.items()
        if verdict is not None
    }
    calm = replace(snapshot([WEST, CENTRAL], EVEN), now=NOW, answered={})
    return replace(calm, opinions=opinions, **more)  # type: ignore[arg-type]  # any of its fields


def said(snapshot_: Snapshot, suspect_since: float | None) -> tuple[SecondOpinion, ...]:
    """What other sources say of eu-west-1."""
    reports = reports_by_service(snapshot_).get("shop", ())
    known = opinions_by_region(snapshot_, "shop", reports).get(WEST, {})
    return second_opinions(known, snapshot_.now, suspect_since)


@pytest.mark.parametrize(
    ("europe", "world", "verdict"),
    [
        (DOWN, DOWN, DOWN),
        (UP, UP, UP),
        (DOWN, None, DOWN),  # one known record gives the region's opinion
        (DOWN, UNKNOWN, DOWN),
        (DOWN, UP, None),  # leaves that differ say nothing of the region
        (UNKNOWN, UNKNOWN, None),
        (None, None, None),
    ],
)
def test_a_source_has_an_opinion_when_the_records_it_knows_agree(
    europe: Verdict | None, world: Verdict | None, verdict: Verdict | None
) -> None:
    """A region has a record in every pool, mostly with one health check."""
    found = said(seen(europe, world), None)

    assert [one.verdict for one in found] == ([] if verdict is None else [verdict])


def test_old_opinions_do_not_count() -> None:
    """On both sides of the age."""
    for age_s, known in ((FRESH_FOR_S, True), (FRESH_FOR_S + 0.1, False)):
        found = said(seen(DOWN, at=NOW - age_s), None)
        assert bool(found) is known


def test_evidence_of_health_from_before_the_failure_is_no_contradiction() -> None:
    """Route 53 cannot know yet what our probes found a moment ago; of failures it can."""
    for at, known in ((989.0, False), (990.0, True)):
        assert bool(said(seen(UP, at=at), 990.0)) is known
    assert said(seen(DOWN, at=989.0), 990.0)


def test_the_answers_are_a_source_of_their_own() -> None:
    """Shown beside the health checks, with their own evidence."""
    withheld = AnsweredCounts(NOW, {WEST: 0, CENTRAL: 40}, {WEST: 40, CENTRAL: 0}, {CENTRAL: NOW})
    found = said(seen(DOWN, DOWN, answered={("shop", "europe"): withheld}), None)

    assert [(one.source.value, one.verdict) for one in found] == [
        ("health_checks", DOWN),
        ("answers", DOWN),
    ]
    assert found[0].detail == "europe says so; world says so"


def _says(verdict: Verdict) -> SecondOpinion:
    return SecondOpinion(CHECKS, verdict, "3 of 3 checkers")


@pytest.mark.parametrize(
    ("verdict", "agreeing", "sources", "parties", "confidence", "doubts"),
    [
        (UP, 0, (), 0, "high", 0),
        (UP, 0, (_says(UP),), 0, "high", 0),
        (UP, 0, (_says(DOWN),), 1, "low", 1),
        (DOWN, 1, (), 1, "low", 1),  # one vantage point alone
        (DOWN, 1, (_says(DOWN),), 2, "high", 0),
        (DOWN, 1, (_says(UP),), 1, "low", 2),
        (DOWN, 2, (), 2, "high", 0),
        (DOWN, 2, (_says(UP),), 2, "low", 1),
        (UNKNOWN, 0, (_says(DOWN),), 1, "low", 1),
    ],
)
def test_sources_raise_or_lower_the_confidence_of_a_verdict(
    verdict: Verdict,
    agreeing: int,
    sources: tuple[SecondOpinion, ...],
    parties: int,
    confidence: str,
    doubts: int,
) -> None:
    """High unless a source contradicts it or a failure has only one party."""
    health = RegionHealth(verdict, "why", agreeing=agreeing, sources=sources)

    assert health.agreeing_parties == parties
    assert health.confidence is Confidence(confidence)
    assert len(health.doubts) == doubts


def test_health_checks_and_answers_count_once() -> None:
    """Both show Route 53's one judgement: together they are one party, not two."""
    both = (_says(DOWN), SecondOpinion(OpinionSource.ANSWERS, DOWN, "not answered"))

    assert RegionHealth(DOWN, "why", agreeing=1, sources=both).agreeing_parties == 2
    assert RegionHealth(DOWN, "why", agreeing=0, sources=both).agreeing_parties == 1


def test_the_evidence_has_the_opinions_of_other_sources() -> None:
    """Agreement with a failure and contradiction of anything; what is calm stays short."""
    assert second_opinion_text(UP, [_says(UP)]) == ""
    assert (
        second_opinion_text(DOWN, [_says(DOWN)])
        == "; Route 53's health checks agree: 3 of 3 checkers"
    )
    contradicted = "; but Route 53's health checks say up: 3 of 3 checkers"
    assert second_opinion_text(DOWN, [_says(UP)]) == contradicted
    assert second_opinion_text(UNKNOWN, [_says(UP)]) == contradicted.replace("but ", "")


def test_the_evidence_of_a_doubtful_verdict_ends_with_its_confidence() -> None:
    """What the evidence says already is not said twice."""
    why = "refused" + second_opinion_text(DOWN, [_says(UP)])
    doubtful = RegionHealth(DOWN, why, agreeing=1, sources=(_says(UP),))

    assert doubtful.evidence == (
        "refused; but Route 53's health checks say up: 3 of 3 checkers; confidence low: "
        "one vantage point alone calls it down"
    )
    assert RegionHealth(UP, "well").evidence == "well"
    assert RegionHealth(UNKNOWN, "silent").evidence == "silent"
