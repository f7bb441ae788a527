"""Independence of services: what their decisions share, and that they share nothing else."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

import pytest

from controller.model.configuration import EndpointId
from controller.model.decision import Decision, Hold, PoolPlan, Snapshot
from controller.model.health import HealthState, RegionHealth, Verdict
from controller.model.levers import LeverState, Position
from controller.model.memory import NO_MEMORY
from controller.planning import decision as deciding
from controller.planning import service_decision
from controller.planning.decision import decide
from controller.planning.drift import accepted_states
from controller.planning.levers.route53 import Route53
from controller.planning.memory import with_services
from tests.planning.remembering import service_memory
from tests.storyboards.player import StoryboardPlayer

REGIONS = ("eu-west-1", "eu-central-1", "us-east-1", "us-west-2", "ap-northeast-1")
DAY_S = 86_400.0


def player(*commands: str, known_good: str = "UUU") -> StoryboardPlayer:
    """Two services, `shop` and `api`, alike in five regions, both steered for long."""
    found = StoryboardPlayer()
    found.now = 10_000.0
    found.play(f"pool world {' '.join(REGIONS)}")
    found.play("service api")
    if known_good:
        found.play(f"known-good {known_good}")
    for command in commands:
        found.play(command)
    found._settle()
    found._probe_on()
    return found


def plans(decision: Decision, service: str) -> list[PoolPlan]:
    return [plan for plan in decision.plans if plan.service == service]


def holds(decision: Decision, service: str) -> set[Hold]:
    return {held.reason for plan in plans(decision, service) for held in plan.held}


def drained(decision: Decision, service: str) -> set[str]:
    """Regions of the service that lose all their traffic now."""
    changes = [c for plan in plans(decision, service) for c in plan.changes]
    return {c.position.region for c in changes if c.after.weight == 0}


def unobserved(snapshot: Snapshot, service: str) -> Snapshot:
    """As if AWS had never said how the service's levers stand."""
    observed = {name: seen for name, seen in snapshot.observed.items() if name != service}
    return replace(snapshot, observed=observed)


