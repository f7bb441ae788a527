"""A service's memory belongs to the settings that it was learned under, and to that service."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given

from controller.model.configuration import Region, Settings
from controller.model.decision import (
    Decision,
    PipelineStep,
    PoolPlan,
    Rule,
    Snapshot,
    WriteResult,
)
from controller.model.decoding import decoded
from controller.model.encoding import EXACT, as_text
from controller.model.levers import Change, LeverState, Outcome, OutcomeStatus, Position
from controller.model.memory import NO_FINGERPRINT, FlapDamping, Memory, ServiceMemory
from controller.planning.memory import after_cycle, fitted_to_settings, learned_under
from tests.planning.memories import MEMORIES, NOW, REMEMBERED
from tests.planning.remembering import remembers
from tests.storyboards.player import StoryboardPlayer

WEST, CENTRAL, EAST = "eu-west-1", "eu-central-1", "us-east-1"
HERE = Position("shop", "world", WEST)
FULL: dict[str, Any] = {
    "learned_under": NO_FINGERPRINT,
    "since": 5.0,
    "begun": True,
    "panic": NOW,
    "drift_since": {HERE: NOW},
    "reasserted": {"world": NOW},
    "reverted": {"world": 1},
    "adopted": {"world": {WEST: 1.0}},
    "last_rise": {HERE: NOW},
    "warming_up": frozenset({HERE}),
    "closed_is_warming_up": False,
    "aborted": {HERE: NOW},
    "batches": (NOW,),
    "emergencies": (NOW,),
    "drains": {WEST: NOW},
    "degraded": {WEST: 1},
    "nearest": {WEST: 0.5, CENTRAL: 0.5},
    "learned_at": NOW,
    "flaps": {WEST: FlapDamping(1.0, NOW, down=False)},
    "doubtful": frozenset({Change(HERE, LeverState(64), LeverState(0))}),
}
"""Something in every field; of places it is about pool `world` and region eu-west-1."""
OF_THE_LEVERS = {
    "drift_since",
    "reasserted",
    "reverted",
    "adopted",
    "last_rise",
    "warming_up",
    "aborted",
    "doubtful",
    "nearest",
    "learned_at",
}
"""What is about records or endpoint groups, and nothing when others are steered."""
OF_THE_REGION = {
    "drift_since",
    "last_rise",
    "warming_up",
    "aborted",
    "drains",
    "degraded",
    "flaps",
    "doubtful",
}
"""What is about one region, and nothing when there is no such region."""
OF_THE_POOL = {
    "drift_since",
    "reasserted",
    "reverted",
    "adopted",
    "last_rise",
    "warming_up",
    "aborted",
}


def player(*regions: str, pool: str = "world", lever: str = "") -> StoryboardPlayer:
    """One pool of these regions, well and settled."""
    found = StoryboardPlayer()
    found.now = NOW
    found.play(f"pool {pool} {' '.join(regions)} {lever}")
    found._settle()
    return found


def moment(settings: Settings, memory: Memory) -> Snapshot:
    """Those settings and that memory."""
    return replace(player(WEST, CENTRAL).snapshot(), settings=settings, memory=memory)


def full(settings: Settings) -> Memory:
    """Everything there is to remember, learned under these settings."""
    under = learned_under(settings.services["shop"])
    return Memory(services={"shop": ServiceMemory(**{**FULL, "learned_under": under})})


def changed(before: ServiceMemory, after: ServiceMemory) -> set[str]:
    """Names of the fields that differ."""
    names = [field.name for field in fields(ServiceMemory)]
    return {name for name in names if getattr(before, name) != getattr(after, name)}


def test_every_field_of_a_memory_is_drawn_and_tried() -> None:
    """A field that is added is added here, or properties say nothing about it."""
    names = {field.name for field in fields(ServiceMemory)}

    assert REMEMBERED.keys() == names
    assert FULL.keys() == names
    empty = ServiceMemory()
    assert {n for n in names if FULL[n] == getattr(empty, n)} == {"learned_under"}


def test_memory_stays_as_long_as_its_settings_do() -> None:
    """The very same value, so that nothing is copied in a calm cycle."""
    settings = player(WEST, CENTRAL).settings()
    memory = full(settings)

    assert fitted_to_settings(moment(settings, memory)) is memory


@pytest.mark.parametrize(
    "levers",
    [
        {"route53": {"hosted_zone_id": "Z2", "name": "shop.test."}},
        {"route53": {"hosted_zone_id": "Z1", "name": "other.test."}},
        {
            "accelerator": {
                "pool": "world",
                "arn": "arn:aws:globalaccelerator::000000000000:accelerator/0000",
            }
        },
    ],
    ids=["another zone", "another name", "an accelerator"],
)
def test_memory_of_levers_is_dropped_with_them(levers: dict[str, Any]) -> None:
    """What is known of the regions' health, and what was written lately, stays."""
    settings = player(WEST, CENTRAL).settings()
    raw = settings.model_dump(mode="json")
    raw["services"]["shop"]["levers"] = levers
    now = fitted_to_settings(moment(Settings.model_validate(raw), full(settings))).of("shop")
    was = full(settings).of("shop")

    assert changed(was, now) == {*OF_THE_LEVERS, "learned_under", "closed_is_warming_up"}
    for name in OF_THE_LEVERS:
        assert not getattr(now, name)


