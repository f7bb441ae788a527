"""Change batches: what Route 53 accepts, and with which messages it refuses the rest."""

from typing import Any

import pytest

from controller.sandbox.emulator.http.wire_messages import AwsError
from controller.sandbox.emulator.route53.change_batches import ACCELERATOR_ZONE_ID
from controller.sandbox.emulator.route53.zones import ZoneStore
from tests.sandbox.emulator.builders import (
    SERVICE,
    ZONE_ID,
    Clock,
    alias,
    at,
    change,
    listed,
    simple,
    submit,
    tree_records,
    weighted,
    zone_store,
)

NAME = "x.example.com."


@pytest.fixture
def store() -> ZoneStore:
    """One zone with a simple and two weighted record sets."""
    zones = zone_store(Clock())
    submit(
        zones,
        change("CREATE", simple("plain.example.com")),
        change("CREATE", weighted(NAME, "a", 1, "192.0.2.1")),
        change("CREATE", weighted(NAME, "b", 2, "192.0.2.2")),
    )
    return zones


REFUSED: dict[str, tuple[str, dict[str, Any], str, str]] = {
    "name outside the zone": (
        "CREATE",
        simple("a.example.net"),
        "InvalidChangeBatch",
        "RRSet with DNS name a.example.net. is not permitted in zone example.com.",
    ),
    "name that only ends like the zone": (
        "CREATE",
        simple("badexample.com"),
        "InvalidChangeBatch",
        "not permitted in zone",
    ),
    "existing set created": (
        "CREATE",
        weighted(NAME, "a", 9),
        "InvalidChangeBatch",
        r"\[name='x.example.com.', type='A', set-identifier='a'\] but it already exists",
    ),
    "delete of nothing": (
        "DELETE",
        weighted(NAME, "c", 1),
        "InvalidChangeBatch",
        "set-identifier='c'.* but it was not found",
    ),
    "delete with another weight": (
        "DELETE",
        weighted(NAME, "a", 2, "192.0.2.1"),
        "InvalidChangeBatch",
        "but the values provided do not match the current values",
    ),
    "delete with another TTL": (
        "DELETE",
        weighted(NAME, "a", 1, "192.0.2.1", ttl_s=5),
        "InvalidChangeBatch",
        "but the values provided do not match",
    ),
    "IPv4 syntax": (
        "CREATE",
        simple("v.example.com", "not-an-ip"),
        "InvalidChangeBatch",
        "ARRDATAIllegalIPv4Address",
    ),
    "IPv6 syntax": (
        "CREATE",
        simple("v.example.com", "192.0.2.1", "AAAA"),
        "InvalidChangeBatch",
        "AAAARRDATAIllegalIPv6Address",
    ),
    "TXT without quotes": (
        "CREATE",
        simple("v.example.com", "token", "TXT"),
        "InvalidChangeBatch",
        "should be enclosed in quotation marks",
    ),
    "two values in a weighted set": (
        "UPSERT",
        weighted(NAME, "a", 1)
        | {"ResourceRecords": [{"Value": "192.0.2.1"}, {"Value": "192.0.2.2"}]},
        "InvalidChangeBatch",
        "takes one value only",
    ),
    "simple beside weighted": (
        "CREATE",
        simple(NAME),
        "InvalidChangeBatch",
        "other RRSets exist with the same name and type",
    ),
    "weighted beside simple": (
        "CREATE",
        weighted("plain.example.com", "a", 1),
        "InvalidChangeBatch",
        "a non-weighted set exists with the same name and type",
    ),
    "geolocation beside weighted": (
        "CREATE",
        at(simple(NAME), CountryCode="DE"),
        "InvalidChangeBatch",
        "a non-geolocation set exists",
    ),
    "two TTLs in a weighted group": (
        "UPSERT",
        weighted(NAME, "a", 1, ttl_s=5),
        "InvalidChangeBatch",
        "weighted sets must contain the same TTL",
    ),
    "alias without a target": (
        "CREATE",
        alias("al.example.com", "nowhere.example.com"),
        "InvalidChangeBatch",
        "but that target was not found",
    ),
    "alias to another type": (
        "CREATE",
        alias("al.example.com", NAME) | {"Type": "AAAA"},
        "InvalidChangeBatch",
        "type AAAA .* but that target was not found",
    ),
    "alias out of the zone": (
        "CREATE",
        alias("al.example.com", "a.example.net"),
        "InvalidChangeBatch",
        "does not lie within the target zone",
    ),
    "alias to itself": (
        "UPSERT",
        alias("plain.example.com", "plain.example.com"),
        "InvalidChangeBatch",
        "that is the alias itself",
    ),
    "accelerator alias to another domain": (
        "CREATE",
        alias("al.example.com", "a.example.com", zone_id=ACCELERATOR_ZONE_ID),
        "InvalidChangeBatch",
        "does not lie within the target zone",
    ),
    "alias into an unknown zone": (
        "CREATE",
        alias("al.example.com", "x.elb.amazonaws.com", zone_id="Z32O12XQLNTSW2"),
        "NotImplemented",
        "an alias into zone Z32O12XQLNTSW2 is not emulated",
    ),
    "CNAME beside another type": (
        "CREATE",
        simple("plain.example.com", "a.test.", "CNAME"),
        "InvalidChangeBatch",
        "conflicts with other records with the same DNS name",
    ),
    "CNAME at the apex": (
        "CREATE",
        simple("example.com", "a.test.", "CNAME"),
        "InvalidChangeBatch",
        "not permitted at apex",
    ),
    "latency policy": (
        "CREATE",
        simple("v.example.com") | {"SetIdentifier": "a", "Region": "us-east-1"},
        "NotImplemented",
        "record member Region is not emulated",
    ),
    "weight without identifier": (
        "CREATE",
        simple("v.example.com") | {"Weight": 1},
        "InvalidInput",
        "Missing field 'SetIdentifier'",
    ),
    "identifier without policy": (
        "CREATE",
        simple("v.example.com") | {"SetIdentifier": "a"},
        "InvalidInput",
        r"Expected exactly one of \[Weight, GeoLocation\], but found none",
    ),
    "two policies": (
        "CREATE",
        at(weighted("v.example.com", "a", 1), CountryCode="DE"),
        "InvalidInput",
        "but found more than one",
    ),
    "neither value nor alias": (
        "CREATE",
        {"Name": "v.example.com", "Type": "A"},
        "InvalidInput",
        r"Expected exactly one of \[AliasTarget.*but found none in Change with \[Action=CREATE",
    ),
    "alias with TTL": (
        "CREATE",
        alias("v.example.com", NAME) | {"TTL": 60},
        "InvalidInput",
        "but found more than one",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_faulty_change_is_refused_in_aws_words_and_changes_nothing(
    store: ZoneStore, case: str
) -> None:
    """Each rule: code, message, and an unchanged zone although a good change came first."""
    action, record, code, message = REFUSED[case]
    before = listed(store)
    with pytest.raises(AwsError, match=message) as caught:
        submit(store, change("CREATE", simple("good.example.com")), change(action, record))
    assert caught.value.code == code
    assert listed(store) == before


def test_every_fault_of_a_batch_is_named_at_once(store: ZoneStore) -> None:
    """InvalidChangeBatch carries one message for each fault, in brackets."""
    with pytest.raises(AwsError) as caught:
        submit(
            store,
            change("CREATE", simple("a.example.net")),
            change("CREATE", simple("v.example.com", "nonsense")),
            change("DELETE", simple("gone.example.com")),
        )
    message = caught.value.message
    assert message.startswith("[RRSet with DNS name a.example.net.")
    assert "nonsense" in message
    assert message.endswith("type='A'] but it was not found]")


def test_a_weighted_groups_ttls_may_change_together(store: ZoneStore) -> None:
    """Equal TTLs are required after the whole batch, not within it."""
    records = [weighted(NAME, "a", 1, ttl_s=5), weighted(NAME, "b", 2, ttl_s=5)]
    submit(store, *(change("UPSERT", record) for record in records))
    assert [r["TTL"] for r in listed(store) if r["Name"] == NAME] == [5, 5]


def test_delete_and_create_in_one_batch_is_a_compare_and_swap(store: ZoneStore) -> None:
    """A record changes from the expected value, or not at all."""
    name = "_gtc-fence.app.example.com"

    def token(number: int) -> dict[str, Any]:
        return simple(name, f'"epoch={number}"', "TXT")

    submit(store, change("CREATE", token(1)))
    swap = [change("DELETE", token(1)), change("CREATE", token(2))]
    submit(store, *swap)
    with pytest.raises(AwsError, match="do not match the current values"):
        submit(store, *swap)
    assert listed(store, StartRecordName=name)[0]["ResourceRecords"] == [{"Value": '"epoch=2"'}]


def test_delete_removes_only_the_named_set(store: ZoneStore) -> None:
    """Sets of one name differ by identifier, sets of one identifier by name."""
    submit(store, change("CREATE", weighted("y.example.com", "a", 1)))
    submit(store, change("DELETE", weighted(NAME, "a", 1, "192.0.2.1")))
    left = {(r["Name"], r.get("SetIdentifier")) for r in listed(store)}
    assert left == {("plain.example.com.", None), (NAME, "b"), ("y.example.com.", "a")}


def test_the_zones_own_soa_and_ns_cannot_be_deleted(store: ZoneStore) -> None:
    """A zone always has both at its apex."""
    page = store.list_resource_record_sets({"HostedZoneId": ZONE_ID})
    apex = [r for r in page["ResourceRecordSets"] if r["Type"] in ("SOA", "NS")]
    assert len(apex) == 2
    for record in apex:
        with pytest.raises(AwsError, match=f"must contain an {record['Type']} record"):
            submit(store, change("DELETE", record))


def test_a_geolocation_may_be_given_once(store: ZoneStore) -> None:
    """Two sets for one location under one name are refused, for two locations they are not."""
    name = "geo.example.com"
    submit(
        store,
        change("CREATE", at(simple(name), CountryCode="DE")),
        change("CREATE", at(simple(name), ContinentCode="EU")),
    )
    again = at(simple(name), CountryCode="DE") | {"SetIdentifier": "other"}
    with pytest.raises(AwsError, match="a geolocation set for the same location exists"):
        submit(store, change("CREATE", again))


def test_an_unknown_health_check_refuses_the_batch() -> None:
    """NoSuchHealthCheck is its own error, not one of the batch's faults."""
    zones = ZoneStore(Clock(), 2.0, lambda check: check == "known")
    zones.create_hosted_zone({"Name": "example.com", "CallerReference": f"id:{ZONE_ID}"})
    submit(zones, change("CREATE", weighted(NAME, "a", 1) | {"HealthCheckId": "known"}))
    with pytest.raises(AwsError, match="with ID gone") as caught:
        submit(zones, change("CREATE", weighted(NAME, "b", 1) | {"HealthCheckId": "gone"}))
    assert caught.value.code == "NoSuchHealthCheck"


@pytest.mark.parametrize(("action", "most"), [("CREATE", 1_000), ("UPSERT", 500)])
def test_a_batch_holds_1000_records_and_an_upsert_counts_twice(
    store: ZoneStore, action: str, most: int
) -> None:
    """Quotas: 1,000 record elements, doubled for UPSERT."""
    records = [simple(f"n{number}.example.com") for number in range(most + 1)]
    with pytest.raises(AwsError, match="Number of records limit of 1000 exceeded"):
        submit(store, *(change(action, record) for record in records))
    submit(store, *(change(action, record) for record in records[:most]))


def test_every_value_of_a_record_set_counts_when_it_is_deleted_too(store: ZoneStore) -> None:
    """Quotas speak of ResourceRecord elements: 5 sets of 100 values, DELETE and CREATE."""
    values = [f"192.0.2.{number}" for number in range(100)]
    sets = [simple(f"n{n}.example.com") for n in range(5)]
    for one in sets:
        one["ResourceRecords"] = [{"Value": value} for value in values]
    submit(store, *(change("CREATE", one) for one in sets))
    swap = [change(action, one) for one in sets for action in ("DELETE", "CREATE")]
    with pytest.raises(AwsError, match="Number of records limit of 1000 exceeded"):
        submit(store, *swap, change("CREATE", simple("one-more.example.com")))
    submit(store, *swap)


def test_a_batch_holds_32000_characters_of_values(store: ZoneStore) -> None:
    """Quotas: 32,000 characters, doubled for UPSERT."""
    value = '"' + "a" * 198 + '"'
    records = [simple(f"t{number}.example.com", value, "TXT") for number in range(161)]
    with pytest.raises(AwsError, match="Number of characters limit of 32000 exceeded"):
        submit(store, *(change("CREATE", record) for record in records))
    submit(store, *(change("CREATE", record) for record in records[:160]))
    with pytest.raises(AwsError, match="Number of characters"):
        submit(store, *(change("UPSERT", record) for record in records[:81]))


def test_the_record_tree_is_accepted_leaves_first_and_refused_aliases_first() -> None:
    """Targets must exist before their aliases."""
    records = tree_records()
    with pytest.raises(AwsError, match="that target was not found"):
        submit(zone_store(Clock()), *(change("CREATE", r) for r in reversed(records)))
    zones = zone_store(Clock())
    submit(zones, *(change("CREATE", record) for record in records))
    assert len(listed(zones)) == len(records)
    assert listed(zones, StartRecordName=SERVICE)[0]["GeoLocation"] == {"CountryCode": "*"}
