"""Overrides: an operator's orders, each with an end. Adds, extends, withdraws and expires them.

An order is taken in one place, `Overrides.add`: it is checked once, its caller may look at what it
would lead to and refuse it, then it is stored.

An override is acknowledged only once it is stored. Its end is kept in seconds of the clock that
also counts while the machine is suspended (`boottime`), so that a stepping wall clock neither ends
nor prolongs it. Across a restart the wall-clock date counts, but from the start no order lasts
longer than it was given for: the clock may be wrong then.

The store is awaited for `_STORE_WAIT_S` at most. A change that is not stored by then is reported as
not acknowledged, and continues in the background: if it is stored in the end, it is active from
then on. Meanwhile every other change is refused, with nothing changed. Expiry does not wait for the
store: no override is active beyond its end, whatever the disk does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from functools import partial

import structlog

from controller.loops.active_settings import ActiveSettings
from controller.loops.override_changes import OverrideChanges
from controller.loops.override_requests import (
    check,
    check_text,
    check_ttl,
    supposed_overrides,
)
from controller.loops.wakeup import WakeUp
from controller.model.errors import InvalidRequestError, StateUnavailableError
from controller.model.events import EventType
from controller.model.overrides import Override, OverrideRequest
from controller.ports import Clock, Orders

_log = structlog.get_logger("overrides")
_IDLE_S = 3600.0
_RETRY_S = 1.0
_CHECK_EVERY_S = 10.0
"""How late an end may be after the machine was suspended: timers stop meanwhile."""
_STORE_WAIT_S = 5.0
"""How long a change may take to be stored before the caller gets an error."""
_CLOCK_TOLERANCE = timedelta(seconds=10)
"""By how much two clocks may differ that are both right."""
_EXPIRY_WAIT_S = 0.2
"""How long one expiry waits for the store before the next is processed."""
DAEMON = "gtc"
"""Actor of what the daemon does without an order, such as an expiry."""

Listener = Callable[[EventType, Override, str, str], None]
"""Called with what happened to an override, the override, the actor, and why it ended."""
Condition = Callable[[Sequence[Override]], None]
"""Called with the overrides that would be active after an order; what it raises refuses the order.
"""


def _unconditional(_supposed: Sequence[Override]) -> None:
    """The condition that refuses nothing."""


class Overrides:
    """The active overrides. `run` announces their ends and expires them."""

    def __init__(
        self,
        active_settings: ActiveSettings,
        store: Orders,
        clock: Clock,
        wake: Callable[[], None],
        listeners: Iterable[Listener] = (),
    ) -> None:
        self._active_settings = active_settings
        self._store = store
        self._clock = clock
        self._wake = wake
        self._listeners = tuple(listeners)
        self._wakeup = WakeUp()
        self._held: dict[int, tuple[Override, float]] = {}
        """Id to override and its end, in seconds of `boottime`."""
        self._announced: set[int] = set()
        self._ended_unstored: set[int] = set()
        """Ids of those that have expired, whose end is not stored yet."""
        self._changes = OverrideChanges()
        self._given_later: list[Override] = []
        """Those whose dates lay in the future at the start: the clock was wrong then or before."""
        self.loaded = False
        """Whether the overrides of an earlier process were read."""

    async def load(self) -> None:
        """Read the overrides of an earlier process. Raises StateUnavailableError."""
        stored = await self._store.overrides()
        now, wall = self._clock.boottime(), self._clock.wall()
        for override in stored:
            left = min(override.expires_at - wall, override.expires_at - override.created_at)
            self._held[override.id] = (override, now + left.total_seconds())
            if override.created_at > wall + _CLOCK_TOLERANCE:
                self._given_later.append(override)
                _log.warning(
                    "override_of_the_future", **_log_fields(override), now=wall.isoformat()
                )
        self.loaded = True
        self._wakeup.notify()

    @property
    def given_later(self) -> tuple[Override, ...]:
        """Active overrides that were given, by their dates, after the daemon started."""
        return tuple(override for override in self._given_later if override.id in self._held)

    async def end(self) -> None:
        """Cancel the changes that are still being stored."""
        await self._changes.end()

    def active(self) -> tuple[Override, ...]:
        """The active overrides, oldest first."""
        now = self._clock.boottime()
        return tuple(override for override, ends_at in self._held.values() if ends_at > now)

    def remaining_s(self, override_id: int) -> float:
        """Seconds until an override ends, at least 0."""
        return max(0.0, self._held[override_id][1] - self._clock.boottime())

    async def add(
        self, request: OverrideRequest, condition: Condition = _unconditional
    ) -> Override:
        """Check and store a new override; it replaces one of the same kind at the same place.

        Raises InvalidRequestError, what `condition` raises, StateUnavailableError.
        """
        self.check(request)
        condition(self.supposing(request))
        self._check_loaded()
        return await self._changes.run(lambda: self._add(request), _STORE_WAIT_S)

    async def extend(self, override_id: int, ttl_s: float, actor: str, reason: str) -> Override:
        """Let an override end `ttl_s` seconds from now, later or sooner than before.

        Raises InvalidRequestError, StateUnavailableError.
        """
        check_ttl(ttl_s, self._active_settings.settings)
        check_text("reason", reason)
        self._check_loaded()
        return await self._changes.run(
            lambda: self._extend(override_id, ttl_s, actor, reason), _STORE_WAIT_S
        )

    async def withdraw(self, override_id: int, actor: str) -> Override:
        """End an override before its time. Raises InvalidRequestError, StateUnavailableError."""
        self._check_loaded()
        return await self._changes.run(lambda: self._withdraw(override_id, actor), _STORE_WAIT_S)

    def check(self, request: OverrideRequest) -> None:
        """Raise InvalidRequestError for a request that the active settings do not allow."""
        check(request, self._active_settings.settings)

    def supposing(self, *requests: OverrideRequest) -> tuple[Override, ...]:
        """The overrides that would be active if these requests, which `check` allows, were carried
        out, the newest last."""
        return supposed_overrides(self.active(), requests, self._clock.wall())

    def without(self, ended: Override) -> tuple[Override, ...]:
        """The overrides that would be active if this one ended."""
        return tuple(override for override in self.active() if override.id != ended.id)

    async def run(self) -> None:
        """Announce and expire overrides at their times, until cancelled."""
        while True:
            await self._wakeup.wait(await self._process_due())

    async def _process_due(self) -> float:
        """Announce and expire what is due; returns seconds until something may be due again."""
        now = self._clock.boottime()
        before_s = self._active_settings.settings.overrides.announce_before_s
        next_s = _CHECK_EVERY_S if self._held else _IDLE_S
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
            _log.warning("override_expires_soon", **_log_fields(override), left_s=round(left_s))
            self._notify_listeners(EventType.OVERRIDE_EXPIRES_SOON, override, DAEMON)

    async def _expire(self, expired: Sequence[Override]) -> float:
        """Wake the reconciler for ended overrides, and store their ends; returns seconds until the
        store must be tried again."""
        if any(override.id not in self._ended_unstored for override in expired):
            self._wake()
        self._ended_unstored = {override.id for override in expired}
        for override in expired:
            try:
                await self._changes.run(partial(self._end_expired, override), _EXPIRY_WAIT_S)
            except StateUnavailableError as error:
                # The others would wait for the same disk.
                _log.error("override_end_not_durable", **_log_fields(override), error=str(error))
                return _RETRY_S
        return _IDLE_S

    # -- changes, one at a time

    async def _add(self, request: OverrideRequest) -> Override:
        replaced = [o.id for o in self.active() if o.target == request.target]
        now, wall = self._clock.boottime(), self._clock.wall()
        expires_at = wall + timedelta(seconds=request.ttl_s)
        override = await self._store.add_override(request, wall, expires_at, replaced)
        for replaced_id in replaced:
            self._remove(replaced_id, override.author, "replaced")
        self._held[override.id] = (override, now + request.ttl_s)
        _log.info(
            "override_set", **_log_fields(override), reason=override.reason, ttl_s=request.ttl_s
        )
        self._notify_listeners(EventType.OVERRIDE_SET, override, override.author)
        self._wakeup.notify()
        self._wake()
        return override

    async def _extend(self, override_id: int, ttl_s: float, actor: str, reason: str) -> Override:
        before, ends_at = held = self._active_override(override_id)
        now, wall = self._clock.boottime(), self._clock.wall()
        # At once, or it could expire while the store works; for no longer than that may take.
        kept_until = min(now + ttl_s, now + _STORE_WAIT_S)
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
        _log.info(
            "override_extended", **_log_fields(override), ttl_s=ttl_s, actor=actor, reason=reason
        )
        self._notify_listeners(EventType.OVERRIDE_EXTENDED, override, actor, reason)
        self._wakeup.notify()
        self._wake()
        return override

    async def _withdraw(self, override_id: int, actor: str) -> Override:
        override, _ = self._active_override(override_id)
        await self._end(override, actor, "withdrawn")
        return override

    async def _end_expired(self, override: Override) -> None:
        """End it, unless it was extended meanwhile."""
        held = self._held.get(override.id)
        if held is not None and held[1] <= self._clock.boottime():
            await self._end(override, DAEMON, "expired")

    async def _end(self, override: Override, actor: str, why: str) -> None:
        await self._store.end_override(override.id, actor=actor, at=self._clock.wall(), why=why)
        self._remove(override.id, actor, why)
        self._wake()

    def _remove(self, override_id: int, actor: str, why: str) -> None:
        """Remove an override whose end is stored; nothing happens if it was removed already."""
        held = self._held.pop(override_id, None)
        if held is None:
            return
        self._announced.discard(override_id)
        _log.info("override_ended", **_log_fields(held[0]), why=why, actor=actor)
        self._notify_listeners(EventType.OVERRIDE_ENDED, held[0], actor, why)

    def _notify_listeners(
        self, type_: EventType, override: Override, actor: str, why: str = ""
    ) -> None:
        for listener in self._listeners:
            listener(type_, override, actor, why)

    def _check_loaded(self) -> None:
        if not self.loaded:
            raise StateUnavailableError(
                "orders given before the start have not been read yet; nothing has changed"
            )

    def _active_override(self, override_id: int) -> tuple[Override, float]:
        held = self._held.get(override_id)
        if held is None or held[1] <= self._clock.boottime():
            valid = tuple(str(override.id) for override in self.active())
            raise InvalidRequestError(
                f"no override {override_id} is in force", field="id", valid=valid
            )
        return held


def _log_fields(override: Override) -> dict[str, object]:
    return {
        "override_id": override.id,
        "kind": override.kind.value,
        "region": override.region,
        "service": override.service,
        "pool": override.pool,
        "share": override.share,
        "author": override.author,
    }
