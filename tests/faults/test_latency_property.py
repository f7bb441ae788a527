"""Any latency costs its time, nothing else: random calls, readings, manual edits and policies.

Whatever calls of 0.1 to 4.9 s meet (pages that fail or are small, replies that are lost, listings
of endpoint groups that lag), nobody is accused who did nothing, nothing is refused without a cause,
and a manual edit is found. Everything is simulated; a seed decides when each call is carried out.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from random import Random

import looptime
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from controller.model.configuration import Settings
from controller.model.decision import Hold
from controller.model.levers import OutcomeStatus
from tests.faults.slow_aws import Slow, Trouble, slowly
from tests.faults.steered import EUROPE, REGIONS, until
from tests.faults.test_own_writes import both

_READ_S = 60.0
"""So long after that the slowest listing has been read."""
POOLS = [("shop", "europe"), ("shop", "world"), ("api", "world")]
_DOWN_S = 40.0
"""How long a region is dead, at least."""
_SETTLED_S = 200.0
"""Everything is as it was so long after its return: holds, lags and the ramp's steps are over."""


@dataclass(frozen=True, slots=True)
class Edit:
    """An operator gives a region's records of a pool another weight, or its group another dial."""

    at_s: float
    service: str
    pool: str
    region: str
    weight: int
    """Or dial, of the accelerator."""

    @property
    def place(self) -> str:
        """As drift names it."""
        return f"{self.service}/{self.pool}/{self.region}"


@dataclass(frozen=True, slots=True)
class Life:
    """What happens; seconds count from when the daemon is ready."""

    seed: int
    policy: str
    fastest_s: float
    slowest_s: float
    page_items: int | None
    fails_from_s: float
    fails_for_s: float
    lost_replies: int
    stale_s: float
    dead: str
    edit: Edit | None

    @property
    def edited_pool(self) -> tuple[str, str]:
        """Service and pool that the edit concerns; empty for none."""
        return (self.edit.service, self.edit.pool) if self.edit else ("", "")


@st.composite
def edits(draw: st.DrawFn) -> Edit:
    """Weights that no plan of ours comes to."""
    service, pool = draw(st.sampled_from(POOLS))
    region = draw(st.sampled_from(EUROPE if pool == "europe" else REGIONS))
    weight = draw(st.sampled_from([7, 201] if service == "shop" else [7, 60]))
    return Edit(draw(st.floats(0, 60)), service, pool, region, weight)


LIVES = st.builds(
    Life,
    seed=st.integers(0, 2**32),
    policy=st.sampled_from(["hold", "enforce", "adopt"]),
    fastest_s=st.floats(0.1, 1),
    slowest_s=st.floats(1, 4.9),
    page_items=st.sampled_from([None, 7, 25]),
    fails_from_s=st.floats(0, 20),
    fails_for_s=st.sampled_from([0.0, 5.0, 30.0]),
    lost_replies=st.integers(0, 2),
    stale_s=st.sampled_from([0.0, 8.0, 50.0]),
    dead=st.sampled_from(REGIONS),
    edit=st.none() | edits(),
)


def at_production_pace(policy: str) -> Settings:
    """Fewer cycles and probes than the faults' other tests need: what is slow here is AWS."""
    cycle = {"period_s": 5, "min_gap_s": 0.1, "observed_max_age_s": 5, "insync_poll_s": 5}
    probing = {"interval_s": 1, "deadline_s": 0.5, "confirm_gaps_s": [0.05]}
    return both(policy, hold_s=20, cycle=cycle, probing=probing)


