"""What Route 53 answers: the documented rules one by one, and agreement with the emulator."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.model.levers import RecordSet
from controller.planning.residency.route53_answers import (
    AnswerRecord,
    Location,
    Zone,
    possible_answers,
)
from controller.sandbox.emulator import geography
from controller.sandbox.emulator.route53 import dns_answers as emulated
from controller.sandbox.emulator.route53.records import ZoneRecords, record_from_params
from tests.planning.residency.zones import (
    NAME,
    SIGNALS,
    ZONE_ID,
    address,
    alias,
    place,
    plan,
    record,
    trees,
)

BERLIN = Location("DE", "EU")
TOKYO = Location("JP", "AS")


def labels(found: frozenset[AnswerRecord]) -> list[str]:
    return sorted(f"{one.name.partition('.')[0]} {one.set_identifier}" for one in found)


def asked(records: list[RecordSet], where: Location, *down: str, name: str = NAME) -> list[str]:
    """What may be answered while these signals are down."""
    zone = Zone(ZONE_ID, records)
    return labels(possible_answers(zone, name, "A", where, lambda signal: signal not in down))


WEST, CENTRAL, EAST = "check-eu-west-1", "check-eu-central-1", "check-us-east-1"


@pytest.mark.parametrize(
    ("where", "down", "evaluates", "expected"),
    [
        (BERLIN, (), False, ["eu eu-central-1", "eu eu-west-1"]),
        (BERLIN, (WEST,), False, ["eu eu-central-1"]),
        (BERLIN, (WEST, CENTRAL), False, ["eu eu-central-1", "eu eu-west-1"]),
        (BERLIN, (WEST, CENTRAL), True, ["rest us-east-1"]),
        (BERLIN, (WEST, CENTRAL, EAST), True, ["eu eu-central-1", "eu eu-west-1"]),
        (TOKYO, (WEST, CENTRAL), False, ["rest us-east-1"]),
        (Location(), (EAST,), True, ["rest eu-central-1", "rest eu-west-1"]),
    ],
)
def test_the_record_plan_answers_as_its_table_says(
    where: Location, down: tuple[str, ...], evaluates: bool, expected: list[str]
) -> None:
    """Geolocation aliases that evaluate their target's health are the breach of the table."""
    assert asked(plan(evaluates), where, *down) == expected


@pytest.mark.parametrize(
    ("weights", "down", "expected"),
    [
        ((1, 0), (), ["n w0"]),
        ((1, 0), ("check-a",), ["n w1"]),
        ((1, 0), ("check-a", "check-b"), ["n w0"]),
        ((0, 0), (), ["n w0", "n w1"]),
        ((0, 0), ("check-a",), ["n w1"]),
        ((0, 0), ("check-a", "check-b"), ["n w0", "n w1"]),
    ],
)
def test_a_weight_of_zero_is_a_standby(
    weights: tuple[int, int], down: tuple[str, ...], expected: list[str]
) -> None:
    """It serves when nothing of positive weight is healthy, and all zeros are equal chances."""
    records = [
        record("n.test.", "A", f"w{index}", weight, check, **address("::1"))
        for index, (weight, check) in enumerate(zip(weights, ("check-a", "check-b"), strict=True))
    ]
    assert asked(records, BERLIN, *down, name="n.test.") == expected


def test_a_record_without_a_check_is_always_healthy() -> None:
    """So the checked ones beside it never fail open."""
    records = [
        record("n.test.", "A", "w0", 0, None, **address("::1")),
        record("n.test.", "A", "w1", 1, "check-a", **address("::1")),
    ]
    assert asked(records, BERLIN, "check-a", name="n.test.") == ["n w0"]


def test_an_alias_with_a_check_of_its_own_needs_both() -> None:
    """Its own check and a healthy target."""
    records = [
        record("n.test.", "A", "w0", 1, "check-a", **alias("t.test.", evaluates=True)),
        record("n.test.", "A", "w1", 0, None, **address("::1")),
        record("t.test.", "A", None, None, "check-b", **address("::2")),
    ]
    assert asked(records, BERLIN, name="n.test.") == ["t None"]
    assert asked(records, BERLIN, "check-a", name="n.test.") == ["n w1"]
    assert asked(records, BERLIN, "check-b", name="n.test.") == ["n w1"]


def test_an_evaluated_target_outside_the_zone_may_be_down() -> None:
    """No API shows a load balancer's health as Route 53 sees it, so it is a signal of its own."""
    records = [
        record("n.test.", "A", "w0", 1, None, **alias("lb.test.", True, "Z0ELB")),
        record("n.test.", "A", "w1", 0, None, **address("::1")),
    ]
    assert asked(records, BERLIN, name="n.test.") == ["n w0"]
    assert asked(records, BERLIN, "target lb.test.", name="n.test.") == ["n w1"]


