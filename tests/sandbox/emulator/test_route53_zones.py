"""Hosted zones: ids, listings, pages, and the two views of a change."""

from typing import Any

import pytest

from controller.sandbox.emulator.http.wire_messages import AwsError
from controller.sandbox.emulator.route53.zones import ZoneStore
from tests.sandbox.emulator.builders import (
    ZONE,
    ZONE_ID,
    Clock,
    change,
    listed,
    simple,
    submit,
    weighted,
    zone_store,
)


def status(store: ZoneStore, info: dict[str, Any]) -> str:
    """The change's status now."""
    return str(store.get_change({"Id": info["Id"]})["ChangeInfo"]["Status"])


def served_names(store: ZoneStore) -> set[str]:
    """The names that DNS serves."""
    return set(store.served_zones()[ZONE_ID].names) if store.served_zones() else set()


def test_a_change_is_listed_at_once_and_served_when_insync() -> None:
    """Listings include PENDING changes; answers do not, until INSYNC."""
    clock = Clock()
    store = zone_store(clock, insync_after_s=2.0)
    assert store.served_zones() == {}
    clock.advance(2.0)
    info = submit(store, change("CREATE", simple("a.example.com")))
    assert [record["Name"] for record in listed(store)] == ["a.example.com."]
    assert (status(store, info), served_names(store)) == ("PENDING", {ZONE})
    clock.advance(1.9)
    assert (status(store, info), served_names(store)) == ("PENDING", {ZONE})
    clock.advance(0.1)
    assert (status(store, info), served_names(store)) == ("INSYNC", {ZONE, "a.example.com."})


def test_two_pending_changes_turn_insync_each_in_its_time() -> None:
    """The earlier change is served alone until the later one is due."""
    clock = Clock()
    store = zone_store(clock, insync_after_s=2.0)
    first = submit(store, change("CREATE", simple("a.example.com")))
    clock.advance(1.0)
    second = submit(store, change("CREATE", simple("b.example.com")))
    clock.advance(1.0)
    assert (status(store, first), status(store, second)) == ("INSYNC", "PENDING")
    assert served_names(store) == {ZONE, "a.example.com."}
    clock.advance(1.0)
    assert served_names(store) == {ZONE, "a.example.com.", "b.example.com."}


def test_records_are_listed_by_reversed_labels_with_a_trailing_dot() -> None:
    """API reference, sort order: `-` and `*` come before the dot, types and identifiers after.

    It is the order of the characters, not of the codes by which listings spell them: `*` (`\\052`)
    before `-`, `@` (`\\100`) between the digits and the letters.
    """
    store = zone_store(Clock())
    records = [
        simple("b.a.example.com"),
        simple("a.example.com", '"t"', "TXT"),
        weighted("a.example.com", "2", 1),
        weighted("a.example.com", "1", 1),
        simple("a-1.example.com"),
        simple("*.example.com"),
        simple("@.example.com"),
        simple("1.example.com"),
        simple("-.example.com"),
        simple("*.a.example.com"),
        simple("Z.EXAMPLE.com."),
    ]
    submit(store, *(change("CREATE", record) for record in records))
    got = [(r["Name"], r["Type"], r.get("SetIdentifier")) for r in listed(store)]
    assert got == [
        ("\\052.example.com.", "A", None),
        ("-.example.com.", "A", None),
        ("1.example.com.", "A", None),
        ("\\100.example.com.", "A", None),
        ("a-1.example.com.", "A", None),
        ("a.example.com.", "A", "1"),
        ("a.example.com.", "A", "2"),
        ("a.example.com.", "TXT", None),
        ("\\052.a.example.com.", "A", None),
        ("b.a.example.com.", "A", None),
        ("z.example.com.", "A", None),
    ]


def test_pages_border_inside_one_name_without_gap_or_repetition() -> None:
    """The next page begins at the identifier that the last one named."""
    store = zone_store(Clock())
    changes = [change("CREATE", weighted("w.example.com", f"{n:02}", 1)) for n in range(25)]
    submit(store, *changes)
    start: dict[str, str] = {"MaxItems": "10"}
    seen: list[str] = []
    for _ in range(4):
        page = store.list_resource_record_sets({"HostedZoneId": ZONE_ID} | start)
        seen += [r["SetIdentifier"] for r in page["ResourceRecordSets"] if r["Type"] == "A"]
        if not page["IsTruncated"]:
            break
        members = ("Name", "Type", "Identifier")
        start |= {f"StartRecord{m}": page[f"NextRecord{m}"] or "" for m in members}
        start = {name: value for name, value in start.items() if value}
    assert seen == [f"{number:02}" for number in range(25)]