async def play(life: Life) -> None:
    """Play a life, and look at everything that was said and done."""
    random, trouble = Random(life.seed), Trouble()
    trouble.takes_s = lambda: random.uniform(life.fastest_s, life.slowest_s)
    trouble.part = random.random
    async with slowly(at_production_pace(life.policy), trouble) as slow:
        trouble.page_items, trouble.stale_s = life.page_items, life.stale_s
        async with asyncio.TaskGroup() as group:
            group.create_task(_region_dies(slow, life))
            group.create_task(_replies_and_pages_fail(trouble, life))
            group.create_task(_operator_edits(slow, life))
        trouble.stale_s = 0.0
        await until(lambda: _is_settled(slow, life), f"settled: {life}", within_s=_SETTLED_S)
        await asyncio.sleep(_READ_S)
        assert _is_settled(slow, life)
        await _look_at_what_was_said(slow, life)
        await _look_at_what_was_written(slow, life)


async def _region_dies(slow: Slow, life: Life) -> None:
    slow.kill(life.dead)
    await until(lambda: _is_out(slow, life.dead), "the dead region is out", within_s=60)
    await asyncio.sleep(_DOWN_S)
    slow.heal(life.dead)


async def _replies_and_pages_fail(trouble: Trouble, life: Life) -> None:
    trouble.lose_replies = life.lost_replies
    await asyncio.sleep(life.fails_from_s)
    trouble.fail_pages = True
    await asyncio.sleep(life.fails_for_s)
    trouble.fail_pages = False


async def _operator_edits(slow: Slow, life: Life) -> None:
    if life.edit is None:
        return
    await asyncio.sleep(life.edit.at_s)
    if life.edit.service == "shop":
        slow.edit(life.edit.pool, life.edit.region, life.edit.weight)
    else:
        slow.edit_dial(life.edit.region, life.edit.weight)


def _is_out(slow: Slow, region: str) -> bool:
    pools = [slow.weights(pool) for pool in ("europe", "world")]
    return slow.dials()[region] == 0 and not any(pool.get(region) for pool in pools)


def _is_settled(slow: Slow, life: Life) -> bool:
    """Everything has its configured share; with `adopt` the edited pool may keep the edit."""
    pools = set(POOLS) - ({life.edited_pool} if life.policy == "adopt" else set())
    shown = [set(slow.weights(pool).values()) for service, pool in pools if service == "shop"]
    is_even = all(len(weights) == 1 and weights.isdisjoint({0, None}) for weights in shown)
    return is_even and (("api", "world") not in pools or set(slow.dials().values()) == {100})


async def _look_at_what_was_said(slow: Slow, life: Life) -> None:
    records = await slow.records()
    drift = {text for one in records for text in one.trigger if text.startswith("drift: ")}
    held = [(p, h) for one in records for p in one.plans for h in p.held]
    accused = {text.removeprefix("drift: ").partition(":")[0] for text in drift}

    # Of an accelerator our own write, which compares nothing, may overwrite an edit unseen.
    is_found = life.edit is not None and (life.edit.service == "shop" or bool(accused))
    assert accused == ({life.edit.place} if life.edit and is_found else set()), drift
    assert [h.detail for _, h in held if h.reason is Hold.CONTESTED] == []
    assert {(plan.service, plan.pool) for plan, hold in held if hold.reason is Hold.DRIFT} <= {
        life.edited_pool
    }


async def _look_at_what_was_written(slow: Slow, life: Life) -> None:
    """A refusal has a cause: the records that were edited, or a write whose reply was lost while
    listings fail, or take longer than such a write can wait for them."""
    is_unread = life.fails_for_s > 0 or life.page_items is not None
    for refused in await slow.written(OutcomeStatus.REFUSED):
        pools = {(change.position.service, change.position.pool) for change in refused.changes}
        assert refused.lever == "route53", refused
        assert life.edited_pool in pools or (life.lost_replies and is_unread), refused


# Without making a failing life simpler, which takes minutes: the life names everything.
@settings(parent=settings(), max_examples=settings().max_examples // 16, phases=[Phase.generate])
@given(LIVES)
def test_any_latency_costs_its_time_and_nothing_else(life: Life) -> None:
    """For a region that dies and returns while AWS is slow and somebody edits a record."""
    loop = looptime.new_event_loop(start=0, idle_timeout=None, noop_cycles=0)
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(play(life))
