"""States and faults of a service's positions, from AWS's listings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from controller.model.levers import (
    AcceleratedEndpoint,
    EndpointGroup,
    LeverState,
    Position,
    RecordSet,
)
from controller.planning.levers.accelerator import ACCELERATOR
from controller.planning.levers.endpoint_groups import is_opening
from controller.planning.levers.route53 import ROUTE53
from tests.fakes.accelerators import to_all
from tests.loops.simulated import SETTINGS, groups, leaves

SHOP = SETTINGS.services["shop"]
API = SETTINGS.services["api"]


def is_leaf(record: RecordSet, pool: str, region: str, type_: str) -> bool:
    return (record.name, record.set_identifier, record.type) == (
        f"{pool}.shop.example.test.",
        region,
        type_,
    )


def test_a_complete_tree_has_a_state_for_every_position_and_no_fault() -> None:
    """Five positions: two regions of one pool, three of the other."""
    observed = ROUTE53.observe_listing("shop", SHOP, tuple(leaves(SETTINGS)), 7.0)

    assert observed.at == 7.0
    assert observed.settings[Position("shop", "world", "us-east-1")] == LeverState(128)
    assert len(observed.settings) == 5
    assert (dict(observed.faults), observed.unequal, observed.notices) == ({}, frozenset(), ())


def test_a_missing_leaf_is_named_with_its_type() -> None:
    """The AAAA twin alone counts too."""
    records = tuple(r for r in leaves(SETTINGS) if not is_leaf(r, "europe", "eu-west-1", "AAAA"))

    observed = ROUTE53.observe_listing("shop", SHOP, records, 0.0)

    expected = "weighted record europe.shop.example.test. AAAA eu-west-1 is missing"
    assert observed.faults == {"europe": (expected,)}


class Listing(tuple[RecordSet, ...]):
    """Record sets that count how often they are gone through."""

    rounds = 0

    def __iter__(self) -> Iterator[RecordSet]:
        type(self).rounds += 1
        return super().__iter__()


def test_a_listing_is_read_once_whatever_the_number_of_pools(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A zone holds the leaves of every pool: reading it once per pool would be quadratic."""
    monkeypatch.setattr(Listing, "rounds", 0)
    ROUTE53.observe_listing("shop", SHOP, Listing(leaves(SETTINGS)), 0.0)

    assert (len(SHOP.pools), Listing.rounds) == (2, 1)


def test_an_unlawful_leaf_is_named_with_the_lawful_regions() -> None:
    """A record of another region in a bound pool is a breach in the making."""
    stranger = replace(
        leaves(SETTINGS)[0], name="europe.shop.example.test.", set_identifier="us-east-1"
    )

    observed = ROUTE53.observe_listing("shop", SHOP, (*leaves(SETTINGS), stranger), 0.0)

    (fault,) = observed.faults["europe"]
    assert "us-east-1 should not exist" in fault
    assert "may only be served from eu-west-1, eu-central-1" in fault


def test_twins_with_unequal_weights_are_unequal() -> None:
    """IPv6 users would be split differently."""
    records = [
        replace(r, weight=1) if is_leaf(r, "world", "us-east-1", "AAAA") else r
        for r in leaves(SETTINGS)
    ]

    observed = ROUTE53.observe_listing("shop", SHOP, tuple(records), 0.0)

    assert observed.unequal == {Position("shop", "world", "us-east-1")}


@pytest.mark.parametrize("type_", ["A", "AAAA"])
def test_a_position_is_as_open_as_its_most_open_record(type_: str) -> None:
    """A at 0 and AAAA at 128 serves; which of them is closed makes no difference."""
    records = [
        replace(r, weight=0) if is_leaf(r, "world", "us-east-1", type_) else r
        for r in leaves(SETTINGS)
    ]
    observed = ROUTE53.observe_listing("shop", SHOP, tuple(records), 0.0)

    position = Position("shop", "world", "us-east-1")
    assert observed.settings[position] == LeverState(128)
    assert observed.parts == {position: (LeverState(128), LeverState(0))}
    assert observed.failing_open == frozenset()


