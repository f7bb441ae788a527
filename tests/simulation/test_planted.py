"""Faults planted in the daemon are caught: the net has no hole where these are.

Each is a plausible mistake in one function of production code. The same seeds and faults without
it are no violation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta

import pytest

from controller.adapters.aws import route53
from controller.adapters.aws.record_sets import request_of
from controller.adapters.sqlite.store import SqliteStore
from controller.loops.levers.expectations import Expectations
from controller.loops.overrides import Overrides
from controller.model.decision import DecisionRecord
from controller.model.errors import StateUnavailableError
from controller.model.levers import Change, WeightChange
from controller.model.overrides import Override, OverrideRequest
from controller.planning.account.evidence import Evidence
from controller.planning.guards import panic
from tests.simulation.runs import Outcome, run
from tests.simulation.simulation import Plan

Planter = Callable[[pytest.MonkeyPatch], None]


def no_intent(patch: pytest.MonkeyPatch) -> None:
    """Nothing is remembered before a write is sent."""

    async def intend(
        self: Expectations, changes: Iterable[Change], *, emergency: bool = False
    ) -> None: ...

    patch.setattr(Expectations, "record_intent", intend)


def overwriting(patch: pytest.MonkeyPatch) -> None:
    """UPSERT in the place of DELETE as read and CREATE: the last write wins."""

    def swap(change: WeightChange) -> tuple[dict[str, object], ...]:
        new = request_of(replace(change.record, weight=change.weight))
        return ({"Action": "UPSERT", "ResourceRecordSet": new},)

    patch.setattr(route53, "_swap", swap)


def acknowledged_too_early(patch: pytest.MonkeyPatch) -> None:
    """An order is obeyed and acknowledged, and never stored."""

    async def add(self: Overrides, request: OverrideRequest) -> Override:
        self.check(request)
        wall = self._clock.wall()
        override = Override(
            id=max(self._held, default=0) + 1,
            kind=request.kind,
            region=request.region,
            service=request.service,
            author=request.author,
            reason=request.reason,
            created_at=wall,
            expires_at=wall + timedelta(seconds=request.ttl_s),
            share=request.share,
        )
        self._held[override.id] = (override, self._clock.monotonic() + request.ttl_s)
        self._wakeup.notify()
        return override

    patch.setattr(Overrides, "add", add)


def no_panic(patch: pytest.MonkeyPatch) -> None:
    """However many regions fail at once, each is drained."""
    patch.setattr(panic, "panic_at", lambda *_: None)


def record_forgotten(patch: pytest.MonkeyPatch) -> None:
    """The store answers as if it had kept a record for which there was no room."""
    kept = SqliteStore.add_record

    async def add_record(
        self: SqliteStore, record: DecisionRecord, evidence: Evidence | None = None
    ) -> DecisionRecord:
        try:
            return await kept(self, record, evidence)
        except StateUnavailableError:
            return replace(record, id=1_000_000)

    patch.setattr(SqliteStore, "add_record", add_record)


CASES: dict[Planter, tuple[str, tuple[str, ...]]] = {
    no_intent: ("F9", ("region", "region", "lost_answers")),
    overwriting: ("F1", ("region", "region", "late_writes", "late_writes", "order")),
    acknowledged_too_early: ("F7", ("order", "crash")),
    no_panic: ("F11", ("all_regions",)),
    record_forgotten: ("F12", ("full_disk", "full_disk", "region", "order")),
}
"""Planted fault to the oracle that catches it, and the kinds of faults under which it does."""
SEEDS = (0, 1, 2, 3)


@pytest.mark.parametrize("plant", CASES, ids=[plant.__name__ for plant in CASES])
def test_a_planted_fault_is_caught(plant: Planter, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its oracle, within four seeds; none of them is violated without it."""
    oracle, kinds = CASES[plant]
    plans = [Plan(seed, 300.0, 240.0, 20.0, kinds=kinds) for seed in SEEDS]
    with monkeypatch.context() as patch:
        plant(patch)
        caught = first_violated(plans)
    sound = run(caught.plan)

    assert caught.oracle == oracle, str(caught)
    assert sound.violation is None, str(sound)


def first_violated(plans: Iterable[Plan]) -> Outcome:
    """What came of the first plan in which something was violated."""
    for plan in plans:
        outcome = run(plan)
        if outcome.violation:
            return outcome
    pytest.fail("the planted fault survived every seed")
