"""Moments to decide on, as large as a placement problem: its portions as pools, one service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from random import Random
from string import ascii_uppercase

from controller.model.configuration import EndpointId, PlacementSettings, RampSettings, Settings
from controller.model.decision import Decision, Snapshot
from controller.model.health import HealthState, Verdict
from controller.model.levers import LeverState, Observed, Position
from controller.model.memory import Memory, ServiceMemory
from controller.planning.decision import decide
from tests.catalogue import catalogue
from tests.planning.placement.transport_problems import Problem

_NOW = 10_000.0
_SETTLING = 4
"""Decisions after which nothing moves but what rounding of weights leaves."""


def at_rest(problem: Problem) -> Snapshot:
    """All is well, and the weights are what placement wants."""
    settings = settings_of(problem)
    # From nothing to the optimum at once, not by steps from where it happened to be.
    hurry = {
        "ramp": RampSettings(step_points=100),
        "placement": _placement(problem, move_gain_ms=0.0),
    }
    moment = _moment(problem, settings.model_copy(update=hurry))
    for _ in range(_SETTLING):
        moment = _carried_out(moment, decide(moment))
    return replace(moment, settings=settings)


def failed(moment: Snapshot, region: str) -> Snapshot:
    """The same moment, had this region been found down."""
    (vantage,) = moment.health
    state = _state(Verdict.DOWN)._replace(
        failures=3, first_failure_at=_NOW - 2, last_failure="no answer in 1 s"
    )
    states = moment.health[vantage]
    down = {one: state for one in states if one.region == region}
    return replace(moment, health={vantage: {**states, **down}})


def with_endpoints(moment: Snapshot, per_region: int) -> Snapshot:
    """The same moment, had every region so many required endpoints, and no reference targets."""
    shop = moment.settings.services["shop"]
    (vantage,) = moment.health
    names = [f"web-{number:04}" for number in range(per_region)]
    regions = {
        key: region.model_copy(update={"endpoints": dict.fromkeys(names, region.endpoints["web"])})
        for key, region in shop.regions.items()
    }
    services = {"shop": shop.model_copy(update={"regions": regions})}
    states = {EndpointId("shop", region, name): _state() for region in regions for name in names}
    return replace(
        moment,
        settings=moment.settings.model_copy(update={"services": services}),
        health={vantage: states},
        known_good={},
    )


def of_services(moments: Mapping[str, Snapshot]) -> Snapshot:
    """One moment with the service of each of these, under its new name; regions have one catalogue.

    No two endpoints show the same figures, as in life: equal ones would take less room.
    """
    first = next(iter(moments.values()))
    shops = {name: moment.settings.services["shop"] for name, moment in moments.items()}
    return replace(
        first,
        settings=first.settings.model_copy(update={"services": shops}),
        health={
            "here": {
                endpoint._replace(service=name): _with_figures(state, Random(f"{name} {endpoint}"))
                for name, moment in moments.items()
                for endpoint, state in moment.health["here"].items()
            }
        },
        observed={name: _renamed(moment, name) for name, moment in moments.items()},
        expected={
            position._replace(service=name): states
            for name, moment in moments.items()
            for position, states in moment.expected.items()
        },
        memory=Memory(services={n: m.memory.services["shop"] for n, m in moments.items()}),
    )


def _renamed(moment: Snapshot, name: str) -> Observed:
    shop = moment.observed["shop"]
    settings = {p._replace(service=name): state for p, state in shop.settings.items()}
    return replace(shop, settings=settings)


def _with_figures(state: HealthState, random: Random) -> HealthState:
    return state._replace(
        since=_NOW - 5000 * random.random(),
        last_result_at=_NOW - random.random(),
        latency_s=0.02 + 0.01 * random.random(),
        usual_latency_s=0.02 + 0.01 * random.random(),
        answers=random.randrange(100_000),
    )


def settings_of(problem: Problem) -> Settings:
    """A service with a pool for each portion."""
    regions = {
        name: {
            "capacity_rps": capacity,
            "endpoints": {"web": {"probe": f"http://{name}.test/healthz"}},
        }
        for name, capacity in problem.capacity.items()
    }
    pools = {
        f"pool-{number:04}": {
            "geographies": [f"country:{_country(number)}"],
            "regions": list(portion.costs),
            "demand_rps": portion.rps,
            "latency_ms": dict(portion.costs),
        }
        for number, portion in enumerate(problem.portions)
    }
    lever = {"route53": {"hosted_zone_id": "Z1", "name": "shop.test."}}
    services = {"shop": {"regions": regions, "pools": pools, "levers": lever}}
    return Settings.model_validate(
        {
            "schema_version": 2,
            "mode": "active",
            "state_path": "unused",
            "vantage": {"name": "here"},
            "placement": _placement(problem),
            "regions": catalogue(services),
            "services": services,
        }
    )


def _placement(problem: Problem, **preferences: float) -> PlacementSettings:
    return PlacementSettings(target_utilisation=problem.target, **preferences)


def _country(number: int) -> str:
    """Two letters; planning does not mind that several pools have the same."""
    return ascii_uppercase[number // 26 % 26] + ascii_uppercase[number % 26]


def _moment(problem: Problem, settings: Settings) -> Snapshot:
    pools = settings.services["shop"].pools
    levers = {
        Position("shop", name, region): LeverState(100)
        for name, pool in pools.items()
        for region in pool.regions
    }
    return Snapshot(
        now=_NOW,
        started_at=0.0,
        settings=settings,
        health={"here": {EndpointId("shop", r, "web"): _state() for r in problem.capacity}},
        known_good={"reference": _state()},
        observed={"shop": Observed(_NOW - 1, levers)},
        expected={position: (setting,) for position, setting in levers.items()},
        overrides=(),
        memory=Memory(services={"shop": ServiceMemory(begun=True, closed_is_warming_up=False)}),
    )


def _state(verdict: Verdict = Verdict.UP) -> HealthState:
    return HealthState(
        verdict, since=_NOW - 2, last_result_at=_NOW - 0.1, latency_s=0.02, answers=1000
    )


def _carried_out(moment: Snapshot, decision: Decision) -> Snapshot:
    """After a perfect AWS did what was asked for, guards or not."""
    shop = moment.observed["shop"]
    asked = [change for plan in decision.plans for change in (*plan.changes, *plan.withheld)]
    levers = {**shop.settings, **{change.position: change.after for change in asked}}
    return replace(
        moment,
        observed={"shop": replace(shop, settings=levers)},
        expected={position: (setting,) for position, setting in levers.items()},
        memory=decision.memory,
    )
