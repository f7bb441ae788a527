"""What must hold of every decision, whatever goes in."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.model.decision import Decision, Snapshot
from controller.model.levers import Position, Setting
from controller.model.overrides import OverrideKind
from controller.planning.decision import decide
from controller.planning.diff import weights
from controller.planning.shares import SAME, normalised
from tests.storyboards.stage import Stage

REGIONS = ("us-east-1", "us-west-2", "eu-west-1", "eu-central-1")


@st.composite
def stages(draw: st.DrawFn, letters: str = "UDS?") -> Stage:
    """A service with two pools, any health, any weights, any orders."""
    stage = Stage()
    stage.now = 1_000.0
    points = draw(st.sampled_from([("here",), ("here", "there", "yonder")]))
    stage.play("vantage " + " ".join(points))
    accelerated = draw(st.booleans())
    for pool in ("world",) if accelerated else ("world", "europe"):
        regions = draw(st.lists(st.sampled_from(REGIONS), min_size=1, unique=True))
        demand = draw(st.integers(0, 500))
        kind = "accelerator" if accelerated else ""
        stage.play(f"pool {pool} {' '.join(regions)} demand={demand} {kind}")
    for region in stage.regions:
        capacity, share = draw(st.integers(1, 400)), draw(st.integers(0, 3))
        stage.play(f"region {region} capacity={capacity} share={share}")
    ensure_positive_shares(stage)
    stage.play(f"start {draw(st.sampled_from([0, 1_000]))}")
    for region in stage.regions:
        row = "".join(draw(st.sampled_from(letters)) for _ in points)
        stage.play(f"see {region}={row}")
        order = draw(st.sampled_from(["", "", "", "drain", "failover"]))
        if order:
            stage.play(f"{order} {region}")
    if draw(st.booleans()):
        stage.play("canaries " + "".join(draw(st.sampled_from("UD")) for _ in range(3)))
    for position in positions(stage):
        dial = draw(st.sampled_from([0.0, 25.0, 100.0])) if accelerated else None
        stage.observed[position] = Setting(draw(st.integers(0, 255)), dial)
    for position in positions(stage):
        if draw(st.integers(0, 5)) == 5:
            stage.play(f"lose {position.pool} {position.region}")
    return stage


def ensure_positive_shares(stage: Stage) -> None:
    """Configurations whose pool has no share at all are refused by the loader."""
    for region in stage.regions.values():
        region["share"] = max(1.0, float(region["share"]))


def positions(stage: Stage) -> list[Position]:
    return [
        Position("shop", pool, region)
        for pool, noun in stage.pools.items()
        for region in noun["regions"]
    ]


def decided(stage: Stage) -> tuple[Snapshot, Decision]:
    stage._settle()
    snapshot = stage.snapshot()
    return snapshot, decide(snapshot)


def applied(snapshot: Snapshot, decision: Decision) -> Snapshot:
    """The same moment, after a perfect AWS carried the decision out."""
    observed = snapshot.observed["shop"]
    settings_ = {**observed.settings, **{c.position: c.after for c in decision.changes}}
    expected = {**snapshot.expected, **{c.position: (c.after,) for c in decision.changes}}
    return replace(
        snapshot,
        observed={"shop": replace(observed, settings=settings_)},
        expected=expected,
        memory=decision.memory,
    )


@given(stages())
@settings(max_examples=200, deadline=None)
def test_no_decision_leaves_a_pool_without_a_serving_region(stage: Stage) -> None:
    """Weights that are all zero mean equal shares to Route 53: never written."""
    snapshot, decision = decided(stage)
    after = applied(snapshot, decision).observed["shop"].settings

    for plan in decision.plans:
        if plan.changes:
            assert any(
                setting.weight > 0 and setting.dial != 0
                for position, setting in after.items()
                if position.pool == plan.pool
            )


@given(stages())
@settings(max_examples=200, deadline=None)
def test_shares_of_a_weighted_pool_add_up(stage: Stage) -> None:
    """Nobody is lost, nobody counted twice, nothing is negative."""
    _, decision = decided(stage)

    for plan in decision.plans:
        for shares in (plan.before, plan.desired, plan.after):
            assert all(share >= 0 for share in shares.values())
            if shares and not stage.accelerator:
                assert abs(sum(shares.values()) - 1) < 1e-6


@given(stages())
@settings(max_examples=200, deadline=None)
def test_deciding_again_after_applying_changes_nothing_more_than_the_ramp(stage: Stage) -> None:
    """A plan that is carried out has nothing left to do.

    Except a step that is due at once, and a drain that waited for others to serve.
    """
    snapshot, first = decided(stage)
    second = decide(applied(snapshot, first))
    waiting = ("ramp_step", "min_active", "capacity")
    limited = {p.pool for p in first.plans if any(h.reason in waiting for h in p.held)}

    for plan in second.plans:
        if plan.pool not in limited and first.changes:
            assert plan.changes == ()


@given(stages())
@settings(max_examples=200, deadline=None)
def test_the_order_of_what_is_known_does_not_matter(stage: Stage) -> None:
    """Mappings are compared by key, so arrival order cannot decide."""
    snapshot, decision = decided(stage)
    backwards = replace(
        snapshot,
        health={v: dict(reversed(h.items())) for v, h in reversed(snapshot.health.items())},
        observed={
            "shop": replace(
                snapshot.observed["shop"],
                settings=dict(reversed(snapshot.observed["shop"].settings.items())),
            )
        },
    )

    assert set(decide(backwards).changes) == set(decision.changes)


@given(stages(letters="?"))
@settings(max_examples=100, deadline=None)
def test_unknown_health_moves_nothing_but_what_a_person_orders(stage: Stage) -> None:
    """Fail static: a daemon that knows nothing changes nothing by itself."""
    _, decision = decided(stage)
    ordered = {o.region for o in stage.overrides if o.kind is not OverrideKind.FREEZE}

    for plan in decision.plans:
        if plan.changes:
            assert any(plan.before[r] > 0 and plan.after[r] == 0 for r in ordered & set(plan.after))


@given(
    st.dictionaries(st.sampled_from(REGIONS), st.integers(0, 255), min_size=1),
    st.data(),
)
@settings(max_examples=200, deadline=None)
def test_weights_express_their_shares(before: dict[str, int], data: st.DataObject) -> None:
    """Every share is within half a point or n/255, and none becomes zero by rounding."""
    shares = normalised({r: data.draw(st.floats(0, 1)) for r in before})
    if not shares:
        return
    found = weights({r: Setting(w) for r, w in before.items()}, shares)
    total = sum(found.values())

    assert all(0 <= weight <= 255 for weight in found.values())
    assert all((found[r] == 0) == (shares[r] == 0) for r in shares)
    error = max(abs(found[r] / total - shares[r]) for r in shares)
    assert error < max(SAME, len(shares) / 255)
