"""What is done to a simulated world, and what is asked of it afterwards."""

from __future__ import annotations

from dataclasses import replace

from controller.composition import Controller
from controller.model.configuration import Settings
from controller.model.decision import Decision, DecisionRecord, Hold
from controller.model.health import ProbeOutcome
from controller.model.levers import Position
from controller.model.overrides import OverrideKind, OverrideRequest
from tests.loops.simulated import SETTINGS, ZONE, World

CALM = {"eu-west-1": 64, "eu-central-1": 64, "us-east-1": 128}
WELL_S = 20
"""After this long everything is up and the start-up rule satisfied."""


def careful(**limits: int) -> Settings:
    """The sandbox's settings with other guards."""
    guards = SETTINGS.guards.model_copy(update=limits)
    return SETTINGS.model_copy(update={"guards": guards})


def drain(
    region: str, ttl_s: float = 60, kind: OverrideKind = OverrideKind.DRAIN
) -> OverrideRequest:
    return OverrideRequest(kind, "ann", "INC-42", ttl_s, region)


def edit(world: World, pool: str, region: str, weight: int) -> None:
    """An operator gives both weighted records of a region another weight."""
    for twin in world.records.stored(ZONE):
        if twin.name.startswith(f"{pool}.") and twin.set_identifier == region:
            world.records.put(ZONE, replace(twin, weight=weight))


def break_network(world: World) -> None:
    """Every probe of the daemon fails, reference targets too."""
    for region in CALM:
        world.kill(region)
    for probe in world.settings.reference_targets.known_good:
        world.prober.answer(probe, ProbeOutcome.FAILED, "network is unreachable")


def mend_network(world: World) -> None:
    for region in CALM:
        world.heal(region)
    for probe in world.settings.reference_targets.known_good:
        world.prober.answer(probe, ProbeOutcome.PASSED, "200")


async def failover_record(world: World) -> DecisionRecord:
    """The decision that wrote the zone because of a region that is down."""
    return next(
        record
        for record in await world.store.records(limit=50)
        if any(w.lever == "route53" for w in record.written)
        if any(rule.name == "region_down" for plan in record.plans for rule in plan.rules)
    )


def zone_writes(record: DecisionRecord) -> list[tuple[str, list[str]]]:
    """What the zone answered, and to what."""
    return [
        (
            w.outcome.status.value,
            [f"{c.position} {c.before.weight}→{c.after.weight}" for c in w.changes],
        )
        for w in record.written
        if w.lever == "route53"
    ]


def decided(controller: Controller) -> Decision:
    """The last cycle's decision."""
    latest = controller.reconciliation.latest
    assert latest is not None, "no cycle has run yet"
    return latest.decision


def drifting(controller: Controller) -> set[Position]:
    latest = controller.reconciliation.latest
    return set(latest.decision.drift) if latest else set()


def reasons(controller: Controller) -> set[Hold]:
    return {held.reason for plan in decided(controller).plans for held in plan.held}
