"""Every way in which a bound pool's users could leave their lawful regions, one by one."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from controller.model.configuration import Service
from controller.model.levers import AcceleratedEndpoint, EndpointGroup, Leak, RecordSet
from controller.planning.residency.proof import Proof, describe_leak, prove_groups, prove_records
from controller.planning.residency.route53_answers import Location, Zone, possible_answers
from tests.planning.levers.aws_order import in_aws_order
from tests.planning.residency.partial import proofs_by_parts
from tests.planning.residency.test_tree_walk import all_but
from tests.planning.residency.zones import (
    ADDRESSES,
    NAME,
    ZONE_ID,
    address,
    alias,
    geolocation,
    leaf,
    place,
    plan,
    record,
    service,
)

SERVICE = service()
EU = ("eu-central-1", "eu-west-1")
ARN = "arn:aws:globalaccelerator::123456789012:accelerator/1234abcd"


def proof(*records: RecordSet, of: Service = SERVICE) -> Proof:
    """The proof from the whole zone, which is also that from parts of it."""
    ordered = in_aws_order(records)
    whole = prove_records("app", of, ordered)
    assert proofs_by_parts(of, ordered) == (whole, whole)
    return prove_records("app", of, records)


def leaks(*records: RecordSet) -> tuple[Leak, ...]:
    return proof(*records).leaks["eu"]


def without(records: list[RecordSet], area: str) -> list[RecordSet]:
    """The records but for one geolocation record."""
    return [one for one in records if (one.name, one.set_identifier) != (NAME, area)]


def instead(records: list[RecordSet], area: str, *others: RecordSet) -> list[RecordSet]:
    """The records with one geolocation record replaced."""
    return [*without(records, area), *others]


def test_the_record_plan_is_proven() -> None:
    """Unbound pools are not asked, so they are not among the answers."""
    assert proof(*plan()) == Proof({"eu": ()}, ())


def test_a_service_without_a_bound_pool_has_nothing_to_prove() -> None:
    """Its users may be served anywhere."""
    rest = {"geographies": ["default"], "regions": list(ADDRESSES), "demand_rps": 1}
    assert proof(*plan(evaluates=True), of=service({"rest": rest})) == Proof({})


def test_an_unlawful_leaf_leaks_even_at_weight_zero() -> None:
    """A standby is not off: two drains are enough."""
    (leak,) = leaks(*plan(), leaf("eu", "us-east-1", weight=0))

    assert (leak.service, leak.pool, leak.reached) == ("app", "eu", "us-east-1")
    assert leak.geographies == ("country:DE", "country:FR")
    assert (leak.failed, leak.drained) == ((), EU)
    assert describe_leak(leak) == (
        "users of country:DE and 1 more can reach us-east-1 at once (at weight 0 only when "
        "eu-central-1, eu-west-1 are drained or failed): app.example.test. A country:DE → "
        "eu.app.example.test. A us-east-1 → 192.0.2.3, because EU users may only be served from "
        "eu-west-1, eu-central-1; a record of weight 0 is a standby, not off"
    )


def test_geolocation_aliases_that_evaluate_their_target_leak_when_both_regions_fail() -> None:
    """The breach of the record plan's table: the answer falls outward to the default pool."""
    (leak,) = leaks(*plan(evaluates=True))

    assert (leak.reached, leak.failed) == ("us-east-1", EU)
    assert leak.path == (
        "app.example.test. A default",
        "rest.app.example.test. A us-east-1",
        "192.0.2.3",
    )
    assert "the record of country:DE is unhealthy, and geolocation falls outward to default" in (
        leak.why
    )


def test_one_country_whose_alias_evaluates_its_target_leaks_alone() -> None:
    """The leak names the countries concerned."""
    records = instead(plan(), "country:FR", geolocation("country:FR", "eu", evaluates=True))
    (leak,) = leaks(*records)

    assert leak.geographies == ("country:FR",)


def test_a_missing_country_falls_to_the_default() -> None:
    """Without any failure, at once."""
    (leak,) = leaks(*without(plan(), "country:DE"))

    assert (leak.geographies, leak.reached, leak.failed) == (("country:DE",), "us-east-1", ())
    assert "country:DE has no record, and geolocation falls outward to default" in leak.why


def test_a_missing_country_falls_to_its_continent() -> None:
    """Amazon does not publish which continent that is, so any that leads elsewhere is a leak."""
    records = [*without(plan(), "country:DE"), geolocation("continent:EU", "rest")]

    assert {leak.path[0] for leak in leaks(*records)} == {
        "app.example.test. A continent:EU",
        "app.example.test. A default",
    }


