"""Everything that could be answered, held against every state tried one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations, product

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.model.levers import RecordSet
from controller.planning.answers import Location, Record, Zone, answered
from controller.planning.residency_walk import failures, routes
from tests.planning.zones import SIGNALS, ZONE_ID, address, record, trees

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


def key(found: Record) -> tuple[str, str | None]:
    return found.name, found.set_identifier


def by_brute_force(records: list[RecordSet], where: Location) -> set[tuple[str, str | None]]:
    """What is answered in any state at all."""
    name = records[0].name
    return {
        key(found)
        for weighed in drains(records)
        for zone in [Zone(ZONE_ID, weighed)]
        for down in outages()
        for found in answered(zone, name, "A", where, lambda signal, d=down: signal not in d)
    }


@given(trees(), PLACES)
@settings(max_examples=300, deadline=None)
def test_the_walk_finds_exactly_what_trying_every_state_finds(
    records: list[RecordSet], where: Location
) -> None:
    """Nothing missed, or the proof were false; nothing invented, or nobody would trust it."""
    found = routes(Zone(ZONE_ID, records), records[0].name, "A", where)

    assert {key(route.end) for route in found} == by_brute_force(records, where)


@given(trees(), PLACES)
@settings(max_examples=200, deadline=None)
def test_the_failures_of_a_route_suffice_and_none_is_idle(
    records: list[RecordSet], where: Location
) -> None:
    """With exactly these down some weights lead there; with one less, not by this route."""
    zone = Zone(ZONE_ID, records)
    for route in routes(zone, records[0].name, "A", where):
        down = failures(zone, route)
        reached = {
            key(found)
            for weighed in drains(records)
            for found in answered(
                Zone(ZONE_ID, weighed), records[0].name, "A", where, lambda s, d=down: s not in d
            )
        }
        assert key(route.end) in reached
        for signal in down:
            less = down - {signal}
            assert any(zone.is_healthy(r, lambda s, d=less: s not in d) for r in route.dark)


def test_an_unlawful_leaf_of_weight_zero_is_found() -> None:
    """Weights say what happens now, not what could happen."""
    records = [
        record("n.test.", "A", "eu-west-1", 128, "check-a", **address("::1")),
        record("n.test.", "A", "us-east-1", 0, "check-b", **address("::2")),
    ]
    found = routes(Zone(ZONE_ID, records), "n.test.", "A", Location())

    assert [route.end.set_identifier for route in found] == ["eu-west-1", "us-east-1"]


def test_a_record_that_an_unchecked_one_always_outdoes_is_not_found() -> None:
    """It is reached only while its check is down, and then the record without a check serves."""
    records = [
        record("n.test.", "A", "DE", None, "check-a", **_at("DE"), **address("::1")),
        record("n.test.", "A", "all", None, None, **_at("*"), **_to("t.test.")),
        record("t.test.", "A", "w0", 1, "check-a", **address("::2")),
        record("t.test.", "A", "w1", 1, None, **address("::3")),
    ]
    found = routes(Zone(ZONE_ID, records), "n.test.", "A", Location("DE"))

    assert {route.end.set_identifier for route in found} == {"DE", "w1"}


def _at(country: str) -> dict[str, object]:
    return {"GeoLocation": {"CountryCode": country}}


def _to(name: str) -> dict[str, object]:
    return {
        "AliasTarget": {"HostedZoneId": ZONE_ID, "DNSName": name, "EvaluateTargetHealth": False}
    }
