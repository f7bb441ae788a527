"""What Route 53 answers, case by case from its documented rules.

Cases marked "1.4" are the rows of the design's answer table (record tree, section 1.4) that need no
drain flag; the tree is that of section 1.1 with address leaves.
"""

from collections.abc import Iterable
from fractions import Fraction
from random import Random
from typing import Any

import pytest

from controller.sandbox.emulator.geography import Location
from controller.sandbox.emulator.route53.change_batches import ACCELERATOR_ZONE_ID
from controller.sandbox.emulator.route53.dns_answers import View, candidates, resolve
from tests.sandbox.emulator.builders import (
    REGIONS,
    SERVICE,
    ZONE,
    ZONE_ID,
    Clock,
    alias,
    at,
    change,
    check_id,
    simple,
    submit,
    tree_records,
    weighted,
    zone_store,
)

GERMANY = Location("DE", "EU")
JAPAN = Location("JP", "AS")
W, C, U, A = REGIONS
HALF, THIRD, QUARTER = Fraction(1, 2), Fraction(1, 3), Fraction(1, 4)
NAME = "x.example.com."


def view_of(
    records: Iterable[dict[str, Any]], down: Iterable[str] = (), addresses: tuple[str, ...] = ()
) -> View:
    """A view of one zone with these records, in which the checks of `down` regions fail."""
    clock = Clock()
    store = zone_store(clock)
    submit(store, *(change("CREATE", record) for record in records))
    clock.advance(60)
    failing = {check_id(region) for region in down}
    return View(store.served_zones(), lambda check: check not in failing, lambda name: addresses)


def chances(view: View, name: str, location: Location | None = None) -> dict[str, Fraction]:
    """Probability by answered value."""
    found = candidates(view, view.zones[ZONE_ID], name, "A", location)
    return {"+".join(each.record.values): each.probability for each in found}


def by_region(view: View, location: Location | None) -> dict[str, Fraction]:
    """Probability by region for the tree's service."""
    regions = {address: region for region, address in REGIONS.items()}
    return {regions[value]: p for value, p in chances(view, SERVICE, location).items()}


def test_a_zero_weight_serves_once_every_other_weight_is_unhealthy() -> None:
    """Developer guide, health checking with zero weights: the standby is considered last."""
    records = [
        weighted(NAME, "a", 10, "192.0.2.1") | {"HealthCheckId": check_id("a")},
        weighted(NAME, "b", 30, "192.0.2.2") | {"HealthCheckId": check_id("b")},
        weighted(NAME, "c", 0, "192.0.2.3") | {"HealthCheckId": check_id("c")},
    ]
    assert chances(view_of(records), NAME) == {"192.0.2.1": QUARTER, "192.0.2.2": 3 * QUARTER}
    assert chances(view_of(records, ["a"]), NAME) == {"192.0.2.2": 1}
    assert chances(view_of(records, ["a", "b"]), NAME) == {"192.0.2.3": 1}
    everything = chances(view_of(records, ["a", "b", "c"]), NAME)
    assert everything == {"192.0.2.1": QUARTER, "192.0.2.2": 3 * QUARTER}


def test_all_weights_zero_means_equal_shares() -> None:
    """API reference, Weight: if all records have 0, all are answered with equal probability."""
    records = [weighted(NAME, str(n), 0, f"192.0.2.{n}") for n in (1, 2, 3)]
    view = view_of(records)
    assert chances(view, NAME) == {f"192.0.2.{n}": THIRD for n in (1, 2, 3)}


def test_a_single_weight_of_zero_among_others_is_never_answered_without_checks() -> None:
    """API reference, Weight: a record with weight 0 among others receives no queries."""
    records = [weighted(NAME, "a", 0, "192.0.2.1"), weighted(NAME, "b", 1, "192.0.2.2")]
    assert chances(view_of(records), NAME) == {"192.0.2.2": 1}


EU_EVENLY = {W: HALF, C: HALF}
REST_EVENLY = {W: QUARTER, C: QUARTER, U: QUARTER, A: QUARTER}
OVERSEAS = {U: HALF, A: HALF}

