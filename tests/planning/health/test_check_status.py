"""From checkers' reports to a status: the rows of one checker, the 18 %, calculated checks."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from controller.model.health import Verdict
from controller.model.second_opinions import CheckDefinition, CheckerReport, CheckKind, Opinion
from controller.planning.health.check_status import (
    Checkers,
    advance,
    calculated_opinion,
    endpoint_opinion,
)

CHECK = CheckDefinition(CheckKind.ENDPOINT, interval_s=10, failure_threshold=3)
START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = 5_000.0
WELL, ILL = "Success: HTTP Status Code 200, OK", "Failure: connection refused"


def report(checker: str, passed: bool, at_s: float) -> CheckerReport:
    """What a checker saw, so many seconds after START."""
    return CheckerReport(checker, passed, START + timedelta(seconds=at_s), WELL if passed else ILL)


def seen(*rows: str, check: CheckDefinition = CHECK, gap_s: float = 10) -> Checkers:
    """Checkers after rows of results of equal length, `+` or `-`, one question per column."""
    known: Checkers = {}
    for column in range(len(rows[0])):
        letters = [row[column] for row in rows]
        known = advance(
            known,
            [report(f"c{n}", letter == "+", column * gap_s) for n, letter in enumerate(letters)],
            check,
        )
    return known


def opinion(checkers: Checkers, after_s: float, check: CheckDefinition = CHECK) -> Opinion:
    """What they say together, so many seconds after START."""
    return endpoint_opinion(checkers, check, NOW, START + timedelta(seconds=after_s))


@pytest.mark.parametrize(
    ("rows", "verdict"),
    [
        (("+", "+", "+"), Verdict.UP),
        (("-", "-", "-"), Verdict.UNKNOWN),  # one failure proves nothing
        (("--", "--", "--"), Verdict.UNKNOWN),
        (("---", "---", "---"), Verdict.DOWN),
        (("+---", "+---", "+---"), Verdict.DOWN),
        (("--+-", "--+-", "--+-"), Verdict.UNKNOWN),  # a pass ends the row
        (("---+", "---+", "---+"), Verdict.UP),
        (("---", "---", "--+"), Verdict.UP),  # one of three is more than 18 %
        (("---", "---", "+--"), Verdict.UNKNOWN),  # and one that is not sure keeps it open
    ],
)
def test_a_row_of_failures_by_nearly_all_checkers_makes_a_check_unhealthy(
    rows: tuple[str, ...], verdict: Verdict
) -> None:
    """FailureThreshold results in a row, and at most 18 % of the checkers that say otherwise."""
    assert opinion(seen(*rows), after_s=10 * len(rows[0])).verdict is verdict


@pytest.mark.parametrize(
    ("reaching", "of", "verdict"),
    [
        (0, 16, Verdict.DOWN),
        (2, 16, Verdict.DOWN),  # 12.5 %
        (3, 16, Verdict.UP),  # 18.75 %
        (9, 50, Verdict.DOWN),  # exactly 18 %: more is needed
        (10, 50, Verdict.UP),
    ],
)
def test_more_than_18_percent_of_the_checkers_make_it_healthy(
    reaching: int, of: int, verdict: Verdict
) -> None:
    """On both sides of the fraction that AWS documents."""
    rows = ["+++"] * reaching + ["---"] * (of - reaching)
    assert opinion(seen(*rows), after_s=25).verdict is verdict


def test_two_checkers_are_too_few_to_call_it_unhealthy() -> None:
    """AWS asks from three Regions at least: fewer reports are not the whole picture."""
    assert opinion(seen("---", "---"), after_s=25).verdict is Verdict.UNKNOWN


def test_the_same_result_seen_twice_counts_once() -> None:
    """We may ask more often than the checkers look."""
    reports = [report(f"c{n}", False, 5) for n in range(3)]
    known: Checkers = {}
    for _ in range(5):
        known = advance(known, reports, CHECK)

    assert opinion(known, after_s=6).verdict is Verdict.UNKNOWN


def test_results_far_apart_are_no_row() -> None:
    """Between two questions long apart the checker may have passed: only what is seen counts."""
    assert opinion(seen("---", "---", "---", gap_s=31), after_s=62).verdict is Verdict.UNKNOWN
    assert opinion(seen("---", "---", "---", gap_s=30), after_s=60).verdict is Verdict.DOWN


def test_an_old_result_does_not_count() -> None:
    """A check without new reports is unknown, neither up nor down."""
    known = seen("+++", "+++", "+++")

    assert opinion(known, after_s=50).verdict is Verdict.UP
    assert opinion(known, after_s=51).verdict is Verdict.UNKNOWN


def test_evidence_of_health_is_as_old_as_its_decisive_checker() -> None:
    """One fresh pass of many does not make the others' old ones fresh."""
    known = advance({}, [report(f"c{n}", True, float(n)) for n in range(10)], CHECK)

    found = opinion(known, after_s=9)

    assert found.at == NOW - 1  # two of ten are needed: the second newest looked a second ago
    assert found.detail == "10 of 10 Route 53 checkers reach it"


def test_evidence_of_failure_names_the_last_one() -> None:
    """A person reads what AWS's checker said."""
    found = opinion(seen("---", "---", "---"), after_s=25)

    assert found.at == NOW - 5
    assert found.detail == f"3 of 3 Route 53 checkers fail, last: {ILL}"


def test_an_inverted_check_gives_the_opposite_and_a_disabled_one_unknown() -> None:
    """Disabled is healthy to Route 53 whatever happens: that is no evidence."""
    inverted = CheckDefinition(CheckKind.ENDPOINT, 10, 3, inverted=True)
    disabled = CheckDefinition(CheckKind.ENDPOINT, 10, 3, disabled=True)

    assert opinion(seen("---", "---", "---"), 25, inverted).verdict is Verdict.UP
    assert opinion(seen("+", "+", "+"), 5, inverted).verdict is Verdict.DOWN
    assert opinion(seen("---", "---", "---"), 25, disabled).verdict is Verdict.UNKNOWN


def _children(letters: Iterable[str]) -> list[Opinion]:
    verdicts = {"U": Verdict.UP, "D": Verdict.DOWN, "?": Verdict.UNKNOWN}
    return [Opinion(verdicts[x], NOW - n, f"child {n}") for n, x in enumerate(letters)]


@pytest.mark.parametrize(
    ("children", "needed", "verdict"),
    [
        ("UUU", 3, Verdict.UP),
        ("UUD", 3, Verdict.DOWN),
        ("UU?", 3, Verdict.UNKNOWN),
        ("D??", 3, Verdict.DOWN),  # whatever the others are
        ("UU?", 2, Verdict.UP),
        ("DDD", 0, Verdict.UP),  # always healthy, by AWS's rule
        ("UUU", 4, Verdict.DOWN),  # more than there are: always unhealthy
    ],
)
def test_a_calculated_check_counts_its_children(
    children: str, needed: int, verdict: Verdict
) -> None:
    """And is unknown only where the unknown ones decide."""
    check = CheckDefinition(CheckKind.CALCULATED, health_threshold=needed)
    assert calculated_opinion(_children(children), check, NOW).verdict is verdict


def test_a_calculated_check_names_the_child_that_fails() -> None:
    """Its evidence is as old as the oldest that it rests on."""
    check = CheckDefinition(CheckKind.CALCULATED, health_threshold=3)

    found = calculated_opinion(_children("UDD"), check, NOW)

    assert found.detail == "1 of 3 child checks healthy, 3 needed: child 1; child 2"
    assert found.at == NOW - 2
