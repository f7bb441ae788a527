"""Waits for the sockets of all probes, and for their deadlines.

An edge-triggered epoll of its own, whose descriptor the event loop watches like one socket: one
system call registers a connection for its whole life, and no future, task or transport is made.
Deadlines need no queue: what is under way is looked through when the earliest of them is due, and
that is little, since most answers come after a small part of their deadline.
"""

from __future__ import annotations

import asyncio
import select
import time
from collections.abc import Callable
from math import inf
from typing import Protocol

_ANY_EVENT = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET
_AT_ONCE = 64
"""Events taken from the kernel at a time; each batch is stamped with the time it was taken."""
_BATCHES = 16
"""Batches after which other callbacks of the event loop get their turn."""
_BUSY_S = 0.001
"""When more happened within this time, it is looked at together once in this time."""
_GROUP = 8
"""Sockets are told of in the order in which something came for them (epoll's queue is first in,
first out), so two stamps say when all between them came, too. The last one of each group is
stamped, for a stamp costs half as much as reading does."""
_SAME_S = 0.0002
"""What came between two stamps so near each other is taken to have come at the second one."""
_GRAIN_S = 0.005
"""Deadlines are kept to this precision."""


class Waiter(Protocol):
    """A connection, as the reactor sees it."""

    @property
    def due(self) -> float:
        """When it is overdue, by the event loop's clock."""
        ...

    def send(self, now: float) -> None:
        """Send what was posted."""
        ...

    answered_at: float
    """When what was read last came, by the event loop's clock."""

    def take(self, now: float, came_at: float | None = None) -> bytes | None:
        """Read what may have come, to `hear` it after the others' answers were read, too: what is
        read one after the other costs less. None: `ready` is to be told instead.

        `came_at`: when it came; None: the kernel is to be asked.
        """
        ...

    def hear(self, data: bytes, events: int, now: float) -> None:
        """Understand what was read."""
        ...

    def ready(self, events: int, now: float) -> None:
        """Something may have happened on its socket, or nothing: descriptors are used again."""
        ...

    def failed(self, error: Exception, now: float) -> None:
        """One of the above raised this."""
        ...

    def overdue(self, now: float) -> None:
        """Its time is up."""
        ...

    def close(self) -> None:
        """Close its socket."""
        ...


