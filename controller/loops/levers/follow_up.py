"""Follows the writes of a decision after AWS acknowledged them.

Route 53 is polled until the change is INSYNC, Global Accelerator until it is DEPLOYED. Then users'
reports are read until 95 % of the users of a drained region have left. Each step becomes an event
of the decision's timeline. Nothing here decides or writes.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog

from controller.loops.active_settings import ActiveSettings
from controller.loops.cycle.recording import Recording
from controller.loops.levers.lever_ports import SpreadChecks
from controller.loops.reports.traffic import TrafficReports
from controller.model.decision import DecisionRecord, PoolPlan, TimelineEvent, WriteResult
from controller.model.errors import ProviderRejectedError, ProviderUnavailableError
from controller.model.levers import OutcomeStatus
from controller.model.traffic import MeasuredShare
from controller.planning.levers.registry import lever_named, lever_of
from controller.planning.shares import SHARE_TOLERANCE, percent
from controller.ports import Clock

_log = structlog.get_logger("follow_up")
_GIVE_UP_S = 600.0
"""Route 53 promises most changes within 60 s; after ten minutes an operator should look."""
_LEFT = 0.05
"""Part of a drained region's traffic that may remain when its users count as gone."""
_WINDOW_S = 2.0
_BEFORE_S = 10.0
"""The window whose measured traffic is what a region had before it was drained."""
_MEASURE_EVERY_S = 0.5
_MAX_FOLLOWED = 50
"""Writes followed at the same time."""
_POLLED_AT_FULL_RATE = 4
"""Changes polled at the configured rate; more share it, so that steering keeps its AWS calls."""

PropagationObserver = Callable[[str, float], None]
"""Called with the lever and the seconds from acknowledgement until every server answers by it."""
Split = Mapping[tuple[str, str], Mapping[str, MeasuredShare]]


@dataclass(frozen=True, slots=True)
class _Followed:
    """One acknowledged write of a decision."""

    record: DecisionRecord
    written: WriteResult
    since: float
    """When it was acknowledged, monotonic seconds."""
    before: Split
    """The measured split at that time."""

    def plans(self) -> list[PoolPlan]:
        """The plans that this write carried out."""
        positions = {change.position for change in self.written.changes}
        plans = self.record.plans
        return [plan for plan in plans if any(c.position in positions for c in plan.changes)]


