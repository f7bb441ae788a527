"""What became of a decision after AWS acknowledged it.

Route 53: asked until the change is INSYNC. Global Accelerator: until it is DEPLOYED. Then the
users: when 95 % of those of a drained region have left, as they report it. Each step becomes a
moment of the decision's timeline. Nothing here decides or writes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog

from controller.loops.recording import Recording
from controller.loops.traffic import Traffic
from controller.model.configuration import Settings
from controller.model.decision import DecisionRecord, Moment, PoolPlan, Written
from controller.model.errors import ProviderRejectedError, ProviderUnavailableError
from controller.model.levers import OutcomeStatus
from controller.planning.shares import SAME, percent
from controller.ports import Accelerators, Clock, RecordSets

_log = structlog.get_logger("follow_up")
_GIVE_UP_S = 600.0
"""Route 53 says most changes are INSYNC within 60 s; after ten minutes a person should look."""
_LEFT = 0.05
"""Part of a drained region's earlier traffic that may remain for it to count as left."""
_WINDOW_S = 2.0
_WATCH_EVERY_S = 0.5
_QUEUE = 200

PropagationObserver = Callable[[str, float], None]
"""Told the lever and the seconds from acknowledgement to every server answering by it."""


class FollowUp:
    """Follows acknowledged writes to their effect, several at once."""

    def __init__(
        self,
        settings: Settings,
        records: RecordSets,
        accelerators: Accelerators,
        recording: Recording,
        traffic: Traffic,
        clock: Clock,
        observe: PropagationObserver,
    ) -> None:
        self._settings = settings
        self._records = records
        self._accelerators = accelerators
        self._recording = recording
        self._traffic = traffic
        self._clock = clock
        self._observe = observe
        self._queue: asyncio.Queue[DecisionRecord] = asyncio.Queue(_QUEUE)

    def follow(self, record: DecisionRecord) -> None:
        """Follow what this record wrote; when too many are under way, say so and leave it."""
        try:
            self._queue.put_nowait(record)
        except asyncio.QueueFull:
            _log.warning("follow_up_skipped", decision_id=record.id)

    async def run(self) -> None:
        """Follow until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                record = await self._queue.get()
                for written in record.written:
                    if written.outcome.status is OutcomeStatus.APPLIED:
                        group.create_task(self._follow(record, written))

    async def _follow(self, record: DecisionRecord, written: Written) -> None:
        started = self._clock.monotonic()
        positions = {change.position for change in written.changes}
        plans = [p for p in record.plans if any(c.position in positions for c in p.changes)]
        name = "insync" if written.lever == "route53" else "deployed"
        if not await self._has_spread(written, started):
            _log.error("change_never_spread", decision_id=record.id, target=written.target)
            await self._moment(record, f"not_{name}", f"not {name} after {_GIVE_UP_S:g} s")
            return
        self._observe(written.lever, self._clock.monotonic() - started)
        await self._moment(record, name, f"{written.lever} {written.target}")
        async with asyncio.TaskGroup() as group:
            for plan in plans:
                group.create_task(self._measure(record, plan))

    async def _has_spread(self, written: Written, started: float) -> bool:
        while self._clock.monotonic() - started < _GIVE_UP_S:
            await self._clock.sleep(self._settings.cycle.insync_poll_s)
            try:
                if written.lever == "accelerator":
                    if await self._accelerators.is_deployed(written.target):
                        return True
                elif await self._records.is_insync(written.outcome.change_id or ""):
                    return True
            except (ProviderUnavailableError, ProviderRejectedError) as error:
                _log.info("follow_up_unanswered", target=written.target, error=str(error))
        return False

    async def _measure(self, record: DecisionRecord, plan: PoolPlan) -> None:
        """Watch users leave a drained region; of other moves, note the split they settled at."""
        place = f"{plan.service}/{plan.pool}"
        drained = [r for r in plan.before if plan.before[r] > 0 and plan.after[r] == 0]
        ttl_s = self._ttl_s(plan.service)
        if self._traffic.share(plan.service, plan.pool, next(iter(plan.before)), 10.0) is None:
            await self._recording.add_effect(record.id, f"{place}: nobody reports measured traffic")
            return
        spread_at, spread_wall = self._clock.monotonic(), self._clock.wall()
        for region in drained:
            if await self._has_left(plan, region, spread_at + ttl_s + 60.0):
                text = self._left_text(place, region, spread_at, spread_wall)
                await self._moment(record, "measured", text)
                await self._recording.add_effect(record.id, text)
            else:
                text = f"{place}: users still arrive in {region} {ttl_s + 60:g} s later"
                await self._recording.add_effect(record.id, text)
        if not drained:
            await self._clock.sleep(ttl_s + _WINDOW_S)
            await self._recording.add_effect(record.id, self._split_text(place, plan))

    async def _has_left(self, plan: PoolPlan, region: str, until: float) -> bool:
        while self._clock.monotonic() < until:
            share = self._traffic.share(plan.service, plan.pool, region, _WINDOW_S)
            if share is not None and share <= _LEFT * plan.before[region]:
                return True
            await self._clock.sleep(_WATCH_EVERY_S)
        return False

    def _left_text(self, place: str, region: str, since: float, wall: datetime) -> str:
        took_s = self._clock.monotonic() - since
        return (
            f"{place}: 95 % of the users of {region} had left {took_s:.1f} s after {wall:%H:%M:%S}"
        )

    def _split_text(self, place: str, plan: PoolPlan) -> str:
        split = self._traffic.split(_WINDOW_S).get((plan.service, plan.pool), {})
        measured = {r: split[r].share if r in split else 0.0 for r in plan.after}
        moved = [r for r in plan.after if abs(plan.after[r] - plan.before[r]) >= SAME]
        shown = ", ".join(
            f"{r} {percent(measured[r])} (planned {percent(plan.after[r])})" for r in moved
        )
        return f"{place}: measured {shown}"

    def _ttl_s(self, service: str) -> float:
        lever = self._settings.services[service].levers.route53
        return lever.ttl_s if lever else 0.0

    async def _moment(self, record: DecisionRecord, name: str, detail: str) -> None:
        await self._recording.add_moment(record.id, Moment(name, self._clock.wall(), detail))
