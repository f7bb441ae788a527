"""Takes, keeps, announces and ends a person's standing instructions.

An override is acknowledged only once it is durable. Its expiry is reckoned on the monotonic clock
from the moment it was taken or loaded, so that a stepping wall clock neither ends nor prolongs it;
across a restart the wall-clock date counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import timedelta

import structlog

from controller.loops.current import Current
from controller.loops.wake import Bell
from controller.model.decision import GUARD_HOLDS
from controller.model.errors import InvalidRequestError, StateUnavailableError
from controller.model.events import EventType
from controller.model.overrides import Override, OverrideKind, OverrideRequest
from controller.ports import Clock, Orders

_log = structlog.get_logger("overrides")
_IDLE_S = 3600.0
_RETRY_S = 1.0
DAEMON = "gtc"
"""Actor of what nobody ordered, such as an expiry."""

Listener = Callable[[EventType, Override, str, str], None]
"""Told what happened to an override, who did it, and why it ended."""


class Overrides:
    """The overrides in force. `run` announces and ends them."""

    def __init__(
        self,
        current: Current,
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
        self._bell = Bell()
        self._turn = asyncio.Lock()
        """One change at a time: none may rest on what another is about to end or replace."""
        self._held: dict[int, tuple[Override, float]] = {}
        self._announced: set[int] = set()

    async def load(self) -> None:
        """Take up the overrides of an earlier process."""
        now, wall = self._clock.monotonic(), self._clock.wall()
        for override in await self._store.overrides():
            left_s = (override.expires_at - wall).total_seconds()
            self._held[override.id] = (override, now + left_s)

    def active(self) -> tuple[Override, ...]:
        """Those in force now, oldest first."""
        now = self._clock.monotonic()
        return tuple(override for override, ends_at in self._held.values() if ends_at > now)

    def remaining_s(self, override_id: int) -> float:
        """Seconds until an override ends."""
        return max(0.0, self._held[override_id][1] - self._clock.monotonic())

    async def add(self, request: OverrideRequest) -> Override:
        """Check, store and obey; it takes the place of one of its kind at the same place.

        Raises InvalidRequestError, StateUnavailableError.
        """
        self.check(request)
        async with self._turn:
            replaced = [o.id for o in self.active() if o.place == request.place]
            now, wall = self._clock.monotonic(), self._clock.wall()
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

    async def extend(self, override_id: int, ttl_s: float, actor: str, reason: str) -> Override:
        """Let an override end `ttl_s` from now, be it later or sooner than it would have.

        Raises InvalidRequestError, StateUnavailableError.
        """
        self._check_ttl(ttl_s)
        self._check_text("reason", reason)
        async with self._turn:
            override = await self._extend(override_id, ttl_s, actor, reason)
        self._announced.discard(override_id)
        _log.info("override_extended", **_named(override), ttl_s=ttl_s, actor=actor, reason=reason)
        self._tell(EventType.OVERRIDE_EXTENDED, override, actor, reason)
        self._bell.ring()
        return override

    async def withdraw(self, override_id: int, actor: str) -> Override:
        """End an override before its time. Raises InvalidRequestError, StateUnavailableError."""
        async with self._turn:
            override, _ = self._in_force(override_id)
            await self._end(override, actor, "withdrawn")
        return override

    def check(self, request: OverrideRequest) -> None:
        """Raise InvalidRequestError when the request makes no sense here."""
        self._check_place(request)
        self._check_share(request)
        self._check_ttl(request.ttl_s)
        self._check_text("reason", request.reason)
        self._check_text("author", request.author)
        guards = tuple(hold.value for hold in GUARD_HOLDS)
        for name in request.ignore_guards:
            if name not in guards:
                raise InvalidRequestError(
                    f"no guard is named {name!r}", field="ignore_guards", valid=guards
                )

    async def run(self) -> None:
        """Announce and end overrides at their times, until cancelled."""
        while True:
            await self._bell.wait(await self._tend())

    async def _tend(self) -> float:
        """Announce and end what is due; seconds until something is due again."""
        now = self._clock.monotonic()
        before_s = self._current.settings.overrides.announce_before_s
        next_s = _IDLE_S
        for override, ends_at in list(self._held.values()):
            left_s = ends_at - now
            if left_s <= 0:
                next_s = min(next_s, await self._expire(override))
            elif left_s <= before_s:
                self._announce(override, left_s)
                next_s = min(next_s, left_s)
            else:
                next_s = min(next_s, left_s - before_s)
        return next_s

    def _announce(self, override: Override, left_s: float) -> None:
        if override.id not in self._announced:
            self._announced.add(override.id)
            _log.warning("override_expires_soon", **_named(override), left_s=round(left_s))
            self._tell(EventType.OVERRIDE_EXPIRES_SOON, override, DAEMON)

    async def _expire(self, override: Override) -> float:
        self._wake()
        try:
            async with self._turn:
                await self._end(override, DAEMON, "expired")
        except StateUnavailableError as error:
            _log.error("override_end_not_durable", **_named(override), error=str(error))
            return _RETRY_S
        return _IDLE_S

    async def _extend(self, override_id: int, ttl_s: float, actor: str, reason: str) -> Override:
        held = self._in_force(override_id)
        now, wall = self._clock.monotonic(), self._clock.wall()
        # At once, lest it expires while the store is at work.
        self._held[override_id] = (held[0], now + ttl_s)
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
        return override

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

    def _in_force(self, override_id: int) -> tuple[Override, float]:
        held = self._held.get(override_id)
        if held is None or held[1] <= self._clock.monotonic():
            valid = tuple(str(override.id) for override in self.active())
            raise InvalidRequestError(
                f"no override {override_id} is in force", field="id", valid=valid
            )
        return held

    def _check_ttl(self, ttl_s: float) -> None:
        limits = self._current.settings.overrides
        if not limits.min_ttl_s <= ttl_s <= limits.max_ttl_s:
            allowed = f"{limits.min_ttl_s:.15g} to {limits.max_ttl_s:.15g} s"
            detail = f"ttl_s is {ttl_s:.15g}; allowed are {allowed}"
            raise InvalidRequestError(detail, field="ttl_s")

    @staticmethod
    def _check_share(request: OverrideRequest) -> None:
        share = request.share
        if request.kind is not OverrideKind.PIN:
            if share is not None:
                raise InvalidRequestError(f"a {request.kind.value} has no share", field="share")
        elif share is None:
            raise InvalidRequestError("a pin needs its share", field="share")
        elif share == 0:
            detail = "share is 0, which takes the region out: drain it instead"
            raise InvalidRequestError(detail, field="share")
        elif not 0 < share <= 1:
            allowed = "a part above 0 up to 1, such as 0.3 for 30 %"
            raise InvalidRequestError(f"share is {share:g}; allowed is {allowed}", field="share")

    @staticmethod
    def _check_text(field: str, text: str) -> None:
        if not text.strip():
            raise InvalidRequestError(f"an override needs its {field}", field=field)

    def _check_place(self, request: OverrideRequest) -> None:
        services = self._current.settings.services
        if request.service is not None and request.service not in services:
            raise InvalidRequestError(
                f"no service is named {request.service!r}", field="service", valid=tuple(services)
            )
        self._check_pool(request)
        if request.kind is OverrideKind.FREEZE:
            if request.region is not None:
                raise InvalidRequestError("a freeze has no region", field="region")
            return
        concerned = [services[request.service]] if request.service else list(services.values())
        regions = tuple(sorted({region for service in concerned for region in service.regions}))
        where = f" of service {request.service}" if request.service else ""
        if request.pool is not None:
            (service,) = concerned
            regions, where = service.pools[request.pool].regions, f" of pool {request.pool}"
        if request.region is None:
            raise InvalidRequestError(
                f"a {request.kind.value} needs its region", field="region", valid=regions
            )
        if request.region not in regions:
            raise InvalidRequestError(
                f"no region{where} is named {request.region!r}", field="region", valid=regions
            )

    def _check_pool(self, request: OverrideRequest) -> None:
        if request.pool is None:
            return
        if request.service is None:
            raise InvalidRequestError(
                "a pool is one service's: name the service, too",
                field="service",
                valid=tuple(self._current.settings.services),
            )
        pools = self._current.settings.services[request.service].pools
        if request.pool not in pools:
            raise InvalidRequestError(
                f"no pool of service {request.service} is named {request.pool!r}",
                field="pool",
                valid=tuple(pools),
            )


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
