"""The proof from runs of names is the proof from the whole zone; what was not read is unknown."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given

from controller.model.configuration import Service
from controller.model.levers import RecordSet
from controller.planning.levers.run_walk import ListedZone
from controller.planning.levers.zone_scope import narrowed, unread_names, with_others
from controller.planning.residency.proof import describe_leak, prove_records
from controller.planning.residency.zone_listings import Run, ZoneScope
from tests.planning.levers.aws_order import in_aws_order
from tests.planning.residency.partial import proofs_by_parts, reading, scope_for
from tests.planning.residency.zones import (
    ADDRESSES,
    NAME,
    ZONE_ID,
    address,
    alias,
    leaf,
    place,
    plan,
    record,
    service,
    trees,
)

SERVICE = service()
AT_FIRST_NAME = service(levers={"route53": {"hosted_zone_id": ZONE_ID, "name": "n0.example.test."}})
APEX = "example.test."
SOA = record(APEX, "SOA", **address("ns. host. 1 7200 900 1209600 86400"))


@given(trees())
def test_any_tree_is_proven_alike_by_parts_and_as_a_whole(records: list[RecordSet]) -> None:
    """Every policy, aliases to nothing and in circles."""
    for zone in (records, [*records, SOA]):
        whole = prove_records("app", AT_FIRST_NAME, in_aws_order(zone))
        assert proofs_by_parts(AT_FIRST_NAME, zone) == (whole, whole)


@given(trees(), trees())
def test_what_changes_within_the_runs_is_proven_anew(
    before: list[RecordSet], after: list[RecordSet]
) -> None:
    """By the scope of an earlier reading: a new target is read by its name, and nothing is missed
    but what is only known from the last whole reading."""
    scope = scope_for(AT_FIRST_NAME, [*before, SOA])
    zone = [
        *(one for one in (*after, SOA) if one.name not in scope.others),
        *(one for one in (*before, SOA) if one.name in scope.others),
    ]
    known, now = reading(AT_FIRST_NAME, zone, scope)

    whole = prove_records("app", AT_FIRST_NAME, in_aws_order(zone))
    assert prove_records("app", AT_FIRST_NAME, known, now) == whole


def test_a_target_that_was_not_read_is_unknown_and_not_without_an_answer() -> None:
    """An alias that leads nowhere is no leak; one that leads to an unread name is not proven."""
    moved = [one for one in plan() if (one.name, one.set_identifier) != (NAME, "country:DE")]
    elsewhere = record(NAME, "A", "country:DE", **place("country:DE"), **alias("lb.example.test."))
    zone = in_aws_order([*moved, elsewhere, SOA])
    assert prove_records("app", SERVICE, zone).leaks == {"eu": ()}

    zone = in_aws_order([*zone, *foreign(1_000)])
    scope = _scope(SERVICE, in_aws_order([*plan(), SOA, *foreign(1_000)]))
    known = with_others(ListedZone(zone).list_runs(scope.runs).records, scope)
    assert unread_names(ZONE_ID, [SERVICE], known, scope) == ("lb.example.test.",)
    (leak,) = prove_records("app", SERVICE, known, scope).leaks["eu"]
    assert (leak.reached, leak.unread) == (None, "lb.example.test.")
    assert describe_leak(leak) == (
        "not proven: lb.example.test. was not read from AWS yet, so it may lead anywhere"
    )


def foreign(count: int, apex: str = APEX) -> list[RecordSet]:
    """Records of others, right at the zone's name."""
    return [record(f"host-{number:05}.{apex}", **address("192.0.2.9")) for number in range(count)]


def at_apex(records: list[RecordSet]) -> tuple[Service, list[RecordSet]]:
    """The same records with the service's name as the zone's own."""
    of = service(levers={"route53": {"hosted_zone_id": ZONE_ID, "name": APEX}})
    moved = [
        replace(one, name=one.name.replace(NAME, APEX), rest=one.rest.replace(NAME, APEX))
        for one in records
    ]
    return of, [*moved, SOA]


def test_below_the_apex_a_service_is_one_run_and_one_page() -> None:
    """Everything at and below its name, whatever else the zone holds."""
    zone = in_aws_order([*plan(), SOA, *foreign(1_000)])
    scope = _scope(SERVICE, zone)

    assert scope.runs == (Run(NAME, with_names_below=True),)
    assert ListedZone(zone).list_runs(scope.runs).pages == 1
    assert scope.whole_pages == 4


def test_at_the_apex_the_names_are_runs_of_their_own() -> None:
    """A run of everything below would be the whole zone."""
    of, records = at_apex(plan())
    zone = in_aws_order([*records, *foreign(1_000)])
    scope = _scope(of, zone)

    assert not any(run.with_names_below for run in scope.runs)
    assert {f"eu.{APEX}", f"rest.{APEX}", APEX} <= {run.name for run in scope.runs}
    assert ListedZone(zone).list_runs(scope.runs).pages <= 2
    known, _ = reading(of, zone, scope)
    assert prove_records("app", of, known, scope) == prove_records("app", of, zone)