@pytest.mark.parametrize("name", sorted(Region.model_fields))
def test_another_fact_of_a_region_drops_no_memory(name: str) -> None:
    """Price, jurisdiction and place are not what memory rests on; a decision looks at them anew."""
    settings = player(WEST, CENTRAL).settings()
    other = Region(jurisdiction="XX", egress_usd_per_gb=0.5, place="elsewhere")
    regions = {
        key: region.model_copy(update={name: getattr(other, name)})
        for key, region in settings.regions.items()
    }
    assert regions != settings.regions
    memory = full(settings)
    now = fitted_to_settings(moment(settings.model_copy(update={"regions": regions}), memory))
    assert now == memory


def test_memory_of_a_region_is_dropped_with_it() -> None:
    """Nothing of it is left to be looked up in vain; so if it is only renamed."""
    settings = player(WEST, CENTRAL).settings()
    was = full(settings)
    now = fitted_to_settings(moment(player(EAST, CENTRAL).settings(), was)).of("shop")

    others = {"nearest", "learned_at", "learned_under", "closed_is_warming_up"}
    assert changed(was.of("shop"), now) == OF_THE_REGION | others
    assert not any(getattr(now, name) for name in OF_THE_REGION)
    assert now.closed_is_warming_up


def test_memory_of_a_pool_is_dropped_with_it() -> None:
    """The region's own past stays."""
    settings = player(WEST, CENTRAL).settings()
    was = full(settings)
    now = fitted_to_settings(moment(player(WEST, CENTRAL, pool="europe").settings(), was)).of(
        "shop"
    )

    assert not any(getattr(now, name) for name in OF_THE_POOL)
    assert now.flaps == FULL["flaps"]
    assert now.drains == FULL["drains"]


def test_nearness_that_an_operator_configures_anew_is_taken_over() -> None:
    """What was learned under the old figures is no correction of the new ones."""
    settings = player(WEST, CENTRAL, lever="accelerator").settings()
    raw = settings.model_dump(mode="json")
    raw["services"]["shop"]["levers"]["accelerator"]["nearest"] = {WEST: 3, CENTRAL: 1}
    now = fitted_to_settings(moment(Settings.model_validate(raw), full(settings))).of("shop")

    assert not now.nearest
    assert now.learned_at is None
    assert now.warming_up == FULL["warming_up"]


