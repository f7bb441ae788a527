"""The reactor: waits for the sockets of all probes, and for their deadlines.

It has a separate edge-triggered epoll, whose descriptor the event loop polls like one socket: one
system call registers a connection for its whole life, and no future, task or transport is made.
Deadlines need no heap: when the earliest is due, the reactor looks through all pending connections.
These are few, because most answers come long before their deadline.
"""

from __future__ import annotations

import asyncio
import select
import time
from collections.abc import Callable
from math import inf
from typing import Protocol

_ANY_EVENT = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET
_EVENTS_PER_POLL = 64
"""Events taken from the kernel at a time; all of them get the same `now`."""
_POLLS_PER_ROUND = 16
"""Polls in a row; then other callbacks of the event loop run."""
_BUSY_POLL_S = 0.001
"""When events come more often than this, the epoll is polled once in this time."""
_STAMP_EVERY = 8
"""The kernel's timestamp is read for every 8th answer only: reading it costs half as much as
reading the answer. Epoll reports sockets in the order in which data came for them, so two
timestamps are bounds for all answers between them."""
_SAME_ARRIVAL_S = 0.0002
"""When two timestamps differ by no more than this, the answers between them get the second one."""
_CLOCK_PAIRS = 5
_CLOSE_PAIR_S = 0.00002
_DEADLINE_PRECISION_S = 0.005
"""Deadlines are kept to this precision."""


class SocketHandler(Protocol):
    """A connection, as the reactor sees it. All times are the event loop's clock."""

    __slots__ = ()

    @property
    def deadline(self) -> float:
        """When `handle_timeout` is to be called."""
        ...

    def send_request(self, now: float) -> None:
        """Send the request that `queue_send` announced."""
        ...

    received_at: float
    """When the data that was read last came."""

    def read_response(self, now: float, came_at: float | None = None) -> bytes | None:
        """Data that has come; `handle_data` follows after other connections were read, because
        reads in a row are cheaper. None: the reactor calls `handle_event` instead.

        `came_at`: when the data came; None: read the kernel's timestamp.
        """
        ...

    def handle_data(self, data: bytes, events: int, now: float) -> None:
        """Process what `read_response` returned."""
        ...

    def handle_event(self, events: int, now: float) -> None:
        """Process an event of the socket. It may be spurious: descriptors are used again."""
        ...

    def handle_error(self, error: Exception, now: float) -> None:
        """Process an exception that a method above raised."""
        ...

    def handle_timeout(self, now: float) -> None:
        """Process that the deadline has passed."""
        ...

    def close(self) -> None:
        """Close the socket."""
        ...


def _wall_clock_offset_s() -> float:
    """Wall clock minus the event loop's clock, measured anew, for the wall clock may be set.

    Between two clocks another thread may have its turn: the closest of a few pairs counts.
    """
    best_s, offset_s = inf, 0.0
    for _ in range(_CLOCK_PAIRS):
        before = time.monotonic()
        wall = time.time()
        after = time.monotonic()
        if after - before < best_s:
            best_s, offset_s = after - before, wall - (before + after) / 2
        if best_s < _CLOSE_PAIR_S:
            break
    return offset_s


