"""An asyncio loop in virtual time that carries simulated processes: replay, kill, freeze.

Code written for asyncio runs unchanged (tasks, locks, queues, timeouts, `to_thread`). A simulated
process is a number in the context that every callback inherits, so that one place, `_step`, decides
whether a step of it may run. Time passes only when nothing is left to do at this moment, and then
at once. Given the same seed everything happens in the same order.

An await is where a process can be killed: effects on the outside happen in ports only, and ports
are awaited, so that a kill between two steps is a kill at any moment that makes a difference.
"""

from __future__ import annotations

import asyncio
import contextvars
import hashlib
import selectors
from collections.abc import Callable, Coroutine, Generator, Mapping
from concurrent.futures import Executor
from itertools import count
from typing import Any, Never, TypeVar, TypeVarTuple
from weakref import WeakSet

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
Pid = int
PROCESS: contextvars.ContextVar[Pid | None] = contextvars.ContextVar("process", default=None)
"""Whose step this is; None: the world's."""


class DeadlockError(RuntimeError):
    """Nothing can ever happen again."""


class NotSimulatedError(RuntimeError):
    """Sockets, name resolution and processes: they belong behind a port."""


class _PassingTime(selectors.BaseSelector):
    """Waits for no file: the time asked for passes at once."""

    def __init__(self, sleep: Callable[[float | None], None]) -> None:
        self._sleep = sleep
        self._keys: dict[Any, selectors.SelectorKey] = {}

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        key = selectors.SelectorKey(fileobj, fileobj, events, data)
        self._keys[fileobj] = key
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys.pop(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._keys

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._sleep(timeout)
        return []


class _Call:
    """A callback that the loop was asked to call, and the handle that may cancel it."""

    __slots__ = ("args", "callback", "context", "handle", "pid")

    def __init__(
        self,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        context: contextvars.Context | None,
    ) -> None:
        self.callback = callback
        self.args = args
        self.context = contextvars.copy_context() if context is None else context
        self.pid = self.context.get(PROCESS)
        self.handle: asyncio.Handle

    @property
    def name(self) -> str:
        """What is called, equal in every run."""
        return getattr(self.callback, "__qualname__", type(self.callback).__name__)


class SimulatedLoop(asyncio.SelectorEventLoop):
    """The loop, its processes and the steps they may take.

    Invariant: a step of process p runs only while p is alive and not frozen.
    """

    def __init__(
        self,
        on_crash: Callable[[Pid], None],
        executor_delay_s: Callable[[], float],
        *,
        hash_steps: bool = False,
    ) -> None:
        """`on_crash` is called when a planned crash happened, `executor_delay_s` for every act.

        With `hash_steps`, `steps_digest` covers every callback that ran.
        """
        self._now = 0.0
        super().__init__(_PassingTime(self._pass))
        self._on_crash = on_crash
        self._executor_delay_s = executor_delay_s
        self._hash = hashlib.sha256() if hash_steps else None
        self._pids = count(1)
        self._alive: set[Pid] = set()
        self._frozen: dict[Pid, list[_Call]] = {}
        self._steps_left: dict[Pid, int] = {}
        self._tasks: dict[Pid, WeakSet[asyncio.Task[Any]]] = {}
        self._dead: list[asyncio.Task[Any]] = []
        self._busy_until: dict[tuple[Pid | None, Executor | None], float] = {}
        self._world = contextvars.Context()
        self.steps = 0
        self.set_task_factory(self._make_task)

    @property
    def steps_digest(self) -> str:
        """A short hash over time, process and name of every step; empty unless asked for."""
        return self._hash.hexdigest()[:16] if self._hash else ""

    # Time

    def time(self) -> float:
        """Seconds since the simulation began."""
        return self._now

    def _pass(self, seconds: float | None) -> None:
        if seconds is None:
            raise DeadlockError(f"nothing is scheduled after {self._now} s")
        self._now += seconds

    def later(
        self, delay_s: float, act: Callable[[*Ts], object], *args: *Ts
    ) -> asyncio.TimerHandle:
        """Call it as part of the world, for any caller: no kill or freeze concerns it."""
        return self.call_later(delay_s, act, *args, context=self._world)

    def world_task(self, coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run a coroutine as the world."""
        return self.create_task(coroutine, context=self._world)

    # Steps

    def call_soon(  # type: ignore[override]  # asyncio's types tie `args` to the callback
        self,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        """As asyncio's; the callback is called when its process may take a step."""
        call = _Call(callback, args, context)
        call.handle = super().call_soon(self._step, call, context=call.context)
        return call.handle

    def call_at(  # type: ignore[override]  # asyncio's types tie `args` to the callback
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        """As asyncio's; the callback is called when its process may take a step."""
        call = _Call(callback, args, context)
        handle = super().call_at(when, self._step, call, context=call.context)
        call.handle = handle
        return handle

    call_soon_threadsafe = call_soon  # type: ignore[assignment]  # there is one thread

    def _step(self, call: _Call) -> None:
        if call.handle.cancelled() or not self._admits(call):
            return
        self.steps += 1
        if self._hash:
            self._hash.update(f"{self._now!r} {call.pid} {call.name}\n".encode())
        call.callback(*call.args)

    def _admits(self, call: _Call) -> bool:
        pid = call.pid
        if pid is None:
            return True
        if pid not in self._alive:
            return False
        if pid in self._frozen:
            self._frozen[pid].append(call)
            return False
        return not self._crashes(pid)

    def _crashes(self, pid: Pid) -> bool:
        left = self._steps_left.get(pid)
        if left is None:
            return False
        self._steps_left[pid] = left - 1
        if left > 0:
            return False
        self.kill(pid)
        self._on_crash(pid)
        return True

    # Processes

    def spawn(self, coroutine: Coroutine[Any, Any, T]) -> tuple[Pid, asyncio.Task[T]]:
        """Start a process whose main function this is."""
        pid = next(self._pids)
        self._alive.add(pid)
        return pid, self.create_task(coroutine, context=process_context(pid))

    def is_alive(self, pid: Pid) -> bool:
        """Whether it was neither killed nor removed."""
        return pid in self._alive

    def is_frozen(self, pid: Pid) -> bool:
        """Whether it stands still, as by SIGSTOP."""
        return pid in self._frozen

    def freeze(self, pid: Pid) -> None:
        """Let no step of it run until it is thawed or killed."""
        self._frozen.setdefault(pid, [])

    def thaw(self, pid: Pid) -> None:
        """Run what has become due meanwhile, in the order in which it became due."""
        for call in self._frozen.pop(pid, []):
            super().call_soon(self._step, call, context=call.context)

    def crash_after(self, pid: Pid, steps: int) -> None:
        """Kill it before its step number `steps` from now."""
        self._steps_left[pid] = steps

    def spare(self, pid: Pid) -> None:
        """Take back `crash_after`."""
        self._steps_left.pop(pid, None)

    def kill(self, pid: Pid) -> None:
        """As SIGKILL does: nothing of it runs again, no `finally` either."""
        self._alive.discard(pid)
        self._frozen.pop(pid, None)
        self._steps_left.pop(pid, None)
        # Referred to until the end: a coroutine that is collected runs its `finally` blocks.
        self._dead.extend(self._tasks.pop(pid, ()))

    def bury(self) -> None:
        """Close the loop; what is left of the dead is cleaned up without effect."""
        for pid in list(self._alive):
            self.kill(pid)
        self.set_exception_handler(lambda loop, context: None)
        for task in self._dead:
            _exhaust(task.get_coro())
        self.close()

    def _make_task(
        self,
        loop: asyncio.AbstractEventLoop,
        coroutine: Generator[Any, None, T] | Coroutine[Any, Any, T],
        **options: Any,
    ) -> asyncio.Task[T]:
        task: asyncio.Task[T] = asyncio.Task(coroutine, loop=loop, **options)
        context: contextvars.Context | None = options.get("context")
        pid = PROCESS.get() if context is None else context.get(PROCESS)
        if pid is not None:
            self._tasks.setdefault(pid, WeakSet()).add(task)
        return task

    # What blocks

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        """One act after another, in the order of the calls; each whole or, after a kill, never."""
        future: asyncio.Future[T] = self.create_future()
        key = (PROCESS.get(), executor)
        at = max(self._now, self._busy_until.get(key, 0.0)) + self._executor_delay_s()
        self._busy_until[key] = at

        def act() -> None:
            try:
                result = func(*args)
            except Exception as error:
                if not future.done():
                    future.set_exception(error)
            else:
                if not future.done():
                    future.set_result(result)

        self.call_at(at, act)
        return future

    async def _not_simulated(self, *_: Any, **__: Any) -> Never:
        raise NotSimulatedError

    getaddrinfo = create_connection = create_server = _not_simulated
    create_datagram_endpoint = subprocess_exec = _not_simulated


def process_context(pid: Pid) -> contextvars.Context:
    """A context in which everything belongs to this process."""
    context = contextvars.Context()
    context.run(PROCESS.set, pid)
    return context


def _exhaust(coroutine: Any) -> None:
    """Close it, however often it awaits in its `finally` blocks."""
    for _ in range(20):
        try:
            coroutine.close()
        except BaseException:  # whatever a dead process would have said
            continue
        return
