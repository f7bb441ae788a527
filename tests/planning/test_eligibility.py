"""Which regions may carry traffic, by health and by orders, as tables."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.model.decision import Hold
from controller.model.health import RegionHealth, Verdict
from controller.planning.eligibility import Permission, RegionEligibility, eligibility_by_health
from controller.planning.orders import with_orders
from controller.planning.placement.believed import believed_figures
from tests.planning.remembering import remembers
from tests.storyboards.player import StoryboardPlayer

WEST, CENTRAL, EAST = "eu-west-1", "eu-central-1", "us-east-1"
WELL = RegionHealth(Verdict.UP, "well")
SUSPECT = replace(WELL, suspect_since=990.0)
DEAD = RegionHealth(Verdict.DOWN, "dead", suspect_since=990.0, agreeing=1)
DEAD_TWICE = replace(DEAD, agreeing=2)
UNKNOWN = RegionHealth(Verdict.UNKNOWN, "nobody knows")
EVEN = {WEST: 1 / 3, CENTRAL: 1 / 3, EAST: 1 / 3}


def stand(
    *commands: str,
    west: RegionHealth = WELL,
    before: dict[str, float] | None = None,
    isolated: str | None = None,
    panic: bool = False,
) -> dict[str, RegionEligibility]:
    """The standing of three regions of one pool, of which eu-west-1 may be unwell."""
    player = StoryboardPlayer()
    player.now = 1_000.0
    for command in (f"pool world {WEST} {CENTRAL} {EAST}", *commands):
        player.play(command)
    shares = EVEN if before is None else before
    return stand_on(player, shares, west=west, isolated=isolated, panic=panic)


def stand_on(
    player: StoryboardPlayer,
    before: dict[str, float],
    *,
    west: RegionHealth = WELL,
    isolated: str | None = None,
    panic: bool = False,
) -> dict[str, RegionEligibility]:
    """The same on a player where something has happened."""
    player._settle()
    health = {WEST: west, CENTRAL: WELL, EAST: WELL}
    player.memory = remembers(begun=True, panic=player.now if panic else None)
    snapshot, shares = player.snapshot(), {"world": before}
    healthy = eligibility_by_health(snapshot, "shop", health, shares, isolated=isolated, kept=())
    figures = believed_figures(snapshot, "shop", health)
    return dict(with_orders(snapshot, "shop", figures, healthy, shares)["world"])


@pytest.mark.parametrize(
    ("health", "permission", "cause", "hold"),
    [
        (WELL, Permission.IN, "serving", None),
        (SUSPECT, Permission.IN, "serving", Hold.WITHIN_HYSTERESIS),
        (DEAD, Permission.OUT, "region_down", None),
        (UNKNOWN, Permission.KEEP, "unknown_health", Hold.UNKNOWN_HEALTH),
    ],
    ids=["well", "suspect", "dead", "unknown"],
)
def test_each_verdict_gives_an_eligibility(
    health: RegionHealth, permission: Permission, cause: str, hold: Hold | None
) -> None:
    """Unknown is neither in nor out."""
    found = stand(west=health)[WEST]

    assert (found.permission, found.cause) == (permission, cause)
    assert [held.reason for held in found.held] == ([hold] if hold else [])


@pytest.mark.parametrize(
    ("health", "permission", "hold"),
    [
        (WELL, Permission.IN, None),
        (DEAD, Permission.KEEP, Hold.PANIC),
        (DEAD_TWICE, Permission.OUT, None),
        (UNKNOWN, Permission.KEEP, Hold.UNKNOWN_HEALTH),
    ],
    ids=["well", "dead", "dead for two", "unknown"],
)
def test_in_a_panic_a_second_source_is_needed(
    health: RegionHealth, permission: Permission, hold: Hold | None
) -> None:
    """One vantage point alone is not believed then."""
    found = stand(west=health, panic=True)[WEST]

    assert found.permission is permission
    assert [held.reason for held in found.held] == ([hold] if hold else [])


def test_isolation_keeps_regions_of_unknown_health_with_its_reason() -> None:
    """The reason is ours, not the region's."""
    found = stand(west=UNKNOWN, isolated="2 of 3 known-good reference targets fail too")[WEST]

    assert found.permission is Permission.KEEP
    (held,) = found.held
    assert (held.reason, held.detail) == (
        Hold.SELF_ISOLATED,
        "2 of 3 known-good reference targets fail too",
    )


