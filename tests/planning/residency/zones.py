"""Record sets as an adapter reads them: the record plan in small, and trees of any shape."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from controller.model.configuration import Service
from controller.model.levers import RecordSet

ZONE_ID = "Z0TEST"
NAME = "app.example.test."
ADDRESSES = {
    "eu-west-1": "192.0.2.1",
    "eu-central-1": "192.0.2.2",
    "us-east-1": "192.0.2.3",
}
SIGNALS = ("check-a", "check-b")


def record(
    name: str,
    type_: str = "A",
    identifier: str | None = None,
    weight: int | None = None,
    check: str | None = None,
    **rest: Any,
) -> RecordSet:
    """A record set with these properties in `rest`."""
    return RecordSet(name, type_, identifier, weight, check, json.dumps(rest))


def address(*values: str) -> dict[str, Any]:
    """The properties of a record with these addresses."""
    return {"TTL": 60, "ResourceRecords": [{"Value": value} for value in values]}


def alias(target: str, evaluates: bool = False, zone_id: str = ZONE_ID) -> dict[str, Any]:
    """The property of an alias."""
    pointer = {"HostedZoneId": zone_id, "DNSName": target, "EvaluateTargetHealth": evaluates}
    return {"AliasTarget": pointer}


def place(area: str) -> dict[str, Any]:
    """The property of a geolocation record for an area as settings name it."""
    kind, _, code = area.partition(":")
    member = {"continent": "ContinentCode", "country": "CountryCode", "default": "CountryCode"}
    return {"GeoLocation": {member[kind]: code or "*"}}


def service(
    pools: Mapping[str, Mapping[str, Any]] | None = None, levers: Mapping[str, Any] | None = None
) -> Service:
    """Europe is bound, the rest of the world is not."""
    default = {
        "eu": {
            "geographies": ["country:DE", "country:FR"],
            "residency": "EU",
            "regions": ["eu-west-1", "eu-central-1"],
            "demand_rps": 1,
        },
        "rest": {"geographies": ["default"], "regions": list(ADDRESSES), "demand_rps": 1},
    }
    regions = {
        name: {
            "capacity_rps": 1,
            "endpoints": {"web": {"probe": f"tcp://{value}:80"}},
        }
        for name, value in ADDRESSES.items()
    }
    route53 = {"route53": {"hosted_zone_id": ZONE_ID, "name": NAME}}
    return Service.model_validate(
        {"regions": regions, "pools": pools or default, "levers": levers or route53}
    )


def leaf(pool: str, region: str, weight: int = 64, value: str | None = None) -> RecordSet:
    """One weighted leaf of the plan."""
    values = address(value or ADDRESSES[region])
    return record(f"{pool}.{NAME}", "A", region, weight, f"check-{region}", **values)


def geolocation(area: str, pool: str, evaluates: bool = False) -> RecordSet:
    """One geolocation alias of the plan."""
    return record(NAME, "A", area, **place(area), **alias(f"{pool}.{NAME}", evaluates))


def plan(evaluates: bool = False) -> list[RecordSet]:
    """The record plan of `service`, A only: unsteered names, leaves, geolocation aliases."""
    regions = ("eu-west-1", "eu-central-1")
    return [
        *(record(f"{name}.{NAME}", **address(value)) for name, value in ADDRESSES.items()),
        *(leaf("eu", region) for region in regions),
        *(leaf("rest", region) for region in ADDRESSES),
        *(geolocation(area, "eu", evaluates) for area in ("country:DE", "country:FR")),
        geolocation("default", "rest", evaluates),
    ]


@st.composite
def trees(draw: st.DrawFn, *, failover: bool = True) -> list[RecordSet]:
    """Up to four names of any policy; aliases lead onward, to nothing, or sometimes in a circle.

    The first name answers by location, mostly, and there are few signals: so what must be down for
    one record is often the check of another.
    """
    names = [f"n{index}.example.test." for index in range(draw(st.integers(1, 4)))]
    found: list[RecordSet] = []
    for index, name in enumerate(names):
        onward = [*names[index + 1 :], "none.example.test."]
        targets = st.sampled_from([*onward * 3, *names])
        policies = ["geolocation", "geolocation", "weighted"] if index == 0 else _POLICIES
        policies = [*policies, "failover"] if failover else policies
        found += draw(_groups(name, targets, draw(st.sampled_from(policies))))
    return found


_POLICIES = ["simple", "weighted", "weighted", "geolocation"]
_AREAS = ("country:DE", "continent:EU", "default")


@st.composite
def _groups(
    draw: st.DrawFn, name: str, targets: st.SearchStrategy[str], policy: str
) -> list[RecordSet]:
    if policy == "simple":
        return [draw(_records(name, targets, None, None, {}))]
    if policy == "weighted":
        weights = draw(st.lists(st.integers(0, 2), min_size=1, max_size=3))
        return [
            draw(_records(name, targets, f"w{index}", weight, {}))
            for index, weight in enumerate(weights)
        ]
    if policy == "failover":
        return [
            draw(_records(name, targets, rank, None, {"Failover": rank}))
            for rank in ("PRIMARY", "SECONDARY")
        ]
    chosen = draw(st.lists(st.sampled_from(_AREAS), min_size=1, max_size=3, unique=True))
    return [draw(_records(name, targets, area, None, place(area))) for area in chosen]


@st.composite
def _records(
    draw: st.DrawFn,
    name: str,
    targets: st.SearchStrategy[str],
    identifier: str | None,
    weight: int | None,
    more: dict[str, Any],
) -> RecordSet:
    check = draw(st.sampled_from([None, *SIGNALS, *SIGNALS]))
    leads = draw(st.booleans())
    value = alias(draw(targets), draw(st.booleans())) if leads else address("::1")
    return record(name, "A", identifier, weight, check, **value, **more)
