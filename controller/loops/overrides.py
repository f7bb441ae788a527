"""Takes, keeps, announces and ends a person's standing instructions.

An override is acknowledged only once it is durable. Its expiry is reckoned from the moment it was
taken or loaded, on the clock that goes on while the machine is suspended: it ends when people were
shown, and a stepping wall clock neither ends nor prolongs it. Across a restart the wall-clock date
counts.

The store is waited for `_STORE_WITHIN_S` at most. A change that is not stored by then is reported
as not acknowledged, and goes on. What we obey follows what is stored: when the change is stored in
the end, it counts from then on and is told like any other. Meanwhile no other change begins; those
asked for are refused with nothing changed. Expiries need no store: no override is obeyed beyond its
end, whatever the disk does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

import structlog

from controller.loops.active_settings import ActiveSettings
from controller.loops.override_requests import check, check_text, check_ttl
from controller.loops.wakeup import WakeUp
from controller.model.errors import InvalidRequestError, StateUnavailableError
from controller.model.events import EventType
from controller.model.overrides import Override, OverrideRequest
from controller.ports import Clock, Orders

_log = structlog.get_logger("overrides")
_IDLE_S = 3600.0
_RETRY_S = 1.0
_LOOK_EVERY_S = 10.0
"""How long an end may go unnoticed after the machine was suspended: timers stood still."""
_STORE_WITHIN_S = 5.0
"""How long a change may take to be stored before the person is told that it is not yet."""
_MOMENT_S = 0.2
"""How long an expiry waits for the store before others are looked at."""
T = TypeVar("T")
DAEMON = "gtc"
"""Actor of what nobody ordered, such as an expiry."""

Listener = Callable[[EventType, Override, str, str], None]
"""Told what happened to an override, who did it, and why it ended."""


class Overrides:
    """The overrides in force. `run` announces and ends them."""

    def __init__(
        self,
        current: ActiveSettings,
        store: Orders,
        clock: Clock,
        wake: Callable[[], None],
        listeners: Iterable[Listener] = (),
    ) -> None:
        self._current = current
        self._store = store
        self._clock = clock
        self._wake = wake
        self._listeners = tuple(listeners)
        self._bell = WakeUp()
        self._turn = asyncio.Lock()
        """One change at a time: none may rest on what another is about to end or replace."""
        self._held: dict[int, tuple[Override, float]] = {}
        """Id to override and when it ends, in seconds of `boottime`."""
        self._announced: set[int] = set()
        self._over: set[int] = set()
        """Those whose end is obeyed and not stored yet."""
        self._changes: set[asyncio.Task[Any]] = set()
        """Changes that begun and may outlast those who asked for them."""
        self.loaded = False
        """Whether it is known what an earlier process was ordered."""

    async def load(self) -> None:
        """Take up the overrides of an earlier process. Raises StateUnavailableError."""
        stored = await self._store.overrides()
        now, wall = self._clock.boottime(), self._clock.wall()
        for override in stored:
            left_s = (override.expires_at - wall).total_seconds()
            self._held[override.id] = (override, now + left_s)
        self.loaded = True
        self._bell.ring()

    async def end(self) -> None:
        """Give up the changes that are still being stored."""
        tasks = list(self._changes)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def active(self) -> tuple[Override, ...]:
        """Those in force now, oldest first."""
        now = self._clock.boottime()
        return tuple(override for override, ends_at in self._held.values() if ends_at > now)

    def remaining_s(self, override_id: int) -> float:
        """Seconds until an override ends."""
        return max(0.0, self._held[override_id][1] - self._clock.boottime())

    async def add(self, request: OverrideRequest) -> Override:
        """Check, store and obey; it takes the place of one of its kind at the same place.

        Raises InvalidRequestError, StateUnavailableError.
        """
        self.check(request)
        self._check_loaded()
        return await self._changed(lambda: self._add(request), _STORE_WITHIN_S)

    async def extend(self, override_id: int, ttl_s: float, actor: str, reason: str) -> Override:
        """Let an override end `ttl_s` from now, be it later or sooner than it would have.

        Raises InvalidRequestError, StateUnavailableError.
        """
        check_ttl(ttl_s, self._current.settings)
        check_text("reason", reason)
        self._check_loaded()
        return await self._changed(
            lambda: self._extend(override_id, ttl_s, actor, reason), _STORE_WITHIN_S
        )

    async def withdraw(self, override_id: int, actor: str) -> Override:
        """End an override before its time. Raises InvalidRequestError, StateUnavailableError."""
        self._check_loaded()
        return await self._changed(lambda: self._withdraw(override_id, actor), _STORE_WITHIN_S)

    def check(self, request: OverrideRequest) -> None:
        """Raise InvalidRequestError when the request makes no sense here."""
        check(request, self._current.settings)

    async def run(self) -> None:
        """Announce and end overrides at their times, until cancelled."""
        while True:
            await self._bell.wait(await self._tend())

    async def _tend(self) -> float:
        """Announce and end what is due; seconds until something may be due again."""
        now = self._clock.boottime()
        before_s = self._current.settings.overrides.announce_before_s
        next_s = _LOOK_EVERY_S if self._held else _IDLE_S
        expired = []
        for override, ends_at in list(self._held.values()):
            left_s = ends_at - now
            if left_s <= 0:
                expired.append(override)
            elif left_s <= before_s:
                self._announce(override, left_s)
                next_s = min(next_s, left_s)
            else:
                next_s = min(next_s, left_s - before_s)
        return min(next_s, await self._expire(expired))

    def _announce(self, override: Override, left_s: float) -> None:
        if override.id not in self._announced:
            self._announced.add(override.id)
            _log.warning("override_expires_soon", **_named(override), left_s=round(left_s))
            self._tell(EventType.OVERRIDE_EXPIRES_SOON, override, DAEMON)

    async def _expire(self, expired: Sequence[Override]) -> float:
        """Have these ends obeyed at once and stored; seconds until that has to be tried again."""
        if any(override.id not in self._over for override in expired):
            self._wake()
        self._over = {override.id for override in expired}
        for override in expired:
            try:
                await self._changed(partial(self._end_expired, override), _MOMENT_S)
            except StateUnavailableError as error:
                # The others would wait for the same disk.
                _log.error("override_end_not_durable", **_named(override), error=str(error))
                return _RETRY_S
        return _IDLE_S

    # -- changes, one at a time

    async def _changed(self, change: Callable[[], Coroutine[Any, Any, T]], within_s: float) -> T:
        """What a change returns or raises that is begun when no other is under way.

        Raises StateUnavailableError when it could not begin in time, with nothing changed, and when
        it is still being stored; then it goes on alone.
        """
        try:
            async with asyncio.timeout(within_s):
                await self._turn.acquire()
        except TimeoutError:
            detail = "the state file does not answer: another change is still being stored"
            raise StateUnavailableError(f"{detail}; nothing has changed") from None
        task = asyncio.create_task(self._in_turn(change()))  # noqa: TID251 - may outlast its caller
        self._changes.add(task)
        task.add_done_callback(self._changes.discard)
        if task in (await asyncio.wait({task}, timeout=within_s))[0]:
            return task.result()
        task.add_done_callback(_log_late)
        raise StateUnavailableError(
            f"no answer from the state file within {within_s:g} s; if the change is stored yet, it "
            "counts from then on: look at the overrides in force"
        )

    async def _in_turn(self, change: Coroutine[Any, Any, T]) -> T:
        try:
            return await change
        finally:
            self._turn.release()

    async def _add(self, request: OverrideRequest) -> Override:
        replaced = [o.id for o in self.active() if o.target == request.target]
        now, wall = self._clock.boottime(), self._clock.wall()
        expires_at = wall + timedelta(seconds=request.ttl_s)
        override = await self._store.add_override(request, wall, expires_at, replaced)
        for replaced_id in replaced:
            self._forget(replaced_id, override.author, "replaced")
        self._held[override.id] = (override, now + request.ttl_s)
        _log.info("override_set", **_named(override), reason=override.reason, ttl_s=request.ttl_s)
        self._tell(EventType.OVERRIDE_SET, override, override.author)
        self._bell.ring()
        self._wake()
        return override

    async def _extend(self, override_id: int, ttl_s: float, actor: str, reason: str) -> Override:
        before, ends_at = held = self._in_force(override_id)
        now, wall = self._clock.boottime(), self._clock.wall()
        # At once, lest it expires while the store is at work; and no longer than that may take.
        kept_until = min(now + ttl_s, now + _STORE_WITHIN_S)
        self._held[override_id] = (before, max(ends_at, kept_until))
        try:
            override = await self._store.extend_override(
                override_id,
                expires_at=wall + timedelta(seconds=ttl_s),
                actor=actor,
                at=wall,
                reason=reason,
            )
        except BaseException:
            self._held[override_id] = held
            raise
        self._held[override_id] = (override, now + ttl_s)
        self._announced.discard(override_id)
        _log.info("override_extended", **_named(override), ttl_s=ttl_s, actor=actor, reason=reason)
        self._tell(EventType.OVERRIDE_EXTENDED, override, actor, reason)
        self._bell.ring()
        self._wake()
        return override

    async def _withdraw(self, override_id: int, actor: str) -> Override:
        override, _ = self._in_force(override_id)
        await self._end(override, actor, "withdrawn")
        return override

    async def _end_expired(self, override: Override) -> None:
        """End it, unless it was given another end meanwhile."""
        held = self._held.get(override.id)
        if held is not None and held[1] <= self._clock.boottime():
            await self._end(override, DAEMON, "expired")

    async def _end(self, override: Override, actor: str, why: str) -> None:
        await self._store.end_override(override.id, actor=actor, at=self._clock.wall(), why=why)
        self._forget(override.id, actor, why)
        self._wake()

    def _forget(self, override_id: int, actor: str, why: str) -> None:
        """It has ended, and that is durable; somebody else may have been quicker to say so."""
        held = self._held.pop(override_id, None)
        if held is None:
            return
        self._announced.discard(override_id)
        _log.info("override_ended", **_named(held[0]), why=why, actor=actor)
        self._tell(EventType.OVERRIDE_ENDED, held[0], actor, why)

    def _tell(self, type_: EventType, override: Override, actor: str, why: str = "") -> None:
        for listener in self._listeners:
            listener(type_, override, actor, why)

    def _check_loaded(self) -> None:
        if not self.loaded:
            raise StateUnavailableError(
                "orders given before the start have not been read yet; nothing has changed"
            )

    def _in_force(self, override_id: int) -> tuple[Override, float]:
        held = self._held.get(override_id)
        if held is None or held[1] <= self._clock.boottime():
            valid = tuple(str(override.id) for override in self.active())
            raise InvalidRequestError(
                f"no override {override_id} is in force", field="id", valid=valid
            )
        return held


def _named(override: Override) -> dict[str, object]:
    return {
        "override_id": override.id,
        "kind": override.kind.value,
        "region": override.region,
        "service": override.service,
        "pool": override.pool,
        "share": override.share,
        "author": override.author,
    }


def _log_late(change: asyncio.Task[Any]) -> None:
    if not change.cancelled() and (error := change.exception()):
        _log.error("override_not_stored", error=str(error))