@pytest.mark.parametrize("type_", ["A", "AAAA"])
def test_a_closed_region_is_reached_where_a_record_type_is_closed_everywhere(type_: str) -> None:
    """Route 53 takes weights that are all zero for equal ones, type by type."""
    closed = [
        replace(r, weight=0)
        if r.type == type_ or is_leaf(r, "world", "us-east-1", "A" if type_ == "AAAA" else "AAAA")
        else r
        for r in leaves(SETTINGS)
    ]
    observed = ROUTE53.observe_listing("shop", SHOP, tuple(closed), 0.0)

    here = Position("shop", "world", "us-east-1")
    assert observed.settings[here] == LeverState(0)
    assert observed.failing_open == {here}
    shares = ROUTE53.shares_by_pool(SHOP, observed)
    assert shares["world"]["us-east-1"] > 0
    assert sum(shares["world"].values()) == pytest.approx(1)


def test_where_all_is_closed_every_region_counts_the_same() -> None:
    """Equal weights."""
    closed = tuple(replace(r, weight=0) for r in leaves(SETTINGS))
    observed = ROUTE53.observe_listing("shop", SHOP, closed, 0.0)

    assert observed.failing_open == frozenset()
    assert set(ROUTE53.shares_by_pool(SHOP, observed)["europe"].values()) == {0.5}


def test_a_leaf_without_health_check_is_noticed_but_hinders_nothing() -> None:
    """Route 53 takes such a record for always healthy."""
    records = [
        replace(r, health_check_id=None) if is_leaf(r, "world", "us-east-1", "A") else r
        for r in leaves(SETTINGS)
    ]

    observed = ROUTE53.observe_listing("shop", SHOP, tuple(records), 0.0)

    assert observed.faults == {}
    assert ["no health check" in notice for notice in observed.notices] == [True]


def test_both_twins_of_a_position_are_found_in_order() -> None:
    """A before AAAA, so that reports read alike."""
    found = ROUTE53.resources("shop", SHOP, ROUTE53.index(reversed(leaves(SETTINGS))))

    assert [leaf.type for leaf in found[Position("shop", "world", "us-east-1")]] == ["A", "AAAA"]


@pytest.mark.parametrize(
    ("kept", "fault"),
    [
        (["eu-west-1"], "endpoint group us-east-1 is missing"),
        (
            ["eu-west-1", "us-east-1", "ap-south-1"],
            "endpoint group ap-south-1 should not exist; "
            "pool world may only be served from eu-west-1, us-east-1",
        ),
    ],
)
def test_endpoint_groups_are_compared_with_the_lawful_regions(kept: list[str], fault: str) -> None:
    """Residency behind an accelerator is the absence of a group."""
    (listed,) = groups(SETTINGS).values()
    listed = [replace(listed[0], region=region) for region in kept]

    observed = ACCELERATOR.observe_listing("api", API, tuple(listed), 0.0)

    assert observed.faults == {"world": (fault,)}


def test_groups_of_unlawful_regions_are_no_resources_of_any_position() -> None:
    """They are a fault, never written, and open nothing for the pool."""
    (listed,) = groups(SETTINGS).values()
    stranger = replace(listed[0], region="ap-south-1")
    found = ACCELERATOR.resources("api", API, ACCELERATOR.index((*listed, stranger)))

    assert {position.region: each for position, each in found.items()} == {
        group.region: (group,) for group in listed
    }


def test_a_group_is_set_to_its_dial_and_its_endpoints_weight() -> None:
    """Weight 128 and dial 100 is serving."""
    (listed,) = groups(SETTINGS).values()

    observed = ACCELERATOR.observe_listing("api", API, tuple(listed), 0.0)

    assert observed.settings[Position("api", "world", "us-east-1")] == LeverState(128, 100.0)


def at_listener(listener: str, **dials: float) -> list[EndpointGroup]:
    """Groups behind one listener, by region with `_` for `-`."""
    endpoint = AcceleratedEndpoint("e", 128, "", "{}")
    return [
        EndpointGroup(
            f"arn/listener/{listener}/endpoint-group/{region}",
            region.replace("_", "-"),
            dial,
            (replace(endpoint, weight=128 if dial else 0),),
        )
        for region, dial in dials.items()
    ]