def test_a_country_with_a_record_that_is_always_healthy_never_falls_to_its_continent() -> None:
    """The continent's record may then lead anywhere."""
    assert leaks(*plan(), geolocation("continent:EU", "rest")) == ()


def test_a_bound_pool_for_a_whole_continent_is_noticed() -> None:
    """Its users stay in lawful regions, but other users are answered as if they were bound."""
    found = proof(*plan(), geolocation("continent:EU", "eu"))

    assert found.leaks == {"eu": ()}
    assert found.notices == (
        "app.example.test. A continent:EU is answered by pool eu, which is bound to EU and does "
        "not name continent:EU: to Route 53 continent EU also holds RU, TR and GB",
    )


def test_an_alias_to_another_pools_leaves_leaks_only_to_the_unlawful_of_them() -> None:
    """A wrong target: eu-west-1 is in both pools."""
    (leak,) = leaks(*instead(plan(), "country:DE", geolocation("country:DE", "rest")))

    assert (leak.reached, leak.path[0]) == ("us-east-1", "app.example.test. A country:DE")


def test_a_subdivision_with_its_own_record_is_examined() -> None:
    """Smaller areas outrank the country that the pool names."""
    pools = {
        "us": {
            "geographies": ["country:US"],
            "residency": "US",
            "regions": ["us-east-1"],
            "demand_rps": 1,
        },
        "rest": {"geographies": ["default"], "regions": list(ADDRESSES), "demand_rps": 1},
    }
    california: dict[str, Any] = {"GeoLocation": {"CountryCode": "US", "SubdivisionCode": "CA"}}
    records = [
        leaf("us", "us-east-1"),
        *(leaf("rest", region) for region in ADDRESSES),
        geolocation("country:US", "us"),
        geolocation("default", "rest"),
    ]
    assert proof(*records, of=service(pools)).leaks == {"us": ()}

    records.append(record(NAME, "A", "CA", **california, **alias(f"rest.{NAME}")))
    found = proof(*records, of=service(pools)).leaks["us"]
    assert {leak.reached for leak in found} == {"eu-west-1", "eu-central-1"}


def test_a_lawful_leaf_with_another_regions_address_leaks() -> None:
    """The unsteered names outrank a leaf's SetIdentifier."""
    records = [r for r in plan() if (r.name, r.set_identifier) != (f"eu.{NAME}", "eu-west-1")]
    (leak,) = leaks(*records, leaf("eu", "eu-west-1", value=ADDRESSES["us-east-1"]))

    assert leak.reached == "us-east-1"
    assert leak.path[-1] == "192.0.2.3, as us-east-1.app.example.test. has it"


def test_an_address_that_no_unsteered_name_knows_is_where_its_leaf_claims() -> None:
    """Unsteered names are optional, and a pool may have addresses of its own."""
    records = [r for r in plan() if (r.name, r.set_identifier) != (f"eu.{NAME}", "eu-west-1")]
    assert leaks(*records, leaf("eu", "eu-west-1", value="198.51.100.7")) == ()


def test_a_leaf_that_is_an_alias_to_another_regions_load_balancer_leaks() -> None:
    """An AWS resource's name says its region."""
    records = [r for r in plan() if (r.name, r.set_identifier) != (f"eu.{NAME}", "eu-west-1")]
    balancer = alias("dualstack.web-1.us-east-1.elb.amazonaws.com.", zone_id="Z35SXDOTRQ7X7K")
    wrong = record(f"eu.{NAME}", "A", "eu-west-1", 64, "check-eu-west-1", **balancer)
    (leak,) = leaks(*records, wrong)

    assert leak.reached == "us-east-1"


@pytest.mark.parametrize("target", ["d111.cloudfront.net.", "a123.awsglobalaccelerator.com."])
def test_an_alias_to_a_resource_without_a_region_cannot_be_proven(target: str) -> None:
    """Where it serves from is decided elsewhere."""
    edge = record(f"eu.{NAME}", "A", "eu-west-1", 64, "c", **alias(target, zone_id="Z2"))
    (leak,) = leaks(geolocation("country:DE", "eu"), edge)

    assert leak.reached is None
    assert "nothing tells which region that is" in leak.why
    assert "can reach a place of unknown region" in describe_leak(leak)