def test_without_a_matching_area_there_is_no_answer() -> None:
    """That is why one pool has the geography default."""
    records = [record(NAME, "A", "DE", **place("country:DE"), **address("::1"))]
    assert asked(records, BERLIN) == ["app DE"]
    assert asked(records, TOKYO) == []


def test_a_subdivision_beats_its_country() -> None:
    """The smallest area is a state of the United States."""
    spot: dict[str, Any] = {"GeoLocation": {"CountryCode": "US", "SubdivisionCode": "CA"}}
    records = [
        record(NAME, "A", "US", **place("country:US"), **address("::1")),
        record(NAME, "A", "CA", **spot, **address("::2")),
    ]
    assert asked(records, Location("US", "NA", "CA")) == ["app CA"]
    assert asked(records, Location("US", "NA", "NY")) == ["app US"]


def test_wildcards_answer_for_names_that_do_not_exist_and_no_others() -> None:
    """A name exists when something is below it, too."""
    records = [
        record("\\052.test.", "A", **address("::1")),
        record("x.here.test.", "A", **address("::2")),
    ]
    assert asked(records, BERLIN, name="gone.test.") == ["\\052 None"]
    assert asked(records, BERLIN, name="here.test.") == []


def test_a_cname_leads_on_within_the_zone_and_ends_outside() -> None:
    """Resolvers ask for its target next."""
    records = [
        record("n.test.", "CNAME", **address("t.test.")),
        record("t.test.", "A", **address("::1")),
        record("o.test.", "CNAME", **address("elsewhere.example.")),
    ]
    assert asked(records, BERLIN, name="n.test.") == ["t None"]
    assert asked(records, BERLIN, name="o.test.") == ["o None"]


def test_a_policy_outside_the_plan_may_answer_with_any_healthy_record() -> None:
    """As wide as latency, failover or multivalue could ever be."""
    records = [
        record("n.test.", "A", region, None, check, Region=region, **address("::1"))
        for region, check in (("eu-west-1", "check-a"), ("us-east-1", "check-b"))
    ]
    assert asked(records, BERLIN, name="n.test.") == ["n eu-west-1", "n us-east-1"]
    assert asked(records, BERLIN, "check-b", name="n.test.") == ["n eu-west-1"]


@given(
    trees(failover=False),  # which the emulator refuses
    st.sets(st.sampled_from(SIGNALS)),
    st.sampled_from([BERLIN, TOKYO, None]),
)
def test_the_emulator_answers_the_same(
    records: list[RecordSet], down: set[str], where: Location | None
) -> None:
    """Both were written from the same pages by themselves; where they differ one of them is wrong.

    Circles are left out: Route 53 refuses them and the emulator stops at a depth.
    """
    name = records[0].name
    if _has_circle(records):
        return
    theirs = [record_from_params(_as_sent(one)) for one in records]
    groups = {
        (one.name, one.type): tuple(r for r in theirs if (r.name, r.type) == (one.name, one.type))
        for one in theirs
    }
    zone = ZoneRecords("example.test.", groups)
    view = emulated.View({ZONE_ID: zone}, lambda check: check not in down, lambda _: ())
    theirs_at = geography.Location(where.country or "", where.continent or "") if where else None
    found = emulated.candidates(view, zone, name, "A", theirs_at)

    ours = possible_answers(
        Zone(ZONE_ID, records), name, "A", where or Location(), lambda one: one not in down
    )

    assert {(r.name, r.set_identifier) for r in ours} == {
        (c.record.name, c.record.set_identifier) for c in found if c.probability > Fraction(0)
    }


def _as_sent(listed: RecordSet) -> dict[str, object]:
    fields = {
        "Name": listed.name,
        "Type": listed.type,
        "SetIdentifier": listed.set_identifier,
        "Weight": listed.weight,
        "HealthCheckId": listed.health_check_id,
    }
    rest: dict[str, object] = json.loads(listed.rest)
    return {k: v for k, v in fields.items() if v is not None} | rest


def _has_circle(records: list[RecordSet]) -> bool:
    leads: dict[str, set[str]] = {}
    for one in records:
        target = json.loads(one.rest).get("AliasTarget", {}).get("DNSName")
        leads.setdefault(one.name, set()).update([target] if target else [])

    def circles(name: str, passed: frozenset[str]) -> bool:
        return name in passed or any(circles(n, passed | {name}) for n in leads.get(name, ()))

    return any(circles(name, frozenset()) for name in leads)