def test_a_region_drained_at_one_of_two_listeners_still_serves() -> None:
    """Ports 80 and 443: whichever is listed last, the region is not out before both are."""
    http = at_listener("80", eu_west_1=100.0, us_east_1=100.0)
    https = at_listener("443", eu_west_1=0.0, us_east_1=100.0)
    west = Position("api", "world", "eu-west-1")
    for listed in ((*http, *https), (*https, *http)):
        observed = ACCELERATOR.observe_listing("api", API, listed, 0.0)
        assert observed.settings[west] == LeverState(128, 100.0)
        assert observed.unequal == {west}
        assert observed.faults == {}


def test_a_group_missing_at_one_of_two_listeners_is_a_fault() -> None:
    """It names the listener: the other one has its group."""
    listed = (
        *at_listener("80", eu_west_1=100.0, us_east_1=100.0),
        *at_listener("443", us_east_1=100.0),
    )
    observed = ACCELERATOR.observe_listing("api", API, listed, 0.0)

    fault = "endpoint group eu-west-1 is missing at arn/listener/443"
    assert observed.faults == {"world": (fault,)}
    assert observed.unequal == frozenset()


def group_with(*weights: int, dial: float = 100.0, listener: str = "80") -> EndpointGroup:
    endpoints = tuple(AcceleratedEndpoint(f"e{i}", w, "", "{}") for i, w in enumerate(weights))
    arn = f"arn/listener/{listener}/endpoint-group/eu-west-1"
    return EndpointGroup(arn, "eu-west-1", dial, endpoints)


@pytest.mark.parametrize(
    ("listed", "parts"),
    [
        ([group_with(128, 0)], [LeverState(128, 100.0)]),
        ([group_with(230, 25), group_with(7, listener="443")], [LeverState(230, 100.0)]),
        (
            [group_with(128, dial=0.0), group_with(0, listener="443")],
            [LeverState(0, 100.0), LeverState(128, 0.0)],
        ),
        (
            [group_with(128, dial=0.0), group_with(1, dial=1.0, listener="443")],
            [LeverState(1, 1.0), LeverState(128, 0.0)],
        ),
        ([group_with(128), group_with(dial=50.0, listener="443")], [LeverState(128, 100.0)]),
        ([group_with(dial=50.0)], [LeverState(0, 50.0)]),
    ],
)
def test_a_position_is_as_open_as_its_most_open_endpoint(
    listed: list[EndpointGroup], parts: list[LeverState]
) -> None:
    """By the dials of open groups; a group without endpoints serves no users, and the weights
    inside a group are no part of its state."""
    west = Position("api", "world", "eu-west-1")
    for order in (listed, listed[::-1]):
        observed = ACCELERATOR.observe_listing("api", API, tuple(order), 0.0)
        assert observed.settings[west] == parts[0]
        assert observed.parts == ({west: tuple(parts)} if len(parts) > 1 else {})
        assert observed.unequal == observed.parts.keys()


def test_a_closed_region_is_reached_where_a_listener_is_closed_everywhere() -> None:
    """Its users are sent to any of the groups."""
    listed = (
        *at_listener("80", eu_west_1=0.0, us_east_1=100.0),
        *at_listener("443", eu_west_1=0.0, us_east_1=0.0),
    )
    observed = ACCELERATOR.observe_listing("api", API, listed, 0.0)

    assert observed.failing_open == {Position("api", "world", "eu-west-1")}
    assert ACCELERATOR.shares_by_pool(API, observed) == {
        "world": {"eu-west-1": 1.0, "us-east-1": 1.0}
    }


def test_a_listener_that_the_open_region_lacks_does_not_fail_open() -> None:
    """No write could open it there; the missing group is the fault."""
    listed = (
        *at_listener("80", eu_west_1=0.0, us_east_1=100.0),
        *at_listener("443", eu_west_1=0.0),
    )
    observed = ACCELERATOR.observe_listing("api", API, listed, 0.0)

    assert observed.failing_open == frozenset()


@pytest.mark.parametrize(
    ("dial", "weight", "opens"),
    [(100.0, 128, False), (0.0, 0, False), (50.0, 128, False), (100.0, 200, True)],
)
def test_a_write_opens_a_group_if_it_opens_one_of_its_endpoints(
    dial: float, weight: int, opens: bool
) -> None:
    """What opens is written before what closes."""
    assert is_opening(to_all(group_with(128, 128), dial, weight)) is opens
    assert is_opening(to_all(group_with(128, 0), 100.0, 128))
