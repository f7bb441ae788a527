"""Addresses and aliases of leaves, and the region that an answer belongs to."""

from __future__ import annotations

import json

from controller.model.levers import Position, RecordSet
from controller.planning.levers.route53 import ROUTE53
from controller.planning.residency.destinations import Destination, destinations, region_of_answer
from tests.loops.simulated import SETTINGS

WEST, CENTRAL = "eu-west-1", "eu-central-1"
LEADS = {WEST: frozenset({"192.0.2.1", "192.0.2.2"}), CENTRAL: frozenset({"192.0.2.3"})}


def leaf(region: str, type_: str, **rest: object) -> RecordSet:
    """A leaf of pool europe."""
    return RecordSet("europe.shop.example.test.", type_, region, 64, "check", json.dumps(rest))


def test_a_leaf_leads_to_its_addresses_or_to_its_alias() -> None:
    """Only A leaves: that is what is asked for."""
    target = {"HostedZoneId": "Z1", "DNSName": "lb.eu.example.", "EvaluateTargetHealth": False}
    records = [
        leaf(WEST, "A", TTL=60, ResourceRecords=[{"Value": "192.0.2.1"}]),
        leaf(WEST, "AAAA", TTL=60, ResourceRecords=[{"Value": "2001:db8::1"}]),
        leaf(CENTRAL, "A", AliasTarget=target),
    ]

    leaves = ROUTE53.resources("shop", SETTINGS.services["shop"], ROUTE53.index(records))
    assert destinations(leaves) == {
        Position("shop", "europe", WEST): Destination(frozenset({"192.0.2.1"})),
        Position("shop", "europe", CENTRAL): Destination(frozenset(), "lb.eu.example."),
    }


def test_an_answer_belongs_to_the_region_that_has_all_of_it() -> None:
    """A load balancer answers several of its addresses at once."""
    assert region_of_answer(frozenset({"192.0.2.2", "192.0.2.1"}), LEADS) == WEST
    assert region_of_answer(frozenset({"192.0.2.3"}), LEADS) == CENTRAL


def test_an_answer_of_nobody_or_of_two_belongs_to_none() -> None:
    """Guessing would blame the wrong region."""
    assert region_of_answer(frozenset(), LEADS) is None
    assert region_of_answer(frozenset({"203.0.113.9"}), LEADS) is None
    assert region_of_answer(frozenset({"192.0.2.1", "203.0.113.9"}), LEADS) is None
    assert (
        region_of_answer(frozenset({"192.0.2.3"}), {**LEADS, "us-east-1": LEADS[CENTRAL]}) is None
    )
