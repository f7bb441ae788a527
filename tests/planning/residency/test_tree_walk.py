"""Everything that could be answered, held against every state tried one by one."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from itertools import combinations, product
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from controller.model.levers import RecordSet
from controller.planning.residency.route53_answers import (
    AnswerRecord,
    IsUp,
    Location,
    Zone,
    possible_answers,
)
from controller.planning.residency.tree_walk import answer_paths, required_failures
from tests.planning.residency.zones import SIGNALS, ZONE_ID, address, record, trees

PLACES = st.sampled_from([Location("DE", "EU"), Location("DE"), Location()])


def drains(records: list[RecordSet]) -> Iterator[list[RecordSet]]:
    """The records with every combination of weights 0 and 1."""
    weighted = [index for index, one in enumerate(records) if one.weight is not None]
    for weights in product((0, 1), repeat=len(weighted)):
        changed = dict(zip(weighted, weights, strict=True))
        yield [
            replace(one, weight=changed.get(index, one.weight)) for index, one in enumerate(records)
        ]


def outages() -> Iterator[frozenset[str]]:
    """Every set of signals that may be down."""
    for size in range(len(SIGNALS) + 1):
        yield from map(frozenset, combinations(SIGNALS, size))


def all_but(down: Collection[str]) -> IsUp:
    """Every signal is up but these."""
    return lambda signal: signal not in down


def key(found: AnswerRecord) -> tuple[str, str | None]:
    return found.name, found.set_identifier


def by_brute_force(records: list[RecordSet], where: Location) -> set[tuple[str, str | None]]:
    """What is answered in any state at all."""
    name = records[0].name
    return {
        key(found)
        for weighed in drains(records)
        for zone in [Zone(ZONE_ID, weighed)]
        for down in outages()
        for found in possible_answers(zone, name, "A", where, all_but(down))
    }


@given(trees(), PLACES)
def test_the_walk_finds_exactly_what_trying_every_state_finds(
    records: list[RecordSet], where: Location
) -> None:
    """Nothing missed, or the proof were false; nothing invented, or nobody would trust it."""
    found = answer_paths(Zone(ZONE_ID, records), records[0].name, "A", where)

    assert {key(route.end) for route in found} == by_brute_force(records, where)


@given(trees(), PLACES)
def test_the_failures_of_a_route_suffice_and_none_is_idle(
    records: list[RecordSet], where: Location
) -> None:
    """With exactly these down some weights lead there; with one less, not by this route."""
    zone = Zone(ZONE_ID, records)
    for route in answer_paths(zone, records[0].name, "A", where):
        down = required_failures(zone, route)
        reached = {
            key(found)
            for weighed in drains(records)
            for found in possible_answers(
                Zone(ZONE_ID, weighed), records[0].name, "A", where, all_but(down)
            )
        }
        assert key(route.end) in reached
        for signal in down:
            less = down - {signal}
            assert any(zone.is_healthy(r, all_but(less)) for r in route.dark)


def test_an_unlawful_leaf_of_weight_zero_is_found() -> None:
    """Weights say what happens now, not what could happen."""
    records = [
        record("n.test.", "A", "eu-west-1", 128, "check-a", **address("::1")),
        record("n.test.", "A", "us-east-1", 0, "check-b", **address("::2")),
    ]
    found = answer_paths(Zone(ZONE_ID, records), "n.test.", "A", Location())

    assert [route.end.set_identifier for route in found] == ["eu-west-1", "us-east-1"]


def test_a_record_that_an_unchecked_one_always_outdoes_is_not_found() -> None:
    """It is reached only while its check is down, and then the record without a check serves."""
    records = [
        record("n.test.", "A", "DE", None, "check-a", **_at("DE"), **address("::1")),
        record("n.test.", "A", "all", None, None, **_at("*"), **_to("t.test.")),
        record("t.test.", "A", "w0", 1, "check-a", **address("::2")),
        record("t.test.", "A", "w1", 1, None, **address("::3")),
    ]
    found = answer_paths(Zone(ZONE_ID, records), "n.test.", "A", Location("DE"))

    assert {route.end.set_identifier for route in found} == {"DE", "w1"}


def test_a_record_whose_check_must_be_down_serves_when_its_whole_group_is() -> None:
    """What fails outward to it makes it unhealthy, and all unhealthy is all healthy."""
    records = [
        record("n.test.", "A", "DE", None, "check-a", **_at("DE"), **address("::1")),
        record("n.test.", "A", "all", None, None, **_at("*"), **_to("t.test.")),
        record("t.test.", "A", "w0", 1, "check-a", **address("::2")),
        record("t.test.", "A", "w1", 1, "check-b", **address("::3")),
    ]
    zone = Zone(ZONE_ID, records)
    found = {r.end.set_identifier: r for r in answer_paths(zone, "n.test.", "A", Location("DE"))}

    assert found.keys() == {"DE", "w0", "w1"}
    assert required_failures(zone, found["w0"]) == {"check-a", "check-b"}
    assert required_failures(zone, found["w1"]) == {"check-a"}


def test_the_smallest_area_serves_when_none_that_apply_is_healthy() -> None:
    """The same for a second choice by location."""
    records = [
        record("n.test.", "A", "DE", None, "check-a", **_at("DE"), **address("::1")),
        record("n.test.", "A", "all", None, None, **_at("*"), **_to("t.test.")),
        record("t.test.", "A", "small", None, "check-a", **_at("DE"), **address("::2")),
        record("t.test.", "A", "large", None, "check-b", **_at("*"), **address("::3")),
    ]
    zone = Zone(ZONE_ID, records)
    found = {r.end.set_identifier: r for r in answer_paths(zone, "n.test.", "A", Location("DE"))}

    assert found.keys() == {"DE", "small", "large"}
    assert required_failures(zone, found["small"]) == {"check-a", "check-b"}


def test_an_alias_is_not_healthy_by_its_target_alone() -> None:
    """Its own check is down whenever the answer falls outward to it."""
    records = [
        record("n.test.", "A", "DE", None, "check-a", **_at("DE"), **address("::1")),
        record("n.test.", "A", "EU", None, "check-a", **_in("EU"), **_to("t.test.", True)),
        record("n.test.", "A", "all", None, None, **_at("*"), **address("::2")),
        record("t.test.", "A", "end", None, "check-b", **address("::3")),
    ]
    found = answer_paths(Zone(ZONE_ID, records), "n.test.", "A", Location("DE", "EU"))

    assert {route.end.set_identifier for route in found} == {"DE", "all"}


def _at(country: str) -> dict[str, Any]:
    return {"GeoLocation": {"CountryCode": country}}


def _in(continent: str) -> dict[str, Any]:
    return {"GeoLocation": {"ContinentCode": continent}}


def _to(name: str, evaluates: bool = False) -> dict[str, Any]:
    pointer = {"HostedZoneId": ZONE_ID, "DNSName": name, "EvaluateTargetHealth": evaluates}
    return {"AliasTarget": pointer}