def test_names_that_cost_a_page_each_and_decide_nothing_wait_for_the_whole_reading() -> None:
    """Unsteered names among thousands of others; weighted records and aliases never wait."""
    of, records = at_apex(plan())
    around = [
        record(f"{name}-{number:03}.{APEX}", **address("192.0.2.9"))
        for name in (*ADDRESSES, "eu", "rest")
        for number in range(400)
    ]
    zone = in_aws_order([*records, *around])
    scope = _scope(of, zone)

    listed = {run.name for run in scope.runs}
    assert {f"eu.{APEX}", f"rest.{APEX}"} <= listed
    assert scope.others & {f"{region}.{APEX}" for region in ADDRESSES}
    known, _ = reading(of, zone, scope)
    assert prove_records("app", of, known, scope) == prove_records("app", of, zone)


def test_weighted_records_far_apart_are_all_that_every_reading_shows() -> None:
    """In a zone whose own name is the service's, among names of others: a page for each pool."""
    of, records = at_apex(plan())
    around = [
        record(f"{name}-{number:03}.{APEX}", **address("192.0.2.9"))
        for name in ("a", "eu-", "eu-x", "rest-", "z")
        for number in range(400)
    ]
    zone = in_aws_order([*records, *around])
    scope = _scope(of, zone)

    assert {f"eu.{APEX}", f"rest.{APEX}"} <= {run.name for run in scope.runs}
    assert ListedZone(zone).list_runs(scope.runs).pages == 2
    assert APEX in scope.others
    known, _ = reading(of, zone, scope)
    assert prove_records("app", of, known, scope) == prove_records("app", of, zone)


def test_a_zone_that_is_listed_as_cheaply_as_its_runs_is_listed_as_a_whole() -> None:
    """Never more pages than the zone has."""
    of, records = at_apex(plan())

    assert _scope_or_none(SERVICE, [*plan(), SOA]) is None
    assert _scope_or_none(SERVICE, [*plan(), SOA, *foreign(280)]) is None
    assert _scope_or_none(of, [*records, *foreign(400)]) is None
    assert _scope_or_none(SERVICE, []) is None


def test_services_below_one_another_share_a_run() -> None:
    """And services side by side have one each."""
    inner = service(levers={"route53": {"hosted_zone_id": ZONE_ID, "name": f"api.{NAME}"}})
    beside = service(levers={"route53": {"hosted_zone_id": ZONE_ID, "name": "web.example.test."}})
    zone = in_aws_order([*plan(), SOA, *foreign(1_000)])
    _, scope = narrowed(ZONE_ID, [SERVICE, inner, beside], zone)

    assert scope is not None
    assert scope.runs == (Run(NAME, True), Run("web.example.test.", True))


def test_wildcards_and_delegations_that_answer_are_listed_again_and_again() -> None:
    """One that does not exist is known from the whole reading; so is the name between."""
    below = "app.prod.example.test."
    of = service(levers={"route53": {"hosted_zone_id": ZONE_ID, "name": below}})
    records = [
        replace(one, name=one.name.replace(NAME, below), rest=one.rest.replace(NAME, below))
        for one in plan()
    ]
    zone = in_aws_order([*records, SOA, *foreign(1_000)])
    scope = _scope(of, zone)
    assert "prod.example.test." in scope.others
    assert [run.name for run in scope.runs] == [below]

    delegated = record("prod.example.test.", "NS", **address("ns.other."))
    after = _scope(of, in_aws_order([*zone, delegated]))
    assert "prod.example.test." in {run.name for run in after.runs}
    known, now = reading(of, [*zone, delegated], after)
    assert prove_records("app", of, known, now) == prove_records("app", of, [*zone, delegated])


def test_a_deleted_weighted_record_is_missed_and_one_more_is_seen() -> None:
    """The last one of a run too: an empty run is an answer."""
    zone = [*plan(), SOA, *foreign(1_000)]
    scope = _scope(SERVICE, in_aws_order(zone))
    gone, _ = reading(SERVICE, [SOA, *foreign(1_000)], scope)
    assert {one.name for one in gone} == {APEX}

    stray = leaf("eu", "us-east-1", weight=0)
    more, now = reading(SERVICE, [*zone, stray], scope)
    (leak,) = prove_records("app", SERVICE, more, now).leaks["eu"]
    assert leak.reached == "us-east-1"


def _scope_or_none(of: Service, records: list[RecordSet]) -> ZoneScope | None:
    zone = in_aws_order(records)
    shown, scope = narrowed(ZONE_ID, [of], zone)
    if scope is not None:
        listed = ListedZone(zone).list_runs(scope.runs).records
        assert shown == with_others(listed, scope), "the next reading shows the same"
    return scope


def _scope(of: Service, records: list[RecordSet]) -> ZoneScope:
    found = _scope_or_none(of, records)
    assert found is not None
    return found