def test_addresses_right_at_the_services_name_are_judged_by_the_unsteered_names() -> None:
    """The region of a record without a SetIdentifier is found by its address only."""
    direct = record(NAME, "A", "DE", **place("country:DE"), **address(ADDRESSES["us-east-1"]))
    unknown = record(NAME, "A", "FR", **place("country:FR"), **address("198.51.100.7"))
    records = [r for r in plan() if r.name != NAME]
    found = {leak.geographies: leak.reached for leak in leaks(*records, direct, unknown)}

    assert found == {("country:DE",): "us-east-1", ("country:FR",): None}


def test_a_cname_at_the_services_name_is_followed() -> None:
    """A zone without A records is not one without answers."""
    records = [r for r in plan() if r.name != NAME]
    (leak,) = leaks(*records, record(NAME, "CNAME", **address("elsewhere.example.")))[:1]

    assert (leak.reached, leak.path[-1]) == (None, "elsewhere.example.")


def test_the_aaaa_twin_is_proven_by_itself() -> None:
    """A hand edit of one type alone is a leak for IPv6 users."""
    twins = [replace(one, type="AAAA") for one in plan() if one.set_identifier != "country:DE"]
    found = leaks(*plan(), *twins)

    assert [(leak.geographies, leak.path[0]) for leak in found] == [
        (("country:DE",), "app.example.test. AAAA default")
    ]


def test_no_answer_is_no_leak() -> None:
    """A user without an address reaches no region; the missing record is a fault of the tree."""
    assert leaks(*without(without(plan(), "country:DE"), "default")) == ()


def test_a_proof_does_not_depend_on_weights_and_health() -> None:
    """So it need not be made again when they change."""
    drained = [replace(r, weight=r.weight and 0) for r in plan()]

    assert proof(*drained) == proof(*plan())


@pytest.mark.parametrize(
    "records",
    [
        plan(evaluates=True),
        [*plan(), leaf("eu", "us-east-1")],
        [*plan(), leaf("eu", "us-east-1", weight=0)],
        without(plan(), "country:DE"),
    ],
    ids=["evaluated", "stray", "standby", "missing"],
)
def test_the_state_that_a_leak_names_is_one_in_which_it_happens(records: list[RecordSet]) -> None:
    """Users will try it."""
    for leak in leaks(*records):
        failed = {f"check-{region}" for region in leak.failed}
        idle = [
            replace(one, weight=0)
            if one.weight is not None and one.set_identifier in (*leak.drained, leak.reached)
            else one
            for one in records
        ]
        where = Location(leak.geographies[0].partition(":")[2], "EU")
        found = possible_answers(Zone(ZONE_ID, idle), NAME, "A", where, all_but(failed))

        assert leak.reached in {one.set_identifier for one in found}


def bound_accelerator() -> Service:
    pool = {
        "geographies": ["country:DE"],
        "residency": "EU",
        "regions": list(EU),
        "demand_rps": 1,
    }
    return service({"eu": pool}, {"accelerator": {"pool": "eu", "arn": ARN}})


def group(region: str, *endpoints: str, dial: float = 100.0) -> EndpointGroup:
    found = tuple(AcceleratedEndpoint(one, 0, "UNHEALTHY", "{}") for one in endpoints)
    return EndpointGroup(f"{ARN}/listener/1/endpoint-group/{region}", region, dial, found)


def test_an_unlawful_endpoint_group_leaks_at_dial_and_weight_zero() -> None:
    """An accelerator fails open: only removing the endpoint excludes it."""
    groups = [group(region, f"eip-{region}") for region in EU]
    assert prove_groups("api", bound_accelerator(), groups) == Proof({"eu": ()})

    stray = group("us-east-1", "eip-1", dial=0.0)
    (leak,) = prove_groups("api", bound_accelerator(), [*groups, stray]).leaks["eu"]
    assert (leak.reached, leak.drained, leak.path[-1]) == ("us-east-1", EU, "eip-1")
    assert "fails open to a random endpoint of the nearest group" in leak.why


def test_an_endpoint_group_without_endpoints_is_no_leak() -> None:
    """No user can reach it."""
    assert prove_groups("api", bound_accelerator(), [group("us-east-1")]).leaks == {"eu": ()}