def test_a_listing_may_begin_at_a_name_that_does_not_exist() -> None:
    """It begins with the first record at or after that name."""
    store = zone_store(Clock())
    submit(store, *(change("CREATE", simple(f"{n}.example.com")) for n in ("a", "c")))
    assert listed(store, StartRecordName="b.example.com")[0]["Name"] == "c.example.com."


@pytest.mark.parametrize(
    "start", [{"StartRecordType": "A"}, {"StartRecordName": "a", "StartRecordIdentifier": "1"}]
)
def test_a_start_that_skips_a_level_is_invalid(start: dict[str, str]) -> None:
    """A type needs a name, an identifier needs a type."""
    with pytest.raises(AwsError, match="StartRecordType needs StartRecordName") as caught:
        listed(zone_store(Clock()), **start)
    assert caught.value.code == "InvalidInput"


def test_max_items_must_be_a_positive_number() -> None:
    """Zero and words are invalid; more than a page is a page."""
    store = zone_store(Clock())
    for asked in ("0", "many"):
        with pytest.raises(AwsError, match="MaxItems must be a number"):
            listed(store, MaxItems=asked)
    page = store.list_resource_record_sets({"HostedZoneId": ZONE_ID, "MaxItems": "1000"})
    assert page["MaxItems"] == "300"


def test_a_zones_id_follows_from_its_caller_reference() -> None:
    """`id:` gives the id itself; anything else a stable hash; the same one twice is refused."""
    store = zone_store(Clock())
    created = store.create_hosted_zone({"Name": "b.test", "CallerReference": "sandbox"})
    again = ZoneStore(Clock(), 0, lambda check: True)
    same = again.create_hosted_zone({"Name": "b.test", "CallerReference": "sandbox"})
    assert created["HostedZone"]["Id"] == same["HostedZone"]["Id"]
    assert store.get_hosted_zone({"Id": ZONE_ID})["HostedZone"]["Name"] == ZONE
    with pytest.raises(AwsError) as caught:
        store.create_hosted_zone({"Name": "c.test", "CallerReference": "sandbox"})
    assert caught.value.code == "HostedZoneAlreadyExists"


def test_zones_are_listed_by_id_and_by_name_in_pages() -> None:
    """Both listings page; the one by name orders by reversed labels."""
    store = ZoneStore(Clock(), 0, lambda check: True)
    for number, name in enumerate(("b.test", "a.test", "z.a.test", "x.example")):
        store.create_hosted_zone({"Name": name, "CallerReference": f"id:Z{number}"})
    first = store.list_hosted_zones({"MaxItems": "3"})
    second = store.list_hosted_zones({"Marker": first["NextMarker"]})
    ids = [z["Id"] for page in (first, second) for z in page["HostedZones"]]
    assert ids == [f"/hostedzone/Z{number}" for number in range(4)]
    page = store.list_hosted_zones_by_name({"DNSName": "a.test", "MaxItems": "2"})
    assert [zone["Name"] for zone in page["HostedZones"]] == ["a.test.", "z.a.test."]
    assert (page["NextDNSName"], page["NextHostedZoneId"]) == ("b.test.", "Z0")
    assert len(store.list_hosted_zones_by_name({})["HostedZones"]) == 4


def test_only_an_empty_zone_can_be_deleted_and_it_then_stops_answering() -> None:
    """HostedZoneNotEmpty first; after the deletion is INSYNC nothing is served."""
    clock = Clock()
    store = zone_store(clock)
    record = simple("a.example.com")
    submit(store, change("CREATE", record))
    with pytest.raises(AwsError) as caught:
        store.delete_hosted_zone({"Id": ZONE_ID})
    assert caught.value.code == "HostedZoneNotEmpty"
    submit(store, change("DELETE", record))
    store.delete_hosted_zone({"Id": ZONE_ID})
    with pytest.raises(AwsError) as missing:
        store.get_hosted_zone({"Id": ZONE_ID})
    assert missing.value.code == "NoSuchHostedZone"
    clock.advance(2.0)
    assert store.served_zones() == {}


def test_an_unknown_change_is_an_error() -> None:
    """NoSuchChange, with the id."""
    with pytest.raises(AwsError, match="C404") as caught:
        zone_store(Clock()).get_change({"Id": "/change/C404"})
    assert caught.value.code == "NoSuchChange"
