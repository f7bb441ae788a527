"""Both sides of the guards' limits that no storyboard covers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from controller.model.decision import Decision, Hold
from controller.model.health import HealthState
from controller.model.levers import Change, Leak, LeverState, Position
from controller.planning.decision import decide
from controller.planning.guards import refusals as guard
from controller.planning.guards.blast_radius import too_many_drains
from controller.planning.guards.panic import panic_at
from controller.planning.guards.way_back import leak_refusal
from controller.planning.orders import too_few_active
from tests.planning.remembering import remembers
from tests.storyboards.player import StoryboardPlayer

NOW = 10_000.0
REGIONS = ("eu-west-1", "eu-central-1", "us-east-1", "us-west-2")
DRAIN = Change(Position("shop", "world", "eu-west-1"), LeverState(128), LeverState(0))


def stage(*commands: str, regions: int = 3) -> StoryboardPlayer:
    """A pool whose reference targets answer, in the state that the commands describe."""
    found = StoryboardPlayer()
    found.now = NOW
    for command in (f"pool world {' '.join(REGIONS[:regions])}", "known-good UUU", *commands):
        found.play(command)
    found._settle()
    found._probe_on()
    return found


def decided(found: StoryboardPlayer) -> Decision:
    return decide(found.snapshot())


def holds(decision: Decision) -> set[Hold]:
    return {held.reason for plan in decision.plans for held in plan.held}


def test_a_proof_that_lacks_a_name_holds_as_one_that_is_refuted() -> None:
    """It is called not proven, unless there is a way out besides."""
    snapshot = stage().snapshot()
    unread = Leak("shop", "world", ("default",), None, (), (), ("lb.",), "", unread="lb.test.")
    way_out = Leak("shop", "world", ("default",), "us-east-1", (), (), ("x",), "so it is")

    def held(*leaks: Leak) -> str:
        observed = replace(snapshot.observed["shop"], leaks={"world": leaks})
        found = leak_refusal(replace(snapshot, observed={"shop": observed}), "shop", "world")
        assert found is not None
        assert found.reason is Hold.RESIDENCY
        return found.detail

    assert held(unread) == (
        "not proven: lb.test. was not read from AWS yet, so it may lead anywhere"
    )
    assert held(way_out, unread).startswith("2 ways out of the lawful regions; users of default")


@pytest.mark.parametrize(("age_s", "is_held"), [(29.9, True), (30.0, False)])
def test_the_first_write_waits_for_its_seconds_of_data(age_s: float, is_held: bool) -> None:
    """However clear the data are."""
    found = stage("guards startup_data_s=30", f"start {age_s}", "see eu-west-1=D")

    assert (Hold.STARTUP in holds(decided(found))) is is_held
    assert bool(decided(found).changes) is not is_held


@pytest.mark.parametrize(
    ("unasked", "age_s", "is_held"),
    [(0, 0, False), (1, 0, False), (2, 0, True), (2, 119.9, True), (2, 120, False)],
)
def test_the_first_write_waits_for_nine_tenths_of_the_endpoints(
    unasked: int, age_s: float, is_held: bool
) -> None:
    """Ten required ones, for two minutes; what is not required is not waited for."""
    found = stage("see eu-west-1=D", regions=2)
    names = [f"e{index}" for index in range(9)]
    found.regions["us-east-1"] = found.regions["eu-central-1"]
    found.regions["eu-central-1"]["endpoints"] = {
        **{name: {"probe": f"tcp://{name}.test:1"} for name in names},
        "extra": {"probe": "tcp://extra.test:1", "required": False},
    }
    del found.regions["us-east-1"]
    own = found.health["here"]
    well = own.pop(next(i for i in own if i.region == "eu-central-1"))
    dead = next(i for i in own if i.region == "eu-west-1")
    for index, name in enumerate(names):
        asked = index >= unasked
        own[dead._replace(region="eu-central-1", endpoint=name)] = well if asked else HealthState()
    found.memory = remembers(begun=True, since=NOW - age_s)

    assert (Hold.STARTUP in holds(decided(found))) is is_held


@pytest.mark.parametrize(
    ("regions", "ratio", "drained", "is_held"),
    [
        (2, 0.5, 1, False),
        (2, 0.5, 2, True),
        (3, 0.5, 1, False),
        (3, 0.5, 2, True),
        (4, 0.5, 2, False),
        (4, 0.5, 3, True),
        (3, 0.0, 2, False),
        (3, 0.0, 3, True),
        (3, 1.0, 1, True),
    ],
)
def test_a_users_drains_leave_enough_regions_serving(
    regions: int, ratio: float, drained: int, is_held: bool
) -> None:
    """At least one, whatever the ratio; the drains that fit are carried out."""
    orders = [f"drain {region}" for region in REGIONS[:drained]]
    decision = decided(stage(f"guards min_active_ratio={ratio}", *orders, regions=regions))
    zeroed = [c for c in decision.changes if c.after.weight == 0]

    assert (Hold.MIN_ACTIVE in holds(decision)) is is_held
    assert len(zeroed) == drained - is_held


def test_a_region_that_is_down_does_not_count_as_serving() -> None:
    """Draining the second of three when the third is dead would leave one."""
    decision = decided(stage("see us-east-1=D", "drain eu-west-1"))

    assert Hold.MIN_ACTIVE in holds(decision)
    assert [c.position.region for c in decision.changes] == ["us-east-1"]


@pytest.mark.parametrize(("demand", "is_held"), [(200, False), (201, True)])
def test_a_users_drain_needs_capacity_elsewhere(demand: int, is_held: bool) -> None:
    """To the last request per second."""
    found = StoryboardPlayer()
    found.now = NOW
    for command in (
        f"pool world eu-west-1 eu-central-1 us-east-1 demand={demand}",
        *(f"region {region} capacity=100" for region in REGIONS[:3]),
        "drain eu-west-1",
    ):
        found.play(command)
    found._settle()

    assert (Hold.CAPACITY in holds(decided(found))) is is_held


@pytest.mark.parametrize(("gap_s", "is_held"), [(0, True), (30, True), (30.1, False)])
def test_at_once_means_within_the_panic_window(gap_s: float, is_held: bool) -> None:
    """Two of three regions that turn suspect one after the other."""
    found = stage("see eu-west-1=D", f"wait {gap_s}", "see eu-central-1=D")
    found._probe_on()

    assert (Hold.PANIC in holds(decided(found))) is is_held


@pytest.mark.parametrize(("used", "is_held"), [(2, False), (3, True), (4, True)])
@pytest.mark.parametrize("event", ["see eu-west-1=D", "edit world eu-west-1 64"])
def test_batches_in_five_minutes_are_limited(event: str, used: int, is_held: bool) -> None:
    """Emergency batches as well: a malfunction looks like an emergency."""
    found = stage("guards writes_per_5_min=3 drift_hold_s=0", event)
    lately = tuple(NOW - 10 - number for number in range(used))
    found.memory = remembers(batches=lately, emergencies=lately, begun=True)

    assert (Hold.BLAST_RADIUS in holds(decided(found))) is is_held
    assert bool(decided(found).changes) is not is_held


@pytest.mark.parametrize(
    ("event", "is_held"), [("see eu-west-1=D", False), ("edit world eu-west-1 64", True)]
)
def test_other_batches_do_not_use_up_the_emergency_allowance(event: str, is_held: bool) -> None:
    """Ramps and rebalancing have used their whole allowance; a region that fails is drained."""
    found = stage("guards writes_per_5_min=3 drift_hold_s=0", event)
    found.memory = remembers(batches=(NOW - 10, NOW - 11, NOW - 12), begun=True)

    assert (Hold.BLAST_RADIUS in holds(decided(found))) is is_held


@pytest.mark.parametrize(("age_s", "is_held"), [(299.9, True), (300, False)])
def test_a_batch_is_forgotten_after_five_minutes(age_s: float, is_held: bool) -> None:
    """Both sides of the window."""
    found = stage("guards writes_per_5_min=1", "see eu-west-1=D")
    found.memory = remembers(batches=(NOW - age_s,), emergencies=(NOW - age_s,))

    assert (Hold.BLAST_RADIUS in holds(decided(found))) is is_held


@pytest.mark.parametrize(("age_s", "is_held"), [(3599, True), (3600, False)])
def test_a_drain_is_forgotten_after_an_hour(age_s: float, is_held: bool) -> None:
    """Both sides of the window."""
    found = stage("guards auto_drains_per_h=1", "see eu-west-1=D")
    found.memory = remembers(drains={"us-east-1": NOW - age_s})

    assert (Hold.BLAST_RADIUS in holds(decided(found))) is is_held


@pytest.mark.parametrize("drained_s", [10, 3000])
def test_a_region_that_was_drained_lately_is_not_counted_again(drained_s: float) -> None:
    """It goes on in other pools, is tried again, or has failed again: it is one region.

    Otherwise the last drain allowed would stop half-way: the zone written, the accelerator not.
    """
    found = stage("guards auto_drains_per_h=1", "see eu-west-1=D")
    rises = {DRAIN.position: NOW - drained_s / 2}
    found.memory = remembers(drains={"eu-west-1": NOW - drained_s}, last_rise=rises)

    assert holds(decided(found)) == set()


def test_an_order_that_names_the_guard_lets_more_regions_be_drained() -> None:
    """In the pools of the order."""
    found = stage("guards auto_drains_per_h=1", "see eu-west-1=D", "pin us-east-1 25")
    found.memory = remembers(drains={"us-east-1": NOW - 10})
    held = holds(decided(found))
    found.overrides = [replace(found.overrides[0], ignore_guards=("blast_radius",))]

    assert held >= {Hold.BLAST_RADIUS}
    assert Hold.BLAST_RADIUS not in holds(decided(found))
    assert DRAIN.position in {change.position for change in decided(found).changes}


@pytest.mark.parametrize(
    ("sent", "is_held"),
    [
        (DRAIN, False),
        (replace(DRAIN, before=LeverState(100)), True),
        (replace(DRAIN, after=LeverState(5)), True),
    ],
    ids=["the same", "from elsewhere", "to elsewhere"],
)
def test_a_write_with_an_unknown_outcome_may_be_sent_again(sent: Change, is_held: bool) -> None:
    """Sent again it is no new batch; any other change is."""
    found = stage("guards writes_per_5_min=1", "see eu-west-1=D")
    found.memory = remembers(emergencies=(NOW - 1,), doubtful=frozenset({sent}))

    assert (Hold.BLAST_RADIUS in holds(decided(found))) is is_held


@pytest.mark.parametrize("order", ["drain", "failover"])
def test_a_users_orders_are_not_rate_limited(order: str) -> None:
    """The blast radius limits automatic action only."""
    found = stage("guards writes_per_5_min=1 auto_drains_per_h=1", f"{order} eu-west-1")
    lately = (NOW - 1,)
    found.memory = remembers(batches=lately, emergencies=lately, drains={"us-east-1": NOW - 1})

    assert holds(decided(found)) == set()
    assert decided(found).changes == (DRAIN,)


@pytest.mark.parametrize("guard", ["min_active", "capacity"])
def test_a_guard_is_overridden_by_its_own_name_only(guard: str) -> None:
    """Naming another one does not help."""
    found = stage("guards min_active_ratio=1.0", f"drain eu-west-1 ignoring {guard}")

    assert (Hold.MIN_ACTIVE in holds(decided(found))) is (guard != "min_active")


def test_a_freeze_of_another_service_or_pool_does_not_hold_this_one() -> None:
    """Nor does one of another pool."""
    found = stage("freeze", "see eu-west-1=D")
    for service, pool in (("other", None), ("shop", "other")):
        found.overrides = [replace(found.overrides[0], service=None, pool=None)]
        assert holds(decided(found)) == {Hold.FROZEN}
        found.overrides = [replace(found.overrides[0], service=service, pool=pool)]
        assert holds(decided(found)) == set()


GUARDS = (
    guard.state_unread,
    guard.frozen,
    guard.startup,
    guard.residency,
    guard.misconfigured,
    guard.contested,
    guard.drifted,
    guard.blast_radius,
    guard.dry_run,
    too_few_active,
    too_many_drains,
    panic_at,
)


@pytest.mark.parametrize("one", GUARDS)
def test_every_guards_docstring_has_a_scope_and_an_end(one: Callable[..., object]) -> None:
    """Without them a reader cannot know what it holds and when it stops."""
    said = " ".join((one.__doc__ or "").split())

    assert "Scope: " in said
    assert " End: " in said