@pytest.mark.parametrize("evaluates", [False, True])
def test_twenty_regions_and_250_geographies_are_proven_in_less_than_a_second(
    evaluates: bool,
) -> None:
    """Twenty lawful and twenty unlawful regions, A and AAAA, in the worst tree and the plan's."""
    regions = [f"eu-{chr(97 + i)}a-1" for i in range(20)] + [
        f"us-{chr(97 + i)}a-1" for i in range(20)
    ]
    countries = [f"country:{a}{b}" for a in "ABCDEFGHIJ" for b in "ABCDEFGHIJKLMNOPQRSTUVWXY"]
    noun = {"capacity_rps": 1, "endpoints": {"web": {"probe": "tcp://a:1"}}}
    pools: dict[str, dict[str, Any]] = {
        "eu": {"geographies": countries, "residency": "EU", "regions": regions[:20]},
        "rest": {"geographies": ["default"], "regions": regions},
    }
    large = Service.model_validate(
        {
            "regions": dict.fromkeys(regions, noun),
            "pools": {name: {"demand_rps": 1, **pool} for name, pool in pools.items()},
            "levers": {"route53": {"hosted_zone_id": ZONE_ID, "name": NAME}},
        }
    )
    records = [
        *(leaf("eu", r, value="192.0.2.1") for r in regions[:20]),
        *(leaf("rest", r, value="192.0.2.1") for r in regions),
        *(geolocation(country, "eu", evaluates) for country in countries),
        geolocation("continent:EU", "rest", evaluates),
        geolocation("default", "rest", evaluates),
    ]
    twins = [replace(one, type="AAAA") for one in records]
    started = time.process_time()
    found = prove_records("app", large, [*records, *twins]).leaks["eu"]

    assert time.process_time() - started < 1.0
    assert len({leak.reached for leak in found}) == (20 if evaluates else 0)


WEST_LEAF = (f"eu.{NAME}", "eu-west-1")


def with_west(**value: Any) -> list[RecordSet]:
    """The plan with other contents of the bound pool's leaf eu-west-1."""
    others = [r for r in plan() if (r.name, r.set_identifier) != WEST_LEAF]
    return [*others, record(f"eu.{NAME}", "A", "eu-west-1", 64, "check-eu-west-1", **value)]


def in_place_of_germany(*records: RecordSet) -> list[RecordSet]:
    """The plan with country:DE led to the name `de`, which these records hold."""
    to_it = record(NAME, "A", "country:DE", **place("country:DE"), **alias(f"de.{NAME}"))
    return [*instead(plan(), "country:DE", to_it), *records]


def at_de(identifier: str | None, region: str, check: str | None, **policy: Any) -> RecordSet:
    return record(
        f"de.{NAME}", "A", identifier, None, check, **policy, **address(ADDRESSES[region])
    )


def test_a_secondary_record_is_reached_only_once_the_primary_fails() -> None:
    """Failover has precedence; a primary that is always healthy is always answered."""
    second = at_de("second", "us-east-1", None, Failover="SECONDARY")
    (leak,) = leaks(
        *in_place_of_germany(at_de("first", "eu-west-1", "check-eu-west-1", Failover="PRIMARY")),
        second,
    )
    assert (leak.reached, leak.failed, leak.drained) == ("us-east-1", ("eu-west-1",), ())
    assert f"the primary record of de.{NAME} is unhealthy" in leak.why

    always = at_de("first", "eu-west-1", None, Failover="PRIMARY")
    assert leaks(*in_place_of_germany(always, second)) == ()


@pytest.mark.parametrize("check", [None, "check-us-east-1"])
def test_a_secondary_record_that_is_unhealthy_too_gives_the_answer_back(check: str | None) -> None:
    """When neither is healthy the primary is answered; while the secondary is, it is."""
    first = at_de("first", "us-east-1", check, Failover="PRIMARY")
    second = at_de("second", "eu-west-1", "check-eu-west-1", Failover="SECONDARY")
    (leak,) = leaks(*in_place_of_germany(first, second))

    assert (leak.reached, leak.failed) == ("us-east-1", ())


@pytest.mark.parametrize(
    "policy", [{"Region": "us-east-1"}, {"MultiValueAnswer": True}, {"CidrRoutingConfig": {}}]
)
def test_any_healthy_record_of_other_policies_may_be_answered(policy: dict[str, Any]) -> None:
    """Each is the nearest to some users, or one of several answers: no failure is needed."""
    lawful = at_de("one", "eu-west-1", "check-eu-west-1", **{**policy})
    (leak,) = leaks(*in_place_of_germany(lawful, at_de("two", "us-east-1", "c", **policy)))

    assert (leak.reached, leak.failed, leak.drained) == ("us-east-1", (), ())
    assert describe_leak(leak).startswith("users of country:DE can reach us-east-1 at once: ")


