"""What must hold of every decision, whatever goes in; `make properties` tries 10,000 of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from controller.model.decision import GUARD_HOLDS, Decision, Hold, Snapshot
from controller.model.figures import Figure, Figures
from controller.model.health import Verdict
from controller.model.levers import LeverState, Position
from controller.planning.decision import decide
from controller.planning.guards.blast_radius import recently_drained_regions
from controller.planning.levers.weights import weights_for_shares
from controller.planning.memory import with_services
from controller.planning.shares import SHARE_TOLERANCE, is_same_split, normalised
from tests.planning.memories import MEMORIES, NOW, REGION, REGIONS, TIMES, WEIGHTS
from tests.planning.remembering import remembers
from tests.storyboards.player import StoryboardPlayer

K = TypeVar("K")
V = TypeVar("V")


@st.composite
def players(
    draw: st.DrawFn,
    letters: str = "UUUDS?",
    orders: tuple[str, ...] = ("", "", "", "drain", "failover", "pin"),
    levers: tuple[str, ...] = ("", "accelerator"),
    *,
    may_be_blind: bool = True,
    reported: bool = True,
    past: bool = True,
) -> StoryboardPlayer:
    """A service with up to two pools, any health, any weights, any orders."""
    player = StoryboardPlayer()
    player.now = NOW
    points = draw(st.sampled_from([("here",), ("here", "there", "yonder")]))
    player.play("vantage " + " ".join(points))
    draw_service(draw, player, draw(st.sampled_from(levers)))
    player.play(f"start {draw(st.sampled_from([0, 1_000]))}")
    for region in player.regions:
        seen = draw(st.sampled_from(letters)) * len(points)
        if draw(st.booleans()):
            seen = "".join(draw(st.sampled_from(letters)) for _ in points)
        player.play(f"see {region}={seen}")
        if reported and draw(st.booleans()):
            player.play(f"route53 {region}={draw(st.sampled_from('UD?'))}")
        order = draw(st.sampled_from(orders))
        if order:
            share = f" {draw(st.integers(1, 100))}" if order == "pin" else ""
            guard = draw(st.sampled_from(["", "", *GUARD_HOLDS]))
            player.play(f"{order} {region}{share}{f' ignoring {guard}' if guard else ''}")
    if may_be_blind and draw(st.booleans()):
        player.play("known-good " + "".join(draw(st.sampled_from("UD")) for _ in range(3)))
    draw_levers(draw, player)
    if reported:
        draw_evidence(draw, player)
    if past:
        draw_past(draw, player)
    return player


@st.composite
def returns(draw: st.DrawFn) -> StoryboardPlayer:
    """A region on its way back beside warm ones, of which one may fail or be ordered out now."""
    player = StoryboardPlayer()
    player.now = NOW
    near = draw(st.booleans())
    demand = draw(st.integers(1, 500))
    places = [f"{region}:{draw(st.integers(1, 300))}" if near else region for region in REGIONS]
    player.play(f"pool world {' '.join(places)} demand={demand}")
    for region in REGIONS:
        player.play(f"region {region} capacity={draw(st.integers(50, 400))}")
    player.play("known-good UUU")
    back, leaves, *_ = REGIONS
    player.play(draw(st.sampled_from(["", f"see {leaves}=D", f"drain {leaves}"])) or "wait 0")
    for region in REGIONS:
        weight = draw(st.integers(0, 80) if region == back else st.integers(1, 255))
        player.observed[Position("shop", "world", region)] = LeverState(weight)
    if draw(st.booleans()):
        player.play(f"users world {' '.join(map(draw, map(users_of, REGIONS)))}")
    spot = Position("shop", "world", back)
    raised = draw(st.integers(0, 60))
    player.memory = remembers(
        begun=True, warming_up=frozenset({spot}), last_rise={spot: NOW - raised}, learned_at=NOW
    )
    return player


@st.composite
def outages(draw: st.DrawFn) -> StoryboardPlayer:
    """Regions with traffic of which some have failed, a few not for the first time."""
    player = StoryboardPlayer()
    player.now = NOW
    player.play(f"pool world {' '.join(REGIONS)}")
    player.play("known-good UUU")
    for region in REGIONS:
        player.play(f"see {region}={draw(st.sampled_from('UD'))}")
        player.observed[Position("shop", "world", region)] = LeverState(draw(st.integers(1, 255)))
    drains = draw(st.dictionaries(REGION, TIMES, max_size=3))
    player.memory = remembers(begun=True, drains=drains)
    return player


def draw_service(draw: st.DrawFn, player: StoryboardPlayer, lever: str) -> None:
    """Pools near or by share, regions of any size and price, some of unknown capacity."""
    for pool in ("world",) if lever else ("world", "europe"):
        regions = draw(st.lists(st.sampled_from(REGIONS), min_size=1, unique=True))
        near = not lever and draw(st.booleans())
        places = [f"{r}:{draw(st.integers(1, 300))}" if near else r for r in regions]
        player.play(f"pool {pool} {' '.join(places)} demand={draw(st.integers(0, 500))} {lever}")
    for region in player.regions:
        capacity = draw(st.one_of(st.integers(1, 400), st.just("unknown")))
        share, price = draw(st.integers(0, 3)), draw(st.sampled_from([0.02, 0.09, 0.12]))
        player.play(f"region {region} capacity={capacity} share={share} price={price}")
    ensure_positive_shares(player)


def draw_levers(draw: st.DrawFn, player: StoryboardPlayer) -> None:
    """What AWS has: any weights and dials, some leaves missing."""
    for position in positions(player):
        dial = draw(st.sampled_from([0.0, 25.0, 100.0])) if player.accelerator else None
        player.observed[position] = LeverState(draw(WEIGHTS), dial)
    for position in positions(player):
        if draw(st.integers(0, 5)) == 5:
            player.play(f"lose {position.pool} {position.region}")


def draw_evidence(draw: st.DrawFn, player: StoryboardPlayer) -> None:
    """What users report, and how badly regions answer."""
    for pool, noun in player.pools.items():
        if draw(st.booleans()):
            player.play(f"users {pool} {' '.join(map(draw, map(users_of, noun['regions'])))}")
    for region in player.regions:
        if draw(st.booleans()):
            player.play(f"gray {region}={draw(st.integers(0, 6) | st.integers(0, 100))}")


def draw_past(draw: st.DrawFn, player: StoryboardPlayer) -> None:
    """What happened before: hand edits, half-applied writes, leaks, failures, steps, a panic."""
    player._settle()
    places = positions(player)
    present = sorted(player.observed.keys() & set(places))
    for position in present:
        if draw(st.integers(0, 3)) == 3:
            dial = 50.0 if player.accelerator else None
            player.expected[position] = (LeverState(draw(st.integers(0, 255)), dial),)
    if bool(present) and draw(st.booleans()):
        player.unequal = draw(st.frozensets(st.sampled_from(present)))
    for pool in player.pools:
        if draw(st.integers(0, 7)) == 7:
            player.play(f"stray {pool} ap-south-1")
    player.memory = draw(MEMORIES)


def users_of(region: str) -> st.SearchStrategy[str]:
    """Requests and errors of a region's users, as the player takes them."""
    return st.integers(1, 500).flatmap(
        lambda requests: (st.just(0) | st.integers(0, requests)).map(
            lambda errors: f"{region}:{requests}/{errors}"
        )
    )