TABLE = {
    "1.4 all well": ({}, [], EU_EVENLY, REST_EVENLY),
    "1.4 W down, controller dead": ({}, [W], {C: 1}, {C: THIRD, U: THIRD, A: THIRD}),
    "1.4 W down, controller wrote 0": ({W: 0}, [W], {C: 1}, {C: THIRD, U: THIRD, A: THIRD}),
    "1.4 both EU down, weights untouched": ({}, [W, C], EU_EVENLY, OVERSEAS),
    "1.4 both EU down, W already 0": ({W: 0}, [W, C], {C: 1}, OVERSEAS),
    "1.4 both EU down, W already 0 and well again": ({W: 0}, [C], {W: 1}, OVERSEAS),
    "1.4 W soft-drained, C well": ({W: 0}, [], {C: 1}, {C: THIRD, U: THIRD, A: THIRD}),
    "1.4 W soft-drained, then C down": ({W: 0}, [C], {W: 1}, OVERSEAS),
    "1.4 all four down": ({}, [W, C, U, A], EU_EVENLY, REST_EVENLY),
}


@pytest.mark.parametrize("row", TABLE)
def test_the_answer_table_holds_on_the_record_tree(row: str) -> None:
    """Each row: the exact answers to users of the bound pool and to the others."""
    weights, down, eu, rest = TABLE[row]
    view = view_of(tree_records(weights), down)
    assert by_region(view, GERMANY) == eu
    assert by_region(view, JAPAN) == rest
    assert by_region(view, None) == rest


def test_evaluated_target_health_leaks_bound_users_to_other_regions() -> None:
    """1.4 "geolocation ETH true": with both EU regions down the country record is backed out of."""
    view = view_of(tree_records(evaluate=True), [W, C])
    assert by_region(view, GERMANY) == OVERSEAS
    assert by_region(view_of(tree_records(evaluate=True), [W]), GERMANY) == {C: 1}


PLACES = {"country": ("192.0.2.1", {"CountryCode": "DE"})}
PLACES["continent"] = ("192.0.2.2", {"ContinentCode": "EU"})
PLACES["everywhere"] = ("192.0.2.3", {"CountryCode": "*"})


def geolocated(*areas: str) -> list[dict[str, Any]]:
    """Geolocation records for some areas, each with a check named after its area."""
    return [
        at(simple(NAME, PLACES[area][0]), **PLACES[area][1]) | {"HealthCheckId": check_id(area)}
        for area in areas
    ]


def test_the_smallest_area_wins_and_an_unhealthy_one_falls_outward() -> None:
    """Developer guide, geolocation routing: country, then continent, then the default."""
    records = geolocated("everywhere", "continent", "country")
    expected = {(): 1, ("country",): 2, ("country", "continent"): 3}
    for down, number in expected.items():
        assert chances(view_of(records, down), NAME, GERMANY) == {f"192.0.2.{number}": 1}
    all_down = view_of(records, PLACES)
    assert chances(all_down, NAME, GERMANY) == {"192.0.2.1": 1}


def test_without_a_matching_area_there_is_no_answer() -> None:
    """Developer guide: without a default record, a place that is not listed gets no answer."""
    view = view_of(geolocated("country"))
    assert chances(view, NAME, JAPAN) == {}
    answer = resolve(view, NAME, "A", JAPAN, Random(1))
    assert (answer.code, answer.record, answer.tailored) == ("NOERROR", None, True)
    assert answer.soa is not None


def test_russia_turkey_and_britain_are_in_route_53s_europe() -> None:
    """Developer guide, geolocation values: the continent EU is not the European Union."""
    view = view_of(geolocated("continent"))
    for country in ("RU", "TR", "GB"):
        assert chances(view, NAME, Location(country, "EU")) == {"192.0.2.2": 1}