class Reactor:
    """One for each event loop that probes; to be made while that loop runs."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.time = time.monotonic  # the event loop's own clock, without the method around it
        self.call_soon = self._loop.call_soon
        self.wall_ahead_s = 0.0
        """By how much the wall clock, which stamps what arrives, was ahead of ours lately."""
        self._epoll = select.epoll()
        self._sockets: list[Waiter | None] = []
        """By file descriptor."""
        self._expected: set[Waiter] = set()
        self.settle: Callable[[Waiter], None] = self._expected.discard
        """It is not awaited any more. The set's own method: it is called for every probe."""
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = inf
        self._looked_at = 0.0
        self._outbox: list[Waiter] = []
        self.post: Callable[[Waiter], None] = self._outbox.append
        """Have it send in a moment."""
        self._is_begun = False
        """Whether probes were begun since the event loop's last round."""
        self._next_look: asyncio.TimerHandle | None = None
        """While busy; else the event loop watches the epoll."""
        self._loop.add_reader(self._epoll.fileno(), self._ready)

    def close(self) -> None:
        """Close every socket, and watch none any more."""
        self._loop.remove_reader(self._epoll.fileno())
        for waiter in self._sockets:
            if waiter is not None:
                waiter.close()
        self._epoll.close()
        self._expected.clear()
        for timer in (self._alarm, self._next_look):
            if timer is not None:
                timer.cancel()
        self._next_look = None

    def watch(self, fd: int, waiter: Waiter) -> None:
        """Tell it of everything on this socket until `forget`. Raises OSError."""
        sockets = self._sockets
        if fd >= len(sockets):
            sockets += [None] * (fd + 1 - len(sockets))
        sockets[fd] = waiter
        self._epoll.register(fd, _ANY_EVENT)

    def forget(self, fd: int) -> None:
        """The socket is about to be closed, which ends its registration."""
        self._sockets[fd] = None

    def expect(self, waiter: Waiter, due: float) -> None:
        """Tell it when it is overdue, unless `settle` comes first."""
        self._expected.add(waiter)
        if due < self._alarm_at:
            self._set_alarm(due)
        if not self._is_begun:
            self._is_begun = True
            self.call_soon(self._all_begun)

    def _all_begun(self) -> None:
        """All whose turn has come have been asked. Requests that leave one after the other cost
        less, for the kernel's code stays in the processor's cache."""
        self._is_begun = False
        now_s = self.time
        for waiter in self._outbox:
            now = now_s()
            try:
                waiter.send(now)
            except Exception as error:
                waiter.failed(error, now)
        self._outbox.clear()
        if self._next_look is not None and self._look():
            # Awake as we are: to wake up once more would cost as much as several probes do.
            self._next_look.cancel()
            self._next_look = self._loop.call_later(_BUSY_S, self._look_again)

    def _ready(self) -> None:
        """The event loop says that something happened."""
        looked_at = self._looked_at
        self._look()
        if self._looked_at - looked_at < _BUSY_S:
            # Busy: waking up for every event would cost more than the events do. The kernel stamps
            # what arrives, so no latency looks longer for it.
            self._loop.remove_reader(self._epoll.fileno())
            self._next_look = self._loop.call_later(_BUSY_S, self._look_again)

    def _look_again(self) -> None:
        if self._look():
            self._next_look = self._loop.call_later(_BUSY_S, self._look_again)
        else:
            self._next_look = None
            self._loop.add_reader(self._epoll.fileno(), self._ready)

    def _look(self) -> bool:
        """Take what happened; whether anything did."""
        poll, now_s = self._epoll.poll, self.time
        # Anew each time: somebody may set it.
        self.wall_ahead_s = time.time() - now_s()
        has_any = False
        for _ in range(_BATCHES):
            events = poll(0, _AT_ONCE)
            if events:
                has_any = True
                self._hand_on(events, now_s())
            if len(events) < _AT_ONCE:
                break
        self._looked_at = now_s()
        return has_any

    def _hand_on(self, events: list[tuple[int, int]], now: float) -> None:
        sockets = self._sockets
        waiters = [sockets[fd] for fd, _ in events]
        pieces = self._read(waiters, now)
        for (_, event), waiter, piece in zip(events, waiters, pieces, strict=True):
            if waiter is None:
                continue
            try:
                if piece is None:
                    waiter.ready(event, now)
                else:
                    waiter.hear(piece, event, now)
            except Exception as error:
                waiter.failed(error, now)

    def _read(self, waiters: list[Waiter | None], now: float) -> list[bytes | None]:
        """What came for each, where it can be read at once."""
        pieces: list[bytes | None] = []
        before = inf
        for first in range(0, len(waiters), _GROUP):
            *others, last = waiters[first : first + _GROUP]
            piece = None if last is None else last.take(now)
            at = inf if last is None or piece is None else last.answered_at
            came_at = at if 0.0 <= at - before <= _SAME_S else None
            for waiter in others:
                pieces.append(None if waiter is None else waiter.take(now, came_at))
            pieces.append(piece)
            before = at
        return pieces

    def _set_alarm(self, at: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_at = at
        self._alarm = self._loop.call_at(at, self._ring)

    def _ring(self) -> None:
        # What has come already is read first: nobody is late because we were.
        self._look()
        now = self.time()
        for waiter in [one for one in self._expected if one.due <= now]:
            if waiter in self._expected:
                waiter.overdue(now)
        self._alarm, self._alarm_at = None, inf
        if self._expected:
            earliest = min(waiter.due for waiter in self._expected)
            self._set_alarm(max(earliest, now + _GRAIN_S))
