"""What follows from the answers of the name servers: withheld leaves, shares, mismatches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.model.decision import Snapshot
from controller.model.health import Verdict
from controller.model.levers import LeverState, Observed, Position
from controller.model.memory import Memory
from controller.planning.health.answered_shares import (
    NO_ADDRESS,
    Sample,
    answer_notices,
    answer_opinions,
    answered_counts,
    answered_share,
    with_sample,
    withheld_regions,
)
from tests.loops.simulated import SETTINGS

WEST, CENTRAL, EAST = "eu-west-1", "eu-central-1", "us-east-1"
EVEN = {WEST: 100, CENTRAL: 100}
POOL = ("shop", "europe")
SEED = 20_261_123


def told(answers: Sequence[str | None], weights: dict[str, int]) -> tuple[Sample, ...]:
    """The samples kept after these answers, a second apart."""
    kept: tuple[Sample, ...] = ()
    for at, region in enumerate(answers):
        said = "" if region else NO_ADDRESS
        kept = with_sample(kept, Sample(float(at), region, said), weights)
    return kept


def snapshot(answers: Sequence[str | None], weights: dict[str, int]) -> Snapshot:
    """The sandbox when pool europe had these answers."""
    answered = answered_counts(told(answers, weights), weights)
    assert answered is not None
    positions = {Position(*POOL, region): LeverState(weight) for region, weight in weights.items()}
    return Snapshot(
        now=float(len(answers)),
        started_at=0.0,
        settings=SETTINGS,
        health={},
        known_good={},
        observed={"shop": Observed(0.0, positions)},
        expected={},
        overrides=(),
        memory=Memory(),
        answered={POOL: answered},
    )


def test_answers_are_counted_by_region() -> None:
    """And what belongs to none is kept apart, in words."""
    found = answered_counts(told([WEST, CENTRAL, WEST, None, WEST], EVEN), EVEN)

    assert found is not None
    assert found.counts == {WEST: 3, CENTRAL: 1}
    assert found.without == {WEST: 0, CENTRAL: 3}
    assert found.last_seen == {WEST: 4.0, CENTRAL: 1.0}
    assert found.elsewhere == {NO_ADDRESS: 1}
    assert found.total == 5
    assert answered_share(found, WEST) == 0.6
    assert answered_share(None, WEST) is None
    assert answered_counts((), EVEN) is None


@pytest.mark.parametrize(
    ("weights", "answers_without", "out"),
    [
        ({WEST: 100, CENTRAL: 100}, 29, False),
        ({WEST: 100, CENTRAL: 100}, 30, True),  # 0.5 ** 30 is below one in a thousand million
        ({WEST: 28, CENTRAL: 72}, 63, False),
        ({WEST: 28, CENTRAL: 72}, 64, True),
        ({WEST: 0, CENTRAL: 100}, 300, False),  # without weight it is not expected
        ({WEST: 100}, 300, False),  # a single record is always answered, healthy or not
    ],
)
def test_a_record_is_withheld_when_chance_does_not_explain_its_absence(
    weights: dict[str, int], answers_without: int, out: bool
) -> None:
    """On both sides of the number that its share of the weights demands."""
    found = answered_counts(told([CENTRAL] * answers_without, weights), weights)

    assert found is not None
    assert withheld_regions(found, weights) == ((WEST,) if out else ())


def test_a_withheld_record_is_down_and_those_answered_instead_are_up() -> None:
    """Route 53 withholds a record only for its health check, and only while others pass."""
    seen = snapshot([WEST] + [CENTRAL] * 30, EVEN)

    opinions = dict(answer_opinions(seen, "shop"))
    down, up = opinions[Position(*POOL, WEST)], opinions[Position(*POOL, CENTRAL)]

    assert (down.verdict, down.at) == (Verdict.DOWN, 30.0)
    assert down.detail == "not answered 30 times in a row, with weight 100"
    assert (up.verdict, up.detail) == (Verdict.UP, "answered, while eu-west-1 is not")


def test_there_is_no_opinion_while_every_record_is_answered() -> None:
    """All are healthy to Route 53, or none is: it answers alike."""
    seen = snapshot([WEST, CENTRAL] * 50, EVEN)

    assert list(answer_opinions(seen, "shop")) == []
    assert list(answer_notices(seen, "shop")) == []


def test_nothing_follows_while_answers_lead_nowhere() -> None:
    """An unknown address may be that of any record."""
    seen = snapshot([CENTRAL] * 40 + [None], EVEN)

    assert list(answer_opinions(seen, "shop")) == []
    assert list(answer_notices(seen, "shop")) == [
        "pool europe: 1 of 41 answers lead to none of its weighted records: no address"
    ]


def test_old_answers_are_dropped_when_a_record_goes_and_when_it_comes_back() -> None:
    """Or else the split would be a mixture of two."""
    gone = told([WEST, CENTRAL] * 20 + [CENTRAL] * 30, EVEN)
    back = with_sample(gone, Sample(100.0, WEST), EVEN)

    assert {sample.region for sample in gone} == {CENTRAL}
    assert [sample.region for sample in back] == [WEST]


def test_a_withheld_record_has_a_notice_and_the_others_are_compared_without_it() -> None:
    """Its health check is what a person has to look at."""
    weights = {WEST: 100, CENTRAL: 100, EAST: 200}
    rng = Random(SEED)
    answers = rng.choices([CENTRAL, EAST], [1, 2], k=200)

    assert list(answer_notices(snapshot(answers, weights), "shop")) == [
        "pool europe: eu-west-1 has weight 100 and is not answered: "
        "Route 53's health check holds it back"
    ]


def test_a_reserve_that_is_answered_is_noticed() -> None:
    """Weight 0 is a last resort: Route 53 needed it."""
    weights = {WEST: 0, CENTRAL: 100}

    notices = list(answer_notices(snapshot([WEST] * 40, weights), "shop"))

    assert "pool europe: eu-west-1 has weight 0 and is 40 of 40 answers: " in notices[0]


@pytest.mark.parametrize(
    ("west", "of", "noticed"),
    [
        (50, 100, False),
        (73, 100, False),  # 4.5 deviations of 5, and half an answer
        (74, 100, True),
        (6, 10, False),
    ],
)
def test_a_split_is_noticed_when_chance_does_not_explain_it(
    west: int, of: int, noticed: bool
) -> None:
    """On both sides of the sampling error."""
    answers = [WEST] * west + [CENTRAL] * (of - west)
    Random(SEED).shuffle(answers)
    notices = list(answer_notices(snapshot(answers, EVEN), "shop"))

    assert bool(notices) is noticed
    if noticed:
        assert notices[0] == "pool europe: eu-west-1 is 74 % of 100 answers, its weight makes 50 %"


@given(st.lists(st.integers(1, 255), min_size=2, max_size=5), st.integers(0, 2**32))
def test_a_split_drawn_by_its_weights_is_hardly_ever_noticed(numbers: list[int], seed: int) -> None:
    """Chance alone makes no notice and withholds no record."""
    weights = {f"eu-west-{n}": weight for n, weight in enumerate(numbers, 1)}
    answers = Random(seed).choices(list(weights), numbers, k=150)

    assert list(answer_notices(snapshot(answers, weights), "shop")) == []


def test_answers_are_compared_with_the_a_records_weight() -> None:
    """Only A records are asked for; AAAA records of other weights share the position."""
    seen = snapshot([WEST, *[CENTRAL] * 11] * 8, {WEST: 90, CENTRAL: 90})
    assert list(answer_notices(seen, "shop")) != []
    west = Position("shop", "europe", WEST)
    observed = replace(seen.observed["shop"], ratios={west: {"A": 10, "AAAA": 90}})
    assert list(answer_notices(replace(seen, observed={"shop": observed}), "shop")) == []