def test_an_alias_takes_its_targets_ttl_and_values() -> None:
    """Developer guide, alias values: Route 53 uses the target's TTL."""
    view = view_of([simple("target.example.com", "192.0.2.7"), alias(NAME, "target.example.com")])
    record = resolve(view, NAME, "A", None, Random(1)).record
    assert record is not None
    assert (record.ttl_s, record.values) == (60, ("192.0.2.7",))


def test_an_alias_with_a_check_and_evaluated_health_needs_both() -> None:
    """Developer guide: a failing check or an unhealthy target makes the alias unhealthy."""

    def records(evaluate: bool) -> list[dict[str, Any]]:
        leaf = weighted("leaf.example.com", "l", 1, "192.0.2.1") | {"HealthCheckId": check_id("l")}
        first = alias(NAME, "leaf.example.com", evaluate)
        first |= {"SetIdentifier": "first", "Weight": 1, "HealthCheckId": check_id("first")}
        second = weighted(NAME, "second", 0, "192.0.2.2")
        return [leaf, first, second]

    for evaluate, down, value in (
        (True, [], 1),
        (True, ["first"], 2),
        (True, ["l"], 2),
        (False, ["l"], 1),
    ):
        assert chances(view_of(records(evaluate), down), NAME) == {f"192.0.2.{value}": 1}


def test_an_alias_to_an_accelerator_answers_its_static_addresses() -> None:
    """Developer guide: an alias to an accelerator answers the accelerator's addresses."""
    target = "a0000000000000001.awsglobalaccelerator.com"
    record = alias(NAME, target, zone_id=ACCELERATOR_ZONE_ID)
    view = view_of([record], addresses=("127.0.99.1", "127.0.99.2"))
    assert chances(view, NAME) == {"127.0.99.1+127.0.99.2": 1}
    assert resolve(view, target + ".", "A", None, Random(1)).record is not None
    unknown = view_of([record])
    assert resolve(unknown, NAME, "A", None, Random(1)).record is None
    assert resolve(unknown, target + ".", "A", None, Random(1)).code == "NXDOMAIN"


def test_two_aliases_that_point_at_each_other_have_no_answer() -> None:
    """A circle made by later changes ends instead of hanging."""
    clock = Clock()
    store = zone_store(clock)
    submit(store, change("CREATE", simple("b.example.com")))
    submit(store, change("CREATE", alias("a.example.com", "b.example.com", True)))
    submit(store, change("UPSERT", alias("b.example.com", "a.example.com", True)))
    clock.advance(60)
    view = View(store.served_zones(), lambda check: True, lambda name: ())
    assert resolve(view, "a.example.com.", "A", None, Random(1)).record is None


def test_names_without_records_tell_nothing_from_nowhere() -> None:
    """NXDOMAIN, an existing name without that type, an empty name above another, and refusal."""
    view = view_of([simple("deep.below.example.com"), simple("c.example.com", "a.test.", "CNAME")])
    codes = {
        ("nowhere.example.com.", "A"): "NXDOMAIN",
        ("deep.below.example.com.", "AAAA"): "NOERROR",
        ("below.example.com.", "A"): "NOERROR",
        ("other.test.", "A"): "REFUSED",
        (ZONE, "SOA"): "NOERROR",
    }
    got = {(n, k): resolve(view, n, k, None, Random(1)).code for n, k in codes}
    assert got == codes
    aliased = resolve(view, "c.example.com.", "A", None, Random(1)).record
    assert aliased is not None
    assert aliased.type == "CNAME"


def test_draws_follow_the_probabilities() -> None:
    """Of 4,000 draws at 3:1 about 3,000 name the heavier record (seed 1)."""
    records = [weighted(NAME, "a", 30, "192.0.2.1"), weighted(NAME, "b", 10, "192.0.2.2")]
    view, rng = view_of(records), Random(1)
    drawn = [resolve(view, NAME, "A", None, rng).record for _ in range(4_000)]
    heavier = sum(record is not None and record.values == ("192.0.2.1",) for record in drawn)
    assert 2_900 < heavier < 3_100