def ensure_positive_shares(player: StoryboardPlayer) -> None:
    """Configurations whose pool has no share at all are refused by the loader."""
    for region in player.regions.values():
        region["share"] = max(1.0, float(region["share"]))


def turned_round(table: Mapping[K, V]) -> dict[K, V]:
    """The same in the opposite order."""
    return dict(reversed(list(table.items())))


def positions(player: StoryboardPlayer) -> list[Position]:
    return [
        Position("shop", pool, region)
        for pool, noun in player.pools.items()
        for region in noun["regions"]
    ]


def decided(player: StoryboardPlayer) -> tuple[Snapshot, Decision]:
    player._settle()
    snapshot = player.snapshot()
    return snapshot, decide(snapshot)


def applied(snapshot: Snapshot, decision: Decision) -> Snapshot:
    """The same moment, after a perfect AWS carried the decision out."""
    observed = snapshot.observed["shop"]
    settings_ = {**observed.settings, **{c.position: c.after for c in decision.changes}}
    expected = {**snapshot.expected, **{c.position: (c.after,) for c in decision.changes}}
    return replace(
        snapshot,
        observed={
            "shop": replace(
                observed,
                settings=settings_,
                unequal=observed.unequal - {change.position for change in decision.changes},
            )
        },
        expected=expected,
        memory=decision.memory,
    )


