"""Helpers of the emulator's tests: a clock, change batches, the record tree."""

from typing import Any

from controller.sandbox.emulator.route53.zones import ZoneStore

ZONE_ID = "Z0SANDBOX0000000001"
ZONE = "example.com."
SERVICE = "app.example.com."

# The tree of the design's section 1.1, with leaves of the address type.
REGIONS = {
    "eu-west-1": "192.0.2.1",
    "eu-central-1": "192.0.2.2",
    "us-east-1": "192.0.2.3",
    "ap-northeast-1": "192.0.2.4",
}
POOLS = {
    "eu": ("eu-west-1", "eu-central-1"),
    "rest": ("eu-west-1", "eu-central-1", "us-east-1", "ap-northeast-1"),
}


class Clock:
    """Seconds that pass only when a test advances them."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


def change(action: str, record: dict[str, Any]) -> dict[str, Any]:
    """One element of a change batch."""
    return {"Action": action, "ResourceRecordSet": record}


def simple(name: str, value: str = "192.0.2.9", kind: str = "A") -> dict[str, Any]:
    """A simple record set with one value."""
    return {"Name": name, "Type": kind, "TTL": 60, "ResourceRecords": [{"Value": value}]}


def weighted(
    name: str, identifier: str, weight: int, value: str = "192.0.2.9", ttl_s: int = 60
) -> dict[str, Any]:
    """A weighted record set with one value."""
    record = simple(name, value) | {"SetIdentifier": identifier, "Weight": weight}
    return record | {"TTL": ttl_s}


def alias(name: str, target: str, evaluate: bool = False, zone_id: str = ZONE_ID) -> dict[str, Any]:
    """A simple alias."""
    pointer = {"HostedZoneId": zone_id, "DNSName": target, "EvaluateTargetHealth": evaluate}
    return {"Name": name, "Type": "A", "AliasTarget": pointer}


def at(record: dict[str, Any], **place: str) -> dict[str, Any]:
    """The record as a geolocation record for an area."""
    identifier = "-".join(place.values())
    return record | {"SetIdentifier": identifier, "GeoLocation": place}


def check_id(region: str) -> str:
    """The id of a region's health check in the tree."""
    return f"check-{region}"


def tree_records(
    weights: dict[str, int] | None = None, evaluate: bool = False
) -> list[dict[str, Any]]:
    """The tree's records, weighted ones first; weights are 64 unless given by region."""
    leaves = [
        weighted(f"{pool}.{SERVICE}", region, (weights or {}).get(region, 64), REGIONS[region])
        | {"HealthCheckId": check_id(region)}
        for pool, regions in POOLS.items()
        for region in regions
    ]
    return [
        *leaves,
        at(alias(SERVICE, f"eu.{SERVICE}", evaluate), CountryCode="DE"),
        at(alias(SERVICE, f"eu.{SERVICE}", evaluate), CountryCode="FR"),
        at(alias(SERVICE, f"rest.{SERVICE}", evaluate), CountryCode="*"),
    ]


def zone_store(clock: Clock, insync_after_s: float = 2.0, name: str = ZONE) -> ZoneStore:
    """A store with one empty zone, in which every health check id exists."""
    store = ZoneStore(clock, insync_after_s, lambda check: True)
    store.create_hosted_zone({"Name": name, "CallerReference": f"id:{ZONE_ID}"})
    return store


def submit(store: ZoneStore, *changes: dict[str, Any]) -> dict[str, Any]:
    """Send one batch to the zone; returns the change's info."""
    batch = {"HostedZoneId": ZONE_ID, "ChangeBatch": {"Changes": list(changes)}}
    info: dict[str, Any] = store.change_resource_record_sets(batch)["ChangeInfo"]
    return info


def listed(store: ZoneStore, **start: str) -> list[dict[str, Any]]:
    """The zone's records of one page, without SOA and NS."""
    page = store.list_resource_record_sets({"HostedZoneId": ZONE_ID} | start)
    return [r for r in page["ResourceRecordSets"] if r["Type"] not in ("SOA", "NS")]