@pytest.mark.parametrize(
    ("known", "since"), [({}, 3.0), ({"other": ServiceMemory()}, NOW)], ids=["start", "reload"]
)
def test_a_service_begins_with_the_daemon_or_with_the_reload_that_adds_it(
    known: dict[str, ServiceMemory], since: float
) -> None:
    """Its first plan is judged by what is known since then."""
    snapshot = moment(player(WEST).settings(), Memory(services=known))
    now = fitted_to_settings(replace(snapshot, started_at=3.0))

    assert now.services.keys() == {"shop"}
    assert now.of("shop").since == since
    assert not now.of("shop").begun


@given(MEMORIES)
def test_memory_is_written_and_read_back(memory: Memory) -> None:
    """As JSON, for a restart or another replica, to the last digit."""
    text = as_text(EXACT(memory))

    assert decoded(Memory, json.loads(text), "memory") == memory


def test_a_region_that_comes_by_a_reload_starts_warming_up() -> None:
    """It carries nothing yet, so it is let in by steps."""
    found = player(WEST, CENTRAL)
    found.play("decide")
    found.pools["world"]["regions"] = [WEST, CENTRAL, EAST]
    found.regions[EAST] = dict(found.regions[WEST])
    found.observed[Position("shop", "world", EAST)] = LeverState(0)
    for states in found.health.values():
        for endpoint in list(states):
            states[endpoint._replace(region=EAST)] = states[endpoint]
    text = found.play("decide")

    assert "returns us-east-1 0 % → 33.3 %" in text
    assert "us-east-1 0 % → 25 %" in text


def test_remembers_is_what_a_long_running_daemon_has() -> None:
    """The helper of other tests: begun long ago, unless said otherwise."""
    assert remembers(begun=True).of("shop").since < 0


APPLIED, UNKNOWN = Outcome(OutcomeStatus.APPLIED), Outcome(OutcomeStatus.UNKNOWN)
FIRST = Change(HERE, LeverState(64), LeverState(0))
OTHER = Change(HERE, LeverState(64), LeverState(7))
BESIDE = Change(Position("shop", "world", CENTRAL), LeverState(64), LeverState(0))


@pytest.mark.parametrize(
    ("wanted", "answered", "outcome", "counted"),
    [
        ((FIRST,), (FIRST,), APPLIED, {WEST}),
        ((FIRST,), (FIRST,), UNKNOWN, {WEST}),
        ((FIRST, BESIDE), (FIRST,), APPLIED, {WEST}),
        ((FIRST,), (OTHER,), APPLIED, set()),
        ((FIRST, BESIDE), (OTHER,), UNKNOWN, set()),
        ((FIRST,), (), APPLIED, set()),
    ],
)
def test_only_what_was_sent_counts_against_the_allowances(
    wanted: tuple[Change, ...], answered: tuple[Change, ...], outcome: Outcome, counted: set[str]
) -> None:
    """While a zone is busy a plan waits; the late answer to another write there is none to it."""
    regions = [change.position.region for change in wanted]
    before, after = dict.fromkeys(regions, 0.4), dict.fromkeys(regions, 0.0)
    rules = tuple(
        Rule(PipelineStep.PLACEMENT, "region_down", region, 0.4, 0.0, binding=True, why="down")
        for region in regions
    )
    plan = PoolPlan("shop", "world", before, after, after, rules, changes=wanted, emergency=True)
    decision = Decision({}, (plan,), {}, remembers())
    written = [WriteResult("route53", "Z1", answered, outcome)] if answered else []
    memory = after_cycle(decision, written, NOW).of("shop")

    assert set(memory.drains) == counted
    assert len(memory.batches) == len(memory.emergencies) == bool(counted)


def test_a_late_answer_to_a_write_that_was_counted_counts_nothing() -> None:
    """Nor does a part of its plan that waits for it."""
    plan = PoolPlan("shop", "world", {}, {}, {}, changes=(FIRST, BESIDE), emergency=True)
    decision = Decision({}, (plan,), {}, remembers(doubtful=frozenset({FIRST})))
    written = [WriteResult("route53", "Z1", (FIRST,), APPLIED)]

    assert after_cycle(decision, written, NOW).of("shop").batches == ()