class Reactor:
    """The reactor of one event loop; create it while that loop runs."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.time = time.monotonic  # the event loop's own clock, without the method around it
        self.call_soon = self._loop.call_soon
        self.wall_clock_offset_s = 0.0
        """Wall clock minus the event loop's clock, in seconds. The kernel's timestamps are wall
        clock."""
        self._epoll = select.epoll()
        self._sockets: list[SocketHandler | None] = []
        """By file descriptor."""
        self.open_sockets = 0
        """How many are registered."""
        self._pending: set[SocketHandler] = set()
        self.clear_deadline: Callable[[SocketHandler], None] = self._pending.discard
        """Forget a handler's deadline. It is the set's method itself, to save a call per probe."""
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = inf
        self._polled_at = 0.0
        self._send_queue: list[SocketHandler] = []
        self.queue_send: Callable[[SocketHandler], None] = self._send_queue.append
        """Call the handler's `send_request` soon."""
        self._is_send_scheduled = False
        """Whether `_send_queued` is scheduled for the event loop's next round."""
        self._next_poll: asyncio.TimerHandle | None = None
        """The next poll while busy; otherwise the event loop polls the epoll."""
        self._loop.add_reader(self._epoll.fileno(), self._on_readable)

    def close(self) -> None:
        """Close every socket and the epoll."""
        self._loop.remove_reader(self._epoll.fileno())
        for waiter in self._sockets:
            if waiter is not None:
                waiter.close()
        self._epoll.close()
        self._pending.clear()
        for timer in (self._timer, self._next_poll):
            if timer is not None:
                timer.cancel()
        self._next_poll = None

    def register(self, fd: int, waiter: SocketHandler) -> None:
        """Report every event of this socket to the handler until `unregister`. Raises OSError."""
        sockets = self._sockets
        if fd >= len(sockets):
            sockets += [None] * (fd + 1 - len(sockets))
        sockets[fd] = waiter
        self._epoll.register(fd, _ANY_EVENT)
        self.open_sockets += 1

    def unregister(self, fd: int) -> None:
        """Forget a socket that is closed next; closing it ends the kernel's registration."""
        self._sockets[fd] = None
        self.open_sockets -= 1

    def set_deadline(self, waiter: SocketHandler, due: float) -> None:
        """Call `handle_timeout` at `due`, unless `clear_deadline` is called before."""
        self._pending.add(waiter)
        if due < self._timer_at:
            self._set_timer(due)
        if not self._is_send_scheduled:
            self._is_send_scheduled = True
            self.call_soon(self._send_queued)

    def _send_queued(self) -> None:
        """Send all queued requests in a row: cheaper, for the kernel's code stays in the cache."""
        self._is_send_scheduled = False
        now_s = self.time
        for waiter in self._send_queue:
            now = now_s()
            try:
                waiter.send_request(now)
            except Exception as error:
                waiter.handle_error(error, now)
        self._send_queue.clear()
        if self._next_poll is not None and self._poll():
            # Polled now, since we are awake: another wake-up would cost as much as several probes.
            self._next_poll.cancel()
            self._next_poll = self._loop.call_later(_BUSY_POLL_S, self._poll_again)

    def _on_readable(self) -> None:
        """Process that the event loop found the epoll readable."""
        polled_at = self._polled_at
        self._poll()
        if self._polled_at - polled_at < _BUSY_POLL_S:
            # Busy: a wake-up for every event would cost more than the events do. Latencies are
            # measured by the kernel's timestamps, so they do not grow.
            self._loop.remove_reader(self._epoll.fileno())
            self._next_poll = self._loop.call_later(_BUSY_POLL_S, self._poll_again)

    def _poll_again(self) -> None:
        if self._poll():
            self._next_poll = self._loop.call_later(_BUSY_POLL_S, self._poll_again)
        else:
            self._next_poll = None
            self._loop.add_reader(self._epoll.fileno(), self._on_readable)

    def _poll(self, most_polls: int = _POLLS_PER_ROUND) -> bool:
        """Process events, all of them if `most_polls` suffice; return whether there was any."""
        poll, now_s = self._epoll.poll, self.time
        self.wall_clock_offset_s = _wall_clock_offset_s()
        has_any = False
        for _ in range(most_polls):
            events = poll(0, _EVENTS_PER_POLL)
            if events:
                has_any = True
                self._dispatch(events, now_s())
            if len(events) < _EVENTS_PER_POLL:
                break
        self._polled_at = now_s()
        return has_any

    def _dispatch(self, events: list[tuple[int, int]], now: float) -> None:
        sockets = self._sockets
        waiters = [sockets[fd] for fd, _ in events]
        pieces = self._read_batch(waiters, now)
        for (_, event), waiter, piece in zip(events, waiters, pieces, strict=True):
            if waiter is None:
                continue
            try:
                if piece is None:
                    waiter.handle_event(event, now)
                else:
                    waiter.handle_data(piece, event, now)
            except Exception as error:
                waiter.handle_error(error, now)

    def _read_batch(self, waiters: list[SocketHandler | None], now: float) -> list[bytes | None]:
        """The data of each handler; None where `handle_event` must be called."""
        pieces: list[bytes | None] = []
        before = inf
        for first in range(0, len(waiters), _STAMP_EVERY):
            *others, last = waiters[first : first + _STAMP_EVERY]
            piece = None if last is None else last.read_response(now)
            at = inf if last is None or piece is None else last.received_at
            came_at = at if 0.0 <= at - before <= _SAME_ARRIVAL_S else None
            for waiter in others:
                pieces.append(None if waiter is None else waiter.read_response(now, came_at))
            pieces.append(piece)
            before = at
        return pieces

    def _set_timer(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = at
        self._timer = self._loop.call_at(at, self._on_timer)

    def _on_timer(self) -> None:
        # Read first what has come already: no answer counts as late because this process was late.
        self._poll(_POLLS_PER_ROUND + 2 * self.open_sockets // _EVENTS_PER_POLL)
        now = self.time()
        for waiter in [one for one in self._pending if one.deadline <= now]:
            if waiter in self._pending:
                waiter.handle_timeout(now)
        self._timer, self._timer_at = None, inf
        if self._pending:
            earliest = min(waiter.deadline for waiter in self._pending)
            self._set_timer(max(earliest, now + _DEADLINE_PRECISION_S))
