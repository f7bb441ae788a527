"""The stream of events behind `GET /v1/events`: numbered, with the newest kept for subscribers.

Decisions, overrides and cycles become events, each encoded as JSON once for all subscribers. A ring
buffer keeps the newest, MAX_EVENTS and MAX_BYTES at most. A subscriber is only the id of the event
that it read last, so that a slow one costs neither memory nor others' time: it continues after that
id, or gets a `resync` event when the next event is no longer kept. The API sends the events.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from controller.loops.cycle.reconciliation import CycleReport
from controller.loops.wakeup import WakeUp
from controller.model.decision import DecisionRecord
from controller.model.events import Event, EventType
from controller.model.overrides import Override
from controller.planning.account.decision_summary import (
    NOTHING_PUBLISHED,
    PublishedShares,
    Summary,
    cut_to_size,
    cycle_summary,
    decision_summary,
    published_shares,
)
from controller.ports import Clock

MAX_EVENTS = 1_000
"""Events kept at most: how far a subscriber may be behind."""
MAX_BYTES = 16 * 2**20
"""Bytes of events kept at most."""
MAX_EVENT_BYTES = 64 * 2**10
"""Bytes of one event at most; what is left out beyond that is counted in it."""
MAX_LISTENERS = 100
"""Subscriptions at most."""
MAX_OWNED = 50
"""Subscriptions of one owner at most."""
_CYCLE_GAP_S = 1.0
_IDLE_S = 3600.0

EVERYTHING: Collection[EventType] = frozenset(EventType)


class EventStream:
    """Numbers events, keeps the newest, wakes every subscriber.

    Ids of kept events are consecutive and end at `last_id`.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last_id = int(clock.wall().timestamp() * 1000)
        self._kept: deque[Event] = deque()
        self._kept_bytes = 0
        self._open: dict[Subscription, str] = {}
        """Every subscription and its owner, the oldest first."""
        self._latest_cycle: CycleReport | None = None
        self._status: Summary = {}
        self._published_status: Summary = {}
        """What `_status` would be if nothing had changed since the last event about it."""
        self._published_shares: PublishedShares = NOTHING_PUBLISHED
        self._status_wakeup = WakeUp()
        self.closed = False

    def on_cycle(self, report: CycleReport) -> None:
        """Publish a cycle's decision if it was recorded, and its status when `run` next does."""
        if report.record is not None:
            self._publish(EventType.DECISION, decision_summary(report.record))
        self._latest_cycle = report
        self._status = cycle_summary(report.snapshot, report.decision, self._published_shares)
        if self._status != self._published_status:
            self._status_wakeup.notify()

    def on_record(self, record: DecisionRecord) -> None:
        """Publish that more became known of a decision."""
        self._publish(EventType.DECISION_UPDATED, decision_summary(record))

    def on_override(self, type_: EventType, override: Override, actor: str, why: str = "") -> None:
        """Publish what happened to an override, and by whom."""
        self._publish(type_, {"override": override, "actor": actor, "why": why})

    async def run(self) -> None:
        """Publish the status when it has changed, at most once a second, until cancelled."""
        while True:
            if await self._status_wakeup.wait(_IDLE_S) and self._status != self._published_status:
                self.publish_status()
                await self._clock.sleep(_CYCLE_GAP_S)

    def publish_status(self) -> None:
        """Publish the status after the newest cycle; there must have been one."""
        self._publish(EventType.CYCLE, self._status)
        assert self._latest_cycle is not None
        snapshot, decision = self._latest_cycle.snapshot, self._latest_cycle.decision
        self._published_shares = published_shares(decision)
        self._published_status = self._status = cycle_summary(
            snapshot, decision, self._published_shares
        )

    @property
    def last_id(self) -> int:
        """The id of the newest event; before the first one, the id that counting begins after."""
        return self._last_id

    @property
    def listeners(self) -> int:
        """How many subscribers there are."""
        return len(self._open)

    def recent(self, limit: int, types: Collection[EventType] = EVERYTHING) -> tuple[Event, ...]:
        """The newest `limit` events of these types, oldest first."""
        return tuple(event for event in self._kept if event.type in types)[-limit:]

    @contextmanager
    def subscription(
        self,
        types: Collection[EventType] = EVERYTHING,
        after: int | None = None,
        owner: str = "",
    ) -> Iterator[Subscription]:
        """A subscription to events from now on, or to all after the event `after`.

        When there are too many, the oldest of this owner's, or else of the owner's who has most, is
        closed: who opened it and left it open does not keep others out.
        """
        while self._owned_by(owner) >= MAX_OWNED:
            self._close_oldest(owner)
        while self.listeners >= MAX_LISTENERS:
            self._close_oldest(max(self._open.values(), key=self._owned_by))
        last_id = self._last_id if after is None else after
        subscription = Subscription(self, self._clock, types, last_id)
        self._open[subscription] = owner
        try:
            yield subscription
        finally:
            self._open.pop(subscription, None)

    def next_after(self, event_id: int) -> Event | None:
        """The event after an id; None when there is none yet.

        A `resync` event when that event is no longer kept, or the id was never given to one.
        """
        if event_id == self._last_id:
            return None
        dropped_id = self._last_id - len(self._kept)
        if not dropped_id <= event_id < self._last_id:
            return Event.of(self._last_id, EventType.RESYNC, self._clock.wall(), {})
        return self._kept[event_id - dropped_id]

    def close(self) -> None:
        """End all subscriptions, later ones as well: the daemon stops."""
        self.closed = True
        self._notify_listeners()

    def _publish(self, type_: EventType, data: Summary) -> None:
        self._last_id += 1
        said = cut_to_size(data, MAX_EVENT_BYTES)
        self._keep(Event.of(self._last_id, type_, self._clock.wall(), said))
        self._notify_listeners()

    def _keep(self, event: Event) -> None:
        self._kept.append(event)
        self._kept_bytes += len(event.text)
        while len(self._kept) > MAX_EVENTS or self._kept_bytes > MAX_BYTES:
            self._kept_bytes -= len(self._kept.popleft().text)

    def _notify_listeners(self) -> None:
        for subscription in self._open:
            subscription.wakeup.notify()

    def _owned_by(self, owner: str) -> int:
        return sum(each == owner for each in self._open.values())

    def _close_oldest(self, owner: str) -> None:
        oldest = next(one for one, each in self._open.items() if each == owner)
        del self._open[oldest]
        oldest.close()


class Subscription:
    """One subscriber's progress in the stream."""

    def __init__(
        self,
        event_stream: EventStream,
        clock: Clock,
        types: Collection[EventType],
        last_id: int,
    ) -> None:
        self._event_stream = event_stream
        self._clock = clock
        self.wakeup = WakeUp()
        """Notified of events, and of the end."""
        self._is_ended = False
        self._types = {*types, EventType.RESYNC}
        self.last_id = last_id
        """The id of the event read last; the subscription continues after it."""

    @property
    def closed(self) -> bool:
        """Whether no further event will come."""
        return self._is_ended or self._event_stream.closed

    def close(self) -> None:
        """End it: no further event will come."""
        self._is_ended = True
        self.wakeup.notify()

    async def next(self, timeout_s: float) -> Event | None:
        """The next event; None when none came within `timeout_s`, or the stream was closed."""
        until = self._clock.monotonic() + timeout_s
        while not self.closed:
            event = self._event_stream.next_after(self.last_id)
            if event is not None:
                self.last_id = event.id
                if event.type in self._types:
                    return event
            elif not await self.wakeup.wait(until - self._clock.monotonic()):
                return None
        return None