@pytest.mark.parametrize("health", [WELL, DEAD, UNKNOWN], ids=["well", "dead", "unknown"])
@pytest.mark.parametrize("panic", [True, False])
def test_a_failover_takes_the_region_out_whatever_its_health(
    health: RegionHealth, panic: bool
) -> None:
    """A person sees more than the prober."""
    found = stand(f"failover {WEST}", west=health, panic=panic)[WEST]

    assert (found.permission, found.cause, found.why) == (
        Permission.OUT,
        "failover",
        "failover by ann: INC-42",
    )


@pytest.mark.parametrize(
    ("health", "permission", "cause"),
    [
        (WELL, Permission.OUT, "drain"),
        (SUSPECT, Permission.OUT, "drain"),
        (UNKNOWN, Permission.OUT, "drain"),
        (DEAD, Permission.OUT, "region_down"),
    ],
    ids=["well", "suspect", "unknown", "dead"],
)
def test_a_drain_takes_the_region_out_if_it_is_not_out_already(
    health: RegionHealth, permission: Permission, cause: str
) -> None:
    """A region that is down left for another reason than the drain."""
    found = stand(f"drain {WEST}", west=health)[WEST]

    assert (found.permission, found.cause) == (permission, cause)


def test_a_refused_drain_leaves_the_region_as_it_was_with_the_reason() -> None:
    """The refusal stands beside the region."""
    found = stand("guards min_active_ratio=1.0", f"drain {WEST}")[WEST]

    assert (found.permission, found.cause) == (Permission.IN, "serving")
    assert [held.reason for held in found.held] == [Hold.MIN_ACTIVE]


def test_a_region_without_traffic_may_be_drained_despite_guards() -> None:
    """No user is affected, and it must not return."""
    found = stand(
        "guards min_active_ratio=1.0",
        f"drain {WEST}",
        before={WEST: 0.0, CENTRAL: 0.5, EAST: 0.5},
    )[WEST]

    assert (found.permission, found.cause) == (Permission.OUT, "drain")


def test_naming_one_guard_leaves_the_others_active() -> None:
    """Who overrides the number of regions has not overridden their capacity."""
    commands = [
        "guards min_active_ratio=1.0",
        *(f"region {region} capacity=40" for region in (WEST, CENTRAL, EAST)),
    ]
    alone = stand(*commands, f"drain {WEST} ignoring min_active")[WEST]
    other = stand(*commands, f"drain {WEST} ignoring capacity")[WEST]
    both = stand(*commands, f"drain {WEST} ignoring min_active capacity")[WEST]

    assert [held.reason for held in alone.held] == [Hold.CAPACITY]
    assert [held.reason for held in other.held] == [Hold.MIN_ACTIVE]
    assert (both.permission, both.held) == (Permission.OUT, ())


def test_a_region_with_a_missing_weighted_record_is_out() -> None:
    """The daemon never creates records, so it cannot get a share."""
    found = stand(west=UNKNOWN, before={CENTRAL: 0.5, EAST: 0.5})[WEST]

    assert (found.permission, found.cause) == (Permission.OUT, "missing")


@pytest.mark.parametrize(
    ("service", "pool", "cause"),
    [
        (None, None, "drain"),
        ("shop", None, "drain"),
        ("shop", "world", "drain"),
        ("shop", "other", "serving"),
        ("other", None, "serving"),
    ],
)
def test_an_order_binds_where_it_was_given(
    service: str | None, pool: str | None, cause: str
) -> None:
    """Everywhere, one service, or one pool of it."""
    player = StoryboardPlayer()
    player.now = 1_000.0
    for command in (f"pool world {WEST} {CENTRAL} {EAST}", f"drain {WEST}"):
        player.play(command)
    player.overrides = [replace(player.overrides[0], service=service, pool=pool)]

    assert stand_on(player, EVEN)[WEST].cause == cause