def test_aliases_in_aliases_are_followed_to_the_address() -> None:
    """Latency in front of weights, two names deep; the leaf's unlawful twin is found."""
    near = record(f"de.{NAME}", "A", "near", Region="eu-west-1", **alias(f"two.{NAME}", True))
    two = [
        record(f"two.{NAME}", "A", "a", 10, "check-a", **address(ADDRESSES["eu-west-1"])),
        record(f"two.{NAME}", "A", "b", 0, "check-b", **alias(f"us-east-1.{NAME}")),
    ]
    (leak,) = leaks(*in_place_of_germany(near, *two))

    assert leak.path == (
        f"{NAME} A country:DE",
        f"de.{NAME} A near",
        f"two.{NAME} A b",
        f"us-east-1.{NAME} A",
        "192.0.2.3",
    )
    assert leak.drained == ("a",)


def test_no_answer_falls_outward_where_there_is_no_default() -> None:
    """The whole of a bound pool unhealthy: its own area is answered all the same."""
    assert leaks(*without(plan(evaluates=True), "default")) == ()


def test_all_weights_zero_stay_inside() -> None:
    """Equal chances among the pool's own leaves."""
    assert leaks(*(replace(r, weight=r.weight and 0) for r in plan())) == ()


def test_a_missing_twin_is_no_leak() -> None:
    """IPv6 users of that leaf get the other one's address, or none."""
    twins = [replace(one, type="AAAA") for one in plan()]
    lacking = [r for r in twins if (r.name, r.set_identifier) != WEST_LEAF]
    assert leaks(*plan(), *lacking) == ()


@pytest.mark.parametrize("delegated", [f"eu.{NAME}", NAME])
def test_a_delegated_name_cannot_be_proven(delegated: str) -> None:
    """No record of the zone says what the other name servers answer."""
    servers = record(delegated, "NS", **address("ns1.elsewhere.example.", "ns2.elsewhere.example."))
    apex = [record("example.test.", kind, **address("x")) for kind in ("NS", "SOA")]
    assert leaks(*plan(), *apex) == ()

    found = leaks(*plan(), *apex, servers)
    assert {leak.reached for leak in found} == {None}
    assert "name servers ns1.elsewhere.example., ns2.elsewhere.example." in found[0].path[-1]


def test_a_name_that_is_not_amazons_has_no_region() -> None:
    """Any owner of a name can put a region's name into it."""
    elsewhere = record(NAME, "CNAME", **address("eu-west-1.cdn.example."))
    (leak,) = leaks(*[r for r in plan() if r.name != NAME], elsewhere)
    assert (leak.reached, leak.path[-1]) == (None, "eu-west-1.cdn.example.")

    balancer = record(NAME, "CNAME", **address("web-1.eu-west-1.elb.amazonaws.com."))
    assert leaks(*[r for r in plan() if r.name != NAME], balancer) == ()


def test_an_address_that_two_unsteered_names_have_is_of_both() -> None:
    """One of them is wrong, and the zone does not say which."""
    twice = replace(
        next(r for r in plan() if r.name == f"us-east-1.{NAME}"),
        rest=with_west(**address(ADDRESSES["eu-west-1"]))[-1].rest,
    )
    (leak,) = leaks(*[r for r in plan() if r.name != twice.name], twice)

    assert (leak.reached, leak.path[-1]) == (
        "us-east-1",
        f"192.0.2.1, as us-east-1.{NAME} has it",
    )


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("1 elsewhere.example. alpn=h2", "1 elsewhere.example. alpn=h2"),
        ("0 elsewhere.example.", "0 elsewhere.example."),
        ("1 . alpn=h2 ipv4hint=192.0.2.3", "1 . alpn=h2 ipv4hint=192.0.2.3"),
        ("1 . alpn=h2,h3", None),
    ],
)
def test_an_https_record_may_lead_browsers_elsewhere(value: str, path: str | None) -> None:
    """One that only says how to speak leads nowhere else (RFC 9460, 2.5)."""
    found = leaks(*plan(), record(f"eu.{NAME}", "HTTPS", **address(value)), *_https_aliases())

    assert [leak.path[-1] for leak in found] == ([path] if path else [])


def _https_aliases() -> list[RecordSet]:
    return [replace(r, type="HTTPS") for r in plan() if r.name == NAME]


def test_a_region_whose_own_leaf_is_misdirected_is_named() -> None:
    """It must be given no traffic, whatever happens to the others."""
    (astray,) = leaks(*with_west(**address(ADDRESSES["us-east-1"])))
    (stray,) = leaks(*plan(), leaf("eu", "us-east-1"))
    nowhere = leaks(*with_west(**alias("d111.cloudfront.net.", zone_id="Z2")))

    assert (astray.astray, stray.astray) == ("eu-west-1", None)
    assert [leak.astray for leak in nowhere] == ["eu-west-1"]