@given(players())
def test_every_service_can_be_decided_about(player: StoryboardPlayer) -> None:
    """Whatever was remembered: a mistake of ours would be held as undecided, and not be seen."""
    assert not decide(player.snapshot()).undecided


@given(players() | returns())
def test_no_decision_leaves_a_pool_without_a_serving_region(player: StoryboardPlayer) -> None:
    """Weights that are all zero mean equal shares to Route 53: never written."""
    snapshot, decision = decided(player)
    after = applied(snapshot, decision).observed["shop"].settings

    for plan in decision.plans:
        if plan.changes:
            assert any(
                setting.weight > 0 and setting.dial != 0
                for position, setting in after.items()
                if position.pool == plan.pool
            )


@st.composite
def pinned_dials(draw: st.DrawFn) -> StoryboardPlayer:
    """Behind an accelerator: regions pinned low and coming back, with the others ordered out."""
    player = StoryboardPlayer()
    player.now = NOW
    player.play(f"pool world {' '.join(REGIONS[:3])} demand=10 accelerator")
    player.play("known-good UUU")
    player._settle()
    warming_up = draw(st.frozensets(st.sampled_from(REGIONS[:3]), min_size=1))
    for region in REGIONS[:3]:
        player.observed[Position("shop", "world", region)] = LeverState(
            128, float(draw(st.integers(0, 100)))
        )
        order = draw(st.sampled_from([f"pin {region} {draw(st.integers(1, 60))}", "failover", ""]))
        if order:
            player.play(f"{order if ' ' in order else f'{order} {region}'} ignoring min_active")
    player.play(f"users world {' '.join(draw(users_of(region)) for region in REGIONS[:3])}")
    player.memory = remembers(
        begun=True,
        warming_up=frozenset(Position("shop", "world", r) for r in warming_up),
        learned_at=NOW,
    )
    return player


@given(players() | returns() | pinned_dials())
def test_no_plan_closes_whatever_is_open(player: StoryboardPlayer) -> None:
    """The last check before sending has nothing to refuse."""
    _, decision = decided(player)

    for plan in decision.plans:
        assert any(plan.after.values()) or not any(plan.before.values())


@given(players() | returns())
def test_shares_of_a_weighted_pool_add_up(player: StoryboardPlayer) -> None:
    """No share is negative, and they add up to 1."""
    _, decision = decided(player)

    for plan in decision.plans:
        for shares in (plan.before, plan.desired, plan.after):
            assert all(share >= 0 for share in shares.values())
            if shares and not player.accelerator:
                assert abs(sum(shares.values()) - 1) < 1e-6


@given(players() | returns())
def test_deciding_again_after_applying_changes_nothing_more_than_the_ramp(
    player: StoryboardPlayer,
) -> None:
    """A plan that is carried out has nothing left to do.

    Except a step that is due at once, up or back, and a drain that waited for others to serve.
    """
    snapshot, first = decided(player)
    second = decide(applied(snapshot, first))
    waiting = ("ramp_step", "min_active", "capacity")
    limited = {p.pool for p in first.plans if any(h.reason in waiting for h in p.held)}

    for plan in second.plans:
        goes_back = any(rule.name == "back" for rule in plan.rules)
        if plan.pool not in limited and first.changes and not goes_back:
            assert plan.changes == ()