class FollowUp:
    """Follows acknowledged writes to their effect, several at once."""

    def __init__(
        self,
        active_settings: ActiveSettings,
        spread_checks: SpreadChecks,
        recording: Recording,
        traffic: TrafficReports,
        clock: Clock,
        observe: PropagationObserver,
    ) -> None:
        self._active_settings = active_settings
        self._spread_checks = spread_checks
        self._recording = recording
        self._traffic = traffic
        self._clock = clock
        self._observe = observe
        self._queue: asyncio.Queue[_Followed] = asyncio.Queue(_MAX_FOLLOWED)
        self._under_way = 0
        self._polling = 0
        self._spreading: Counter[str] = Counter()

    def follow(self, record: DecisionRecord) -> None:
        """Follow this record's writes; more than `_MAX_FOLLOWED` are logged and skipped."""
        since, before = self._clock.monotonic(), self._traffic.split(_BEFORE_S)
        for written in record.written:
            if written.outcome.status is not OutcomeStatus.APPLIED:
                continue
            if self._under_way >= _MAX_FOLLOWED:
                _log.warning("follow_up_skipped", decision_id=record.id, target=written.target)
                continue
            self._under_way += 1
            self._queue.put_nowait(_Followed(record, written, since, before))

    def is_spreading(self, target: str) -> bool:
        """Whether a write to this zone or accelerator has not reached every server yet."""
        return self._spreading[target] > 0

    async def run(self) -> None:
        """Follow until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                group.create_task(self._follow_alone(await self._queue.get()))

    async def _follow_alone(self, followed: _Followed) -> None:
        """Follow one write; a failure does not affect others."""
        try:
            await self._follow(followed)
        except Exception:
            target = followed.written.target
            _log.exception("follow_up_failed", decision_id=followed.record.id, target=target)

    async def _follow(self, followed: _Followed) -> None:
        record, written = followed.record, followed.written
        # For every log line of this task and its children: each task has its own context.
        structlog.contextvars.bind_contextvars(cycle=record.cycle, decision_id=record.id)
        name = lever_named(written.lever).propagated_word
        try:
            hindrance = await self._await_spread(followed)
            if hindrance is not None:
                _log.error(
                    "change_never_spread",
                    decision_id=record.id,
                    target=written.target,
                    why=hindrance,
                )
                await self._add_event(record, f"not_{name}", f"{written.target}: {hindrance}")
                return
            self._observe(written.lever, self._clock.monotonic() - followed.since)
            await self._add_event(record, name, f"{written.lever} {written.target}")
            async with asyncio.TaskGroup() as group:
                for plan in followed.plans():
                    group.create_task(self._measure(followed, plan))
        finally:
            self._under_way -= 1

    async def _await_spread(self, followed: _Followed) -> str | None:
        """Wait until the write has spread. None if it did; else why it did not, or is unknown."""
        self._polling += 1
        self._spreading[followed.written.target] += 1
        unanswered = False
        has_spread = self._spread_checks[lever_named(followed.written.lever).kind]
        try:
            while self._clock.monotonic() - followed.since < _GIVE_UP_S:
                await self._clock.sleep(self._poll_interval_s())
                try:
                    if await has_spread(followed.written):
                        return None
                except ProviderRejectedError as error:
                    return str(error)
                except ProviderUnavailableError as error:
                    if not unanswered:
                        target = followed.written.target
                        _log.info("follow_up_unanswered", target=target, error=str(error))
                    unanswered = True
        finally:
            self._polling -= 1
            self._spreading[followed.written.target] -= 1
        return f"not within {_GIVE_UP_S:g} s"

    def _poll_interval_s(self) -> float:
        return self._active_settings.settings.cycle.insync_poll_s * max(
            1.0, self._polling / _POLLED_AT_FULL_RATE
        )

    async def _measure(self, followed: _Followed, plan: PoolPlan) -> None:
        """Measure how users leave drained regions; of other moves, the split afterwards."""
        drained = [r for r in plan.before if plan.before[r] > 0 and plan.after[r] == 0]
        if not self._measured(plan, _BEFORE_S):
            await self._add_effect(followed, plan, "nobody reports measured traffic")
            return
        async with asyncio.TaskGroup() as group:
            for region in drained:
                group.create_task(self._await_departure(followed, plan, region))
        if not drained:
            await self._clock.sleep(self._ttl_s(plan.service) + _WINDOW_S)
            await self._add_effect(followed, plan, self._split_text(followed.written, plan))

    async def _await_departure(self, followed: _Followed, plan: PoolPlan, region: str) -> None:
        """Wait until 95 % of the users have left a region, or 60 s beyond the TTL."""
        since, wall = self._clock.monotonic(), self._clock.wall()
        within_s = self._ttl_s(plan.service) + 60.0
        before = followed.before.get((plan.service, plan.pool), {}).get(region)
        remaining = _LEFT * (before.share if before else plan.before[region])
        share: float | None = None
        while self._clock.monotonic() - since < within_s:
            share = self._traffic.share(plan.service, plan.pool, region, _WINDOW_S)
            if share is not None and share <= remaining:
                text = self._left_text(region, since, wall)
                await self._add_event(followed.record, "measured", f"{_pool_name(plan)}: {text}")
                await self._add_effect(followed, plan, text)
                return
            await self._clock.sleep(_MEASURE_EVERY_S)
        text = f"users still arrive in {region} {within_s:g} s later"
        if share is None:
            text = f"nobody reports any more whether users of {region} have left"
        await self._add_effect(followed, plan, text)

    def _left_text(self, region: str, since: float, wall: datetime) -> str:
        took_s = self._clock.monotonic() - since
        return f"95 % of the users of {region} had left {took_s:.1f} s after {wall:%H:%M:%S}"

    def _split_text(self, written: WriteResult, plan: PoolPlan) -> str:
        split = self._measured(plan, _WINDOW_S)
        if not split:
            return "nobody reports measured traffic any more"
        measured = {r: split[r].share if r in split else 0.0 for r in plan.after}
        moved = [r for r in plan.after if abs(plan.after[r] - plan.before[r]) >= SHARE_TOLERANCE]
        word = lever_named(written.lever).share_word
        shown = ", ".join(
            f"{r} {percent(measured[r])} ({word} {percent(plan.after[r])})" for r in moved
        )
        return f"measured {shown}"

    def _measured(self, plan: PoolPlan, window_s: float) -> Mapping[str, MeasuredShare]:
        """Region to its measured share of the pool; empty when no request was reported."""
        split = self._traffic.of_pool(plan.service, plan.pool, window_s)
        return split if any(seen.requests for seen in split.values()) else {}

    def _ttl_s(self, name: str) -> float:
        """The service's TTL; 0 if a reload removed the service meanwhile."""
        service = self._active_settings.settings.services.get(name)
        return lever_of(service).ttl_s(service) if service else 0.0

    async def _add_effect(self, followed: _Followed, plan: PoolPlan, text: str) -> None:
        await self._recording.add_effect(followed.record.id, f"{_pool_name(plan)}: {text}")

    async def _add_event(self, record: DecisionRecord, name: str, detail: str) -> None:
        await self._recording.add_event(record.id, TimelineEvent(name, self._clock.wall(), detail))


def _pool_name(plan: PoolPlan) -> str:
    return f"{plan.service}/{plan.pool}"