STEPS = {
    "judged": (deciding, "service_health"),
    "proposed": (deciding, "propose"),
    "replanned": (deciding, "replanned"),
    "guarded": (deciding, "guarded_plans"),
    "concluded": (deciding, "conclude"),
    "drift": (service_decision, "find_drift"),
    "ramp": (service_decision, "plan_pools"),
    "diff": (Route53, "diff"),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("error", [KeyError("eu-west-1"), ZeroDivisionError(), AssertionError()])
def test_a_mistake_with_one_service_holds_that_one_alone(
    step: str, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever it is made: the other one's failed region leaves, and what happened is said."""
    down = "shop/eu-west-1=D"
    more = " api/us-east-1=D api/us-west-2=D" if step == "replanned" else ""
    allowed = "guards auto_drains_per_h=1 panic_ratio=1"
    snapshot = player(allowed, f"see {down}{more}").snapshot()
    without = decide(snapshot)
    owner, name = STEPS[step]
    act = getattr(owner, name)

    def mistaken(*args: object, **named: object) -> object:
        if "api" in services_in(args):
            raise error
        return act(*args, **named)

    monkeypatch.setattr(owner, name, mistaken)
    decision = decide(snapshot)

    assert drained(decision, "shop") == {"eu-west-1"}
    assert plans(decision, "shop") == plans(without, "shop")
    assert holds(decision, "api") == {Hold.UNDECIDED}
    assert not [plan for plan in plans(decision, "api") if plan.changes or plan.withheld]
    assert decision.undecided.keys() == {"api"}
    assert f"{error!r} in mistaken" in decision.undecided["api"]
    assert decision.regions["api"].keys() == set(REGIONS)


def services_in(args: Iterable[object]) -> set[object]:
    """Services that a step is about, whatever its arguments are."""
    found: set[object] = set()
    for one in args:
        found.add(one if isinstance(one, str) else getattr(one, "service", None))
        if isinstance(one, list) and one:
            found.add(getattr(one[0], "service", None))
    return found


def test_what_may_have_caused_a_mistake_is_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """What counts writes and drains is: no mistake gives a service a new allowance."""
    found = player()
    spot = Position("api", "world", "eu-west-1")
    full = service_memory(
        begun=True,
        warming_up=frozenset({spot}),
        last_rise={spot: 1.0},
        batches=(9_990.0,),
        emergencies=(9_990.0,),
        drains={"eu-west-1": 9_990.0},
    )
    found.memory = with_services(found.memory, {"api": full})
    before = found.memory.of("shop")
    monkeypatch.setattr(deciding, "conclude", mistaken_for_api)
    after = decide(found.snapshot()).memory

    assert after.of("api").last_rise == {}
    assert after.of("api").warming_up == frozenset()
    assert after.of("api").closed_is_warming_up
    kept = ("begun", "since", "batches", "emergencies", "drains")
    assert [getattr(after.of("api"), n) for n in kept] == [getattr(full, n) for n in kept]
    assert after.of("shop").begun is before.begun


def test_an_exception_leaves_no_drift_that_the_memory_lacks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Or what is to be expected from now on could not be said, of any service."""
    found = player()
    spot = Position("api", "world", "eu-west-1")
    snapshot = found.snapshot()
    theirs = replace(snapshot, expected={**snapshot.expected, spot: (LeverState(7),)})
    assert spot in decide(theirs).drift
    monkeypatch.setattr(deciding, "conclude", mistaken_for_api)
    decision = decide(theirs)

    assert decision.undecided.keys() == {"api"}
    assert not [p for p in decision.drift if p not in decision.memory.of(p.service).drift_since]
    assert spot not in accepted_states(theirs, decision, ())


def mistaken_for_api(
    proposal: service_decision.ServiceProposal,
    plans: tuple[PoolPlan, ...],
    waiting: Collection[str],
) -> service_decision.ServiceConclusion:
    """`conclude`, with a mistake for the service `api`."""
    if proposal.service == "api":
        raise LookupError
    return service_decision.conclude(proposal, plans, waiting)


def test_a_service_that_aws_never_spoke_of_binds_no_other() -> None:
    """A mistyped zone, a day later: two regions of the other one fail together, and leave."""
    found = player("start 0")
    decision = decide(unobserved(found.snapshot(), "api"))
    assert decision.memory.of("shop").begun
    assert not decision.memory.of("api").begun

    found.memory = decision.memory
    found.play(f"wait {DAY_S}")
    found.play("see shop/eu-west-1=D shop/us-east-1=D")
    found._probe_on()
    decision = decide(unobserved(found.snapshot(), "api"))

    assert drained(decision, "shop") == {"eu-west-1", "us-east-1"}
    assert holds(decision, "api") == {Hold.NOT_OBSERVED}


def test_an_endpoint_that_cannot_be_asked_binds_no_other_service() -> None:
    """Nor its own for ever: its region is unknown, and the others may leave."""
    found = player("start 0", "guards startup_data_s=30", "see shop/eu-west-1=D api/eu-west-1=D")
    found.play("wait 31")
    found._probe_on()
    states = found.health["here"]
    for region in ("us-east-1", "us-west-2"):
        states[EndpointId("api", region, "web")] = HealthState()
    early = decide(found.snapshot())
    found.memory = early.memory
    found.play("wait 120")
    found._probe_on()
    late = decide(found.snapshot())

    assert drained(early, "shop") == {"eu-west-1"}
    assert Hold.STARTUP in holds(early, "api")
    assert Hold.STARTUP not in holds(late, "api")
    assert drained(late, "api") == {"eu-west-1"}


def test_first_plans_of_all_services_count_together() -> None:
    """What the whole daemon may have wrong at its start, a person confirms once for each region."""
    found = player("see shop/eu-west-1=D api/us-east-1=D")
    found.memory = NO_MEMORY
    found.started_at = found.now - 60
    decision = decide(found.snapshot())
    (plan,) = plans(decision, "shop")

    assert drained(decision, "shop") == drained(decision, "api") == set()
    assert "would drain 2 regions by itself: eu-west-1, us-east-1" in plan.held[-1].detail


@pytest.mark.parametrize("allowed", [1, 2])
def test_a_service_has_its_first_drain_of_an_hour_to_itself(allowed: int) -> None:
    """However many regions another one's trouble took out; the rest of the allowance is shared."""
    found = player(f"guards auto_drains_per_h={allowed} panic_ratio=1", "see shop/eu-west-1=D")
    lately = dict.fromkeys(("us-east-1", "us-west-2", "ap-northeast-1"), found.now - 60)
    found.memory = with_services(found.memory, {"api": service_memory(begun=True, drains=lately)})
    first = decide(found.snapshot())
    found._carry_out(first)
    found.play("see shop/eu-central-1=D")
    found._probe_on()
    second = decide(found.snapshot())

    assert drained(first, "shop") == {"eu-west-1"}
    assert drained(second, "shop") == set()
    assert Hold.BLAST_RADIUS in holds(second, "shop")


@pytest.mark.parametrize("kind", ["batches", "emergencies"])
def test_a_service_has_its_first_batch_to_itself(kind: str) -> None:
    """A loop gone mad is stopped by its own rate, not by that of another service."""
    event = "see shop/eu-west-1=D" if kind == "emergencies" else "edit world eu-west-1 64"
    found = player("guards writes_per_5_min=2 drift_hold_s=0", event)
    sent = tuple(found.now - number for number in range(1, 6))
    found.memory = with_services(found.memory, {"api": service_memory(begun=True, **{kind: sent})})
    first = decide(found.snapshot())
    mine = service_memory(begun=True, **{kind: (found.now - 9,)})
    found.memory = with_services(found.memory, {"shop": mine})

    assert plans(first, "shop")[0].changes
    assert Hold.BLAST_RADIUS in holds(decide(found.snapshot()), "shop")


@pytest.mark.parametrize(("failing", "blind"), [(2, False), (3, True)])
def test_without_reference_targets_regions_are_counted_and_not_endpoints(
    failing: int, blind: bool
) -> None:
    """A region with most of the endpoints is one region, and optional ones count for nothing."""
    found = player("guards panic_ratio=1", known_good="")
    many = {f"e{n}": {"probe": f"tcp://e{n}.test:1"} for n in range(20)}
    extra = {f"o{n}": {"probe": f"tcp://o{n}.test:1", "required": False} for n in range(20)}
    found.regions[REGIONS[0]]["endpoints"] = many
    found.regions[REGIONS[4]]["endpoints"] |= extra
    own = found.health["here"]
    down, up = found._state("D", None), found._state("U", None)
    for endpoint, _ in found.settings().endpoints():
        fails = endpoint.region in REGIONS[:failing] or endpoint.endpoint.startswith("o")
        own[endpoint] = down if fails else up
    decision = decide(found.snapshot())

    assert (decision.memory.isolated_since is not None) is blind
    assert drained(decision, "shop") == (set() if blind else set(REGIONS[:failing]))


def test_a_service_that_fails_everywhere_does_not_isolate_the_prober() -> None:
    """The other one's endpoints answer in the same regions."""
    found = player(f"see {' '.join(f'api/{region}=D' for region in REGIONS)}", known_good="")
    found.play("see shop/eu-west-1=D")
    found._probe_on()
    decision = decide(found.snapshot())

    assert decision.memory.isolated_since is None
    assert holds(decision, "api") == {Hold.PANIC}
    assert drained(decision, "shop") == {"eu-west-1"}


def test_a_region_with_a_thousand_endpoints_has_one_line_of_evidence() -> None:
    """Three of those that agree, and how many more."""
    found = player()
    many = {f"e{n}": {"probe": f"tcp://e{n}.test:1"} for n in range(1000)}
    found.regions["eu-west-1"]["endpoints"] = many
    for endpoint, _ in found.settings().endpoints():
        found.health["here"][endpoint] = found._state("U", None)
    seen: RegionHealth = decide(found.snapshot()).regions["shop"]["eu-west-1"]

    assert seen.verdict is Verdict.UP
    assert seen.why.startswith("e0: answers in 20 ms (1 of 1 vantage point); e1: ")
    assert seen.why.endswith("; and 997 more endpoints")


def test_a_service_that_is_first_read_in_the_second_cycle_comes_back_by_steps() -> None:
    """What carries nothing when it is first seen is warming up, whenever that is."""
    found = player("start 60")
    found.observed[Position("api", "world", "eu-west-1")] = LeverState(0)
    found.expected = {position: (setting,) for position, setting in found.observed.items()}
    found.memory = decide(unobserved(found.snapshot(), "api")).memory
    (plan,) = plans(decide(found.snapshot()), "api")

    assert found.memory.of("api").closed_is_warming_up
    assert plan.desired["eu-west-1"] == pytest.approx(0.2)
    assert [held.reason for held in plan.held] == []
    assert {rule.name for rule in plan.rules if rule.region == "eu-west-1"} == {"returns"}
    assert (
        Position("api", "world", "eu-west-1")
        in decide(found.snapshot()).memory.of("api").warming_up
    )
