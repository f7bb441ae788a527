"""What happens, told to whoever listens: the hub behind `GET /v1/events`.

It is told of decisions, overrides and cycles, numbers what it hears, and keeps the newest events,
each as the JSON that all who listen are sent, as many as KEPT_BYTES hold. A listener is a place in
that row, so nobody's slowness costs memory or anybody else's time: one who was away goes on where
it stopped, and one whose place is no longer kept is told to read everything anew. How an event
travels is left to the API.
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

KEPT = 1_000
"""Events kept at most: how far a listener may be behind."""
KEPT_BYTES = 16 * 2**20
"""Bytes of events kept at most."""
EVENT_BYTES = 64 * 2**10
"""Bytes of what one event says at most; it tells how much had to be left out."""
_CYCLE_GAP_S = 1.0
_IDLE_S = 3600.0

EVERYTHING: Collection[EventType] = frozenset(EventType)


class EventStream:
    """Numbers events, keeps the newest, wakes every listener."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last_id = int(clock.wall().timestamp() * 1000)
        self._kept: deque[Event] = deque()
        self._kept_bytes = 0
        self._bells: set[WakeUp] = set()
        self._cycle: CycleReport | None = None
        self._standing: Summary = {}
        self._known: Summary = {}
        """How things would stand if nothing had changed since the last event about that."""
        self._told: PublishedShares = NOTHING_PUBLISHED
        self._changed = WakeUp()
        self.closed = False

    def cycle(self, report: CycleReport) -> None:
        """Take note of a cycle: its decision if it was kept, and how things stand now."""
        if report.record is not None:
            self._publish(EventType.DECISION, decision_summary(report.record))
        self._cycle = report
        self._standing = cycle_summary(report.snapshot, report.decision, self._told)
        if self._standing != self._known:
            self._changed.ring()

    def record(self, record: DecisionRecord) -> None:
        """Take note that more became known of a decision."""
        self._publish(EventType.DECISION_UPDATED, decision_summary(record))

    def override(self, type_: EventType, override: Override, actor: str, why: str = "") -> None:
        """Take note of what happened to an override, and by whom."""
        self._publish(type_, {"override": override, "actor": actor, "why": why})

    async def run(self) -> None:
        """Tell how things stand when that has changed, at most once a second, until cancelled."""
        while True:
            if await self._changed.wait(_IDLE_S) and self._standing != self._known:
                self.tell_standing()
                await self._clock.sleep(_CYCLE_GAP_S)

    def tell_standing(self) -> None:
        """Tell how things stand after the newest cycle; there was one."""
        self._publish(EventType.CYCLE, self._standing)
        assert self._cycle is not None
        snapshot, decision = self._cycle.snapshot, self._cycle.decision
        self._told = published_shares(decision)
        self._known = self._standing = cycle_summary(snapshot, decision, self._told)

    @property
    def last_id(self) -> int:
        """Of the newest event; before the first one, where counting begins."""
        return self._last_id

    @property
    def listeners(self) -> int:
        """How many listen now."""
        return len(self._bells)

    def recent(self, limit: int, types: Collection[EventType] = EVERYTHING) -> tuple[Event, ...]:
        """The newest events kept, oldest first."""
        return tuple(event for event in self._kept if event.type in types)[-limit:]

    @contextmanager
    def subscription(
        self, types: Collection[EventType] = EVERYTHING, after: int | None = None
    ) -> Iterator[Subscription]:
        """Listen to what happens from now on, or to everything after the event `after`."""
        bell = WakeUp()
        self._bells.add(bell)
        try:
            place = self._last_id if after is None else after
            yield Subscription(self, self._clock, bell, types, place)
        finally:
            self._bells.discard(bell)

    def following(self, place: int) -> Event | None:
        """The event after a place, None when there is none yet.

        A `resync` when events after it are kept no longer, or the place was never ours.
        """
        if place == self._last_id:
            return None
        oldest = self._last_id - len(self._kept)
        if not oldest <= place < self._last_id:
            return Event.of(self._last_id, EventType.RESYNC, self._clock.wall(), {})
        return self._kept[place - oldest]

    def close(self) -> None:
        """Let all listeners go at once, those to come as well: the daemon stops."""
        self.closed = True
        self._wake()

    def _publish(self, type_: EventType, data: Summary) -> None:
        self._last_id += 1
        said = cut_to_size(data, EVENT_BYTES)
        self._keep(Event.of(self._last_id, type_, self._clock.wall(), said))
        self._wake()

    def _keep(self, event: Event) -> None:
        self._kept.append(event)
        self._kept_bytes += len(event.text)
        while len(self._kept) > KEPT or self._kept_bytes > KEPT_BYTES:
            self._kept_bytes -= len(self._kept.popleft().text)

    def _wake(self) -> None:
        for bell in self._bells:
            bell.ring()


class Subscription:
    """One listener's place in the row of events."""

    def __init__(
        self,
        live: EventStream,
        clock: Clock,
        bell: WakeUp,
        types: Collection[EventType],
        place: int,
    ) -> None:
        self._live = live
        self._clock = clock
        self._bell = bell
        self._types = {*types, EventType.RESYNC}
        self.place = place
        """The event after which the listener goes on."""

    @property
    def closed(self) -> bool:
        """Whether nothing will come any more."""
        return self._live.closed

    async def next(self, timeout_s: float) -> Event | None:
        """The next event; None when none came within `timeout_s`, or nothing will come any more."""
        until = self._clock.monotonic() + timeout_s
        while not self.closed:
            event = self._live.following(self.place)
            if event is not None:
                self.place = event.id
                if event.type in self._types:
                    return event
            elif not await self._bell.wait(until - self._clock.monotonic()):
                return None
        return None
