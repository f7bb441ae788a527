"""The record sets that the sandbox starts with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from controller.adapters.aws.record_sets import record_set_of
from controller.model.configuration import PlacementSettings, Route53Lever, Service
from controller.planning.residency.proof import Proof, prove_records
from controller.sandbox.errors import SandboxError
from controller.sandbox.seeding import record_tree
from controller.settings import load

SETTINGS = load(Path(__file__).parents[2] / "config" / "sandbox.yaml")
CALM = SETTINGS.model_copy(update={"placement": PlacementSettings()})
_EVALUATED = '"EvaluateTargetHealth":true'
LEVER = {"hosted_zone_id": "Z1", "name": "shop.example.test.", "ttl_s": 5.0}


def _service(shares: dict[str, float], probe: str = "http://127.0.{n}0.1:8080/healthz") -> Service:
    regions = {
        name: {
            "capacity_rps": 1.0,
            "share": share,
            "endpoints": {"web": {"probe": probe.format(n=n)}},
        }
        for n, (name, share) in enumerate(shares.items(), 1)
    }
    pool = {
        "geographies": ("country:DE", "continent:AS", "default"),
        "regions": tuple(shares),
        "demand_rps": 1.0,
    }
    return Service.model_validate(
        {"regions": regions, "pools": {"all": pool}, "levers": {"route53": LEVER}}
    )


def _lever(service: Service) -> Route53Lever:
    assert service.levers.route53 is not None
    return service.levers.route53


@pytest.mark.parametrize(
    ("shares", "weights"),
    [
        ((1, 1, 2), (64, 64, 128)),
        ((1, 1, 1), (128, 128, 128)),
        ((0, 1, 3), (0, 43, 128)),
        ((0.001, 1, 1), (1, 128, 128)),
        ((0, 0, 0), (128, 128, 128)),
    ],
)
def test_weights_are_in_proportion_to_shares(
    shares: tuple[float, ...], weights: tuple[int, ...]
) -> None:
    """The largest is 128, and a positive share is never 0, which would mean standby; without any
    share all are equal."""
    regions = ("eu-west-1", "eu-central-1", "us-east-1")
    service = _service(dict(zip(regions, map(float, shares), strict=True)))
    leaves = list(record_tree.weighted_records(service, _lever(service), CALM))

    assert [leaf["Weight"] for leaf in leaves if leaf["Type"] == "A"] == list(weights)
    assert [leaf["Weight"] for leaf in leaves if leaf["Type"] == "AAAA"] == list(weights)


def test_every_weighted_record_has_its_regions_address_and_check() -> None:
    """Address, TTL and check; a record without a check would always count as healthy."""
    service = _service({"eu-west-1": 1.0})
    a, aaaa = record_tree.weighted_records(service, _lever(service), CALM)

    assert a == {
        "Name": "all.shop.example.test.",
        "Type": "A",
        "SetIdentifier": "eu-west-1",
        "Weight": 128,
        "TTL": 5,
        "ResourceRecords": [{"Value": "127.0.10.1"}],
        "HealthCheckId": record_tree.check_id("eu-west-1", _lever(service)),
    }
    twin = {"Type": "AAAA", "ResourceRecords": [{"Value": "2001:db8::7f00:a01"}]}
    assert aaaa == {**a, **twin}


def test_aliases_never_evaluate_their_targets_health() -> None:
    """Otherwise a bound pool's users would fall outward to the default record."""
    service = _service({"eu-west-1": 1.0})
    aliases = list(record_tree.geolocation_aliases(service, _lever(service)))

    assert [alias["GeoLocation"] for alias in aliases if alias["Type"] == "A"] == [
        {"CountryCode": "DE"},
        {"ContinentCode": "AS"},
        {"CountryCode": "*"},
    ]
    assert {alias["AliasTarget"]["DNSName"] for alias in aliases} == {"all.shop.example.test."}
    assert not any(alias["AliasTarget"]["EvaluateTargetHealth"] for alias in aliases)


def test_a_region_without_an_address_is_refused() -> None:
    """A weighted record contains addresses, never a host name."""
    service = _service({"eu-west-1": 1.0}, "http://shop.example.test/")
    with pytest.raises(SandboxError, match=r"region eu-west-1: .* names no IPv4 address"):
        list(record_tree.weighted_records(service, _lever(service), CALM))


def test_the_seeded_tree_keeps_the_bound_pools_users_where_they_may_be_served() -> None:
    """With any failures and drains; with evaluated aliases it would not."""
    shop = SETTINGS.services["shop"]
    lever = _lever(shop)
    bound = {name for name, pool in shop.pools.items() if pool.residency is not None}
    seeded: list[Any] = [
        *record_tree.region_names(shop, lever),
        *record_tree.weighted_records(shop, lever, SETTINGS),
        *record_tree.geolocation_aliases(shop, lever),
    ]
    records = [record_set_of(record) for record in seeded]
    assert prove_records("shop", shop, records) == Proof(dict.fromkeys(bound, ()))

    spoiled = [
        replace(one, rest=one.rest.replace('"EvaluateTargetHealth":false', _EVALUATED))
        for one in records
    ]
    assert all(prove_records("shop", shop, spoiled).leaks.values())
