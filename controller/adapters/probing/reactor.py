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
from math import inf
from typing import Protocol

_ANY_EVENT = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET
_AT_ONCE = 64
"""Events taken from the kernel at a time; each batch is stamped with the time it was taken."""
_BATCHES = 16
"""Batches after which other callbacks of the event loop get their turn."""
_BUSY_S = 0.001
"""When more happened within this time, it is looked at together once in this time."""
_GRAIN_S = 0.005
"""Deadlines are kept to this precision."""


class Waiter(Protocol):
    """A connection, as the reactor sees it."""

    due: float
    """When it is overdue, by the event loop's clock."""

    def send(self, now: float) -> None:
        """Send what was posted."""
        ...

    def take(self) -> None:
        """Read what may have come; `ready` follows. What is read one after the other costs less."""
        ...

    def ready(self, events: int, now: float) -> None:
        """Something may have happened on its socket, or nothing: descriptors are used again."""
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
        self._sockets: dict[int, Waiter] = {}
        self._expected: set[Waiter] = set()
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = inf
        self._looked_at = 0.0
        self._outbox: list[Waiter] = []
        self._next_look: asyncio.TimerHandle | None = None
        """While busy; else the event loop watches the epoll."""
        self._loop.add_reader(self._epoll.fileno(), self._ready)

    def close(self) -> None:
        """Close every socket, and watch none any more."""
        self._loop.remove_reader(self._epoll.fileno())
        for waiter in list(self._sockets.values()):
            waiter.close()
        self._epoll.close()
        self._expected.clear()
        for timer in (self._alarm, self._next_look):
            if timer is not None:
                timer.cancel()

    def watch(self, fd: int, waiter: Waiter) -> None:
        """Tell it of everything on this socket until `forget`. Raises OSError."""
        self._sockets[fd] = waiter
        self._epoll.register(fd, _ANY_EVENT)

    def forget(self, fd: int) -> None:
        """The socket is about to be closed, which ends its registration."""
        self._sockets.pop(fd, None)

    def expect(self, waiter: Waiter) -> None:
        """Tell it when it is overdue, unless `settle` comes first."""
        self._expected.add(waiter)
        if waiter.due < self._alarm_at:
            self._set_alarm(waiter.due)

    def settle(self, waiter: Waiter) -> None:
        """It is not awaited any more."""
        self._expected.discard(waiter)

    def post(self, waiter: Waiter) -> None:
        """Have it send in a moment, when all that are due now have been asked: requests that leave
        one after the other cost less, for the kernel's code stays in the processor's cache."""
        if not self._outbox:
            self.call_soon(self._send_posted)
        self._outbox.append(waiter)

    def _send_posted(self) -> None:
        outbox, self._outbox = self._outbox, []
        now_s = self.time
        for waiter in outbox:
            waiter.send(now_s())

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
        poll, sockets, now_s = self._epoll.poll, self._sockets, self.time
        # Anew each time: somebody may set it.
        self.wall_ahead_s = time.time() - now_s()
        has_any = False
        for _ in range(_BATCHES):
            events = poll(0, _AT_ONCE)
            if not events:
                break
            has_any = True
            now = now_s()
            came = [(sockets[fd], event) for fd, event in events if fd in sockets]
            for waiter, _ in came:
                waiter.take()
            for waiter, event in came:
                waiter.ready(event, now)
        self._looked_at = now_s()
        return has_any

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