@given(players(reported=False))
@settings(parent=settings(), max_examples=settings().max_examples // 4)
def test_decisions_come_to_rest(player: StoryboardPlayer) -> None:
    """With nothing new to know, writing ends: after the ramps of twenty minutes nothing moves."""
    player._settle()
    for _ in range(40):
        player.play("wait 31")
        player.play("decide")

    for _ in range(5):
        player.play("wait 31")
        assert "\n  write" not in player.play("decide")


@given(players() | returns())
def test_the_order_of_what_is_known_does_not_matter(player: StoryboardPlayer) -> None:
    """Mappings are compared by key, so arrival order cannot decide."""
    snapshot, decision = decided(player)
    memory = snapshot.memory.of("shop")
    turned = replace(
        memory,
        drains=turned_round(memory.drains),
        drift_since=turned_round(memory.drift_since),
        flaps=turned_round(memory.flaps),
        nearest=turned_round(memory.nearest),
        adopted=turned_round(memory.adopted),
    )
    backwards = replace(
        snapshot,
        health={v: turned_round(h) for v, h in turned_round(snapshot.health).items()},
        known_good=turned_round(snapshot.known_good),
        known_bad=turned_round(snapshot.known_bad),
        overrides=snapshot.overrides[::-1],
        expected=turned_round(snapshot.expected),
        measured={p: turned_round(m) for p, m in turned_round(snapshot.measured).items()},
        opinions=turned_round(snapshot.opinions),
        memory=with_services(snapshot.memory, {"shop": turned}),
        observed={
            "shop": replace(
                snapshot.observed["shop"],
                settings=turned_round(snapshot.observed["shop"].settings),
            )
        },
    )

    assert set(decide(backwards).changes) == set(decision.changes)


@given(players(letters="?"))
def test_unknown_health_moves_nothing_but_what_a_person_orders(player: StoryboardPlayer) -> None:
    """Fail static: a daemon that knows nothing changes nothing by itself.

    What was half done is brought to an end: twins that differ are made alike, as they stand.
    """
    _, decision = decided(player)
    ordered = {o.region for o in player.overrides if o.region is not None}

    for plan in decision.plans:
        leaves = any(plan.before[r] > 0 and plan.after[r] == 0 for r in ordered & set(plan.after))
        if plan.changes and not leaves:
            assert {change.position for change in plan.changes} <= player.unequal
            assert plan.after == plan.before


@given(players())
def test_while_a_split_stays_only_what_is_half_written_is_written(
    player: StoryboardPlayer,
) -> None:
    """Whatever the lever, the health and the orders: no other position gets a canonical state."""
    _, decision = decided(player)

    for plan in decision.plans:
        if is_same_split(plan.before, plan.after):
            assert {change.position for change in plan.changes} <= player.unequal


@given(players(letters="UD??"))
def test_a_region_of_unknown_health_keeps_its_share(player: StoryboardPlayer) -> None:
    """Unless a person orders it out. Its pool is drained at most: nothing else loses traffic."""
    snapshot, decision = decided(player)
    ordered = {o.region for o in snapshot.overrides}

    for plan in decision.plans:
        seen = decision.regions["shop"]
        unknown = {r for r in plan.before if seen[r].verdict is Verdict.UNKNOWN} - ordered
        for region in plan.before if unknown else ():
            if region in unknown or (not player.accelerator and plan.after[region] > 0):
                assert plan.after[region] >= plan.before[region] - 1e-9


@given(
    st.dictionaries(st.sampled_from(REGIONS), st.integers(0, 255), min_size=1),
    st.data(),
)
def test_weights_express_their_shares(before: dict[str, int], data: st.DataObject) -> None:
    """Every share is within half a point or n/255, and none becomes zero by rounding."""
    shares = normalised({r: data.draw(st.floats(0, 1)) for r in before})
    if not shares:
        return
    found = weights_for_shares({r: LeverState(w) for r, w in before.items()}, shares)
    total = sum(found.values())

    assert all(0 <= weight <= 255 for weight in found.values())
    assert all((found[r] == 0) == (shares[r] == 0) for r in shares)
    error = max(abs(found[r] / total - shares[r]) for r in shares)
    assert error < max(SHARE_TOLERANCE, len(shares) / 255)


@given(players("UUUD", ("", "drain", "failover"), ("",), may_be_blind=False))
@settings(
    parent=settings(),
    max_examples=settings().max_examples // 4,
    suppress_health_check=[HealthCheck.filter_too_much],
)
def test_no_region_is_overloaded_unless_the_plan_says_so(player: StoryboardPlayer) -> None:
    """As far as placement is free: nothing pinned, nothing drained in vain, every capacity known.

    A split that hardly differs from the best is left alone, by two points.
    """
    snapshot, decision = decided(player)
    held = {h.reason for plan in decision.plans for h in plan.held}
    kept = {Hold.PANIC, Hold.UNKNOWN_HEALTH, Hold.SELF_ISOLATED, Hold.BLAST_RADIUS}
    assume(not held & {*kept, Hold.LAST_REGION})
    shop = snapshot.settings.services["shop"]
    assume(not any(plan.overload_rps for plan in decision.plans))

    for name, region in shop.regions.items():
        if region.capacity_rps is None:
            continue
        load = sum(
            plan.desired.get(name, 0.0) * shop.pools[plan.pool].demand_rps
            for plan in decision.plans
        )
        slack = 0.02 * sum(pool.demand_rps for pool in shop.pools.values())
        usable = decision.regions["shop"][name].usable
        assert load <= region.capacity_rps * usable + slack + 1e-6


@given(players("UUD", ("", "", "drain", "failover"), may_be_blind=False), st.data())
def test_one_more_up_never_lowers_that_regions_share(
    player: StoryboardPlayer, data: st.DataObject
) -> None:
    """Of the same moment, were one vantage point to say up instead of down.

    A plan that is held wants what is there, whatever would be better.
    """
    snapshot, before = decided(player)
    down = [
        (vantage, endpoint)
        for vantage, states in snapshot.health.items()
        for endpoint, state in states.items()
        if state.verdict is Verdict.DOWN
    ]
    assume(down)
    vantage, endpoint = data.draw(st.sampled_from(down))
    states = {**snapshot.health[vantage], endpoint: player._state("U", None)}
    after = decide(replace(snapshot, health={**snapshot.health, vantage: states}))
    assume(before.memory.of("shop").panic is None)
    assume(before.memory.isolated_since is after.memory.isolated_since is None)

    for old, new in zip(before.plans, after.plans, strict=True):
        if endpoint.region in old.desired and not (old.held or new.held):
            assert new.desired[endpoint.region] >= old.desired[endpoint.region] - 1e-9


@given(players())
def test_no_user_is_sent_to_an_unlawful_region(player: StoryboardPlayer) -> None:
    """A plan names no region but those of its pool, whatever is observed."""
    snapshot, decision = decided(player)

    for plan in decision.plans:
        lawful = set(snapshot.settings.services["shop"].pools[plan.pool].regions)
        assert set(plan.after) <= lawful
        assert {change.position.region for change in plan.changes} <= lawful


@given(players(), st.data())
def test_no_measured_figure_makes_deciding_fail(
    player: StoryboardPlayer, data: st.DataObject
) -> None:
    """Whatever was reported of whatever place, however old, a decision has sound shares."""
    player._settle()
    snapshot = player.snapshot()
    decision = decide(replace(snapshot, figures=data.draw(figures_of(player, st.floats(0, 1e6)))))

    for plan in decision.plans:
        for shares in (plan.desired, plan.after):
            assert all(0 <= share <= 1 + 1e-9 for share in shares.values())


@given(players(), st.data())
def test_figures_that_have_lost_their_influence_change_nothing(
    player: StoryboardPlayer, data: st.DataObject
) -> None:
    """A source that fell silent long ago is no source: to the last digit."""
    snapshot, without = decided(player)
    half_life_s = snapshot.settings.placement.figures_half_life_s
    old = data.draw(figures_of(player, st.floats(1100 * half_life_s, 1e9)))

    assert decide(replace(snapshot, figures=old)) == without


def figures_of(
    player: StoryboardPlayer, ages_s: st.SearchStrategy[float]
) -> st.SearchStrategy[Figures]:
    """Reports within the API's bounds, of these ages, of every place and one that is gone."""
    places = [*positions(player), Position("shop", "gone", REGIONS[0])]
    pools = sorted({place[:2] for place in places})

    def figures(most: float) -> st.SearchStrategy[Figure]:
        values = st.one_of(st.just(0.0), st.just(most), st.floats(0, most))
        return st.builds(lambda value, age_s: Figure(value, player.now - age_s), values, ages_s)

    return st.builds(
        Figures,
        st.dictionaries(st.sampled_from(pools), figures(1e9)),
        st.dictionaries(st.sampled_from(places), figures(60_000)),
    )


@given(players("UDD") | outages(), st.integers(1, 3))
def test_no_more_regions_are_drained_by_themselves_than_may(
    player: StoryboardPlayer, most: int
) -> None:
    """In an hour, those of before included; unless an order named the guard."""
    player.play(f"guards auto_drains_per_h={most} panic_ratio=1")
    snapshot, decision = decided(player)
    named = any("blast_radius" in o.ignore_guards for o in snapshot.overrides)
    assume(not named)
    ordered = {o.region for o in snapshot.overrides}
    lately = recently_drained_regions(snapshot.memory, snapshot.now)
    left = {
        change.position.region
        for plan in decision.plans
        for change in plan.changes
        if plan.before[change.position.region] > 0 and plan.after[change.position.region] == 0
        if decision.regions["shop"][change.position.region].verdict is Verdict.DOWN
    }
    new = left - lately - ordered

    assert len(new) <= max(0, most - len(lately))


@given(players("UUUD", ("", "drain", "failover"), ("",), may_be_blind=False) | returns())
def test_while_traffic_must_leave_no_region_is_overloaded_by_ramp_steps(
    player: StoryboardPlayer,
) -> None:
    """What is written overloads no region, unless placement itself had to."""
    snapshot, decision = decided(player)
    assume(any(plan.emergency or plan.by_person for plan in decision.plans))
    assume(not any(held.reason is Hold.LAST_REGION for p in decision.plans for held in p.held))
    assume(all(not p.withheld for p in decision.plans))
    shop = snapshot.settings.services["shop"]

    for name, region in shop.regions.items():
        if region.capacity_rps is None:
            continue
        usable = region.capacity_rps * decision.regions["shop"][name].usable
        demand = [(plan, shop.pools[plan.pool].demand_rps) for plan in decision.plans]
        after = sum(plan.after.get(name, 0.0) * rps for plan, rps in demand)
        wanted = sum(plan.desired.get(name, 0.0) * rps for plan, rps in demand)
        assert after <= max(usable, wanted) * (1 + SHARE_TOLERANCE) + 1e-6


@given(players(), st.sampled_from(["freeze", "dry-run"]))
def test_nothing_is_written_while_a_person_stops_all_changes(
    player: StoryboardPlayer, word: str
) -> None:
    """Whatever happens, and whatever else was ordered."""
    player._settle()
    player.play(word)

    assert decide(player.snapshot()).changes == ()


@given(returns())
def test_a_region_on_its_way_back_gets_a_step_at_most(player: StoryboardPlayer) -> None:
    """More only where the others would be overloaded, less only where it fails its users."""
    _, decision = decided(player)
    (plan,) = decision.plans
    back, leaves, *_ = REGIONS
    urgent = plan.emergency or plan.by_person
    base = plan.before[back] / (1 - plan.before[leaves] if urgent else 1)
    why = {rule.name: rule.why for rule in plan.rules if rule.region == back}

    # A step that ends within the tolerance of the desired share goes all the way.
    goes_all_the_way = abs(plan.after[back] - plan.desired[back]) <= 1e-9
    allowed = SHARE_TOLERANCE if goes_all_the_way else 1e-9
    if plan.after[back] > max(base + 0.25, plan.before[back]) + allowed:
        assert urgent
        assert "no room" in why.get("step", "no room")
    if plan.desired[back] > base and plan.after[back] < base - 1e-9:
        assert why.keys() & {"back", "step"}
        assert "measured requests failed" in why.get("back", why.get("step", ""))
