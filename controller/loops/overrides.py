"""Takes, keeps, announces and ends a person's standing instructions.

An override is acknowledged only once it is durable. Its expiry is reckoned on the monotonic clock
from the moment it was taken or loaded, so that a stepping wall clock neither ends nor prolongs it;
across a restart the wall-clock date counts.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import structlog

from controller.loops.wake import Bell
from controller.model.configuration import Settings
from controller.model.decision import GUARD_HOLDS
from controller.model.errors import InvalidRequestError, StateUnavailableError
from controller.model.overrides import Override, OverrideKind, OverrideRequest
from controller.ports import Clock, Store

_log = structlog.get_logger("overrides")
_IDLE_S = 3600.0
_RETRY_S = 1.0
DAEMON = "gtc"
"""Actor of what nobody ordered, such as an expiry."""


class Overrides:
    """The overrides in force. `run` announces and ends them."""

    def __init__(
        self, settings: Settings, store: Store, clock: Clock, wake: Callable[[], None]
    ) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._wake = wake
        self._bell = Bell()
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
        replaced = [override.id for override in self.active() if override.place == request.place]
        now, wall = self._clock.monotonic(), self._clock.wall()
        expires_at = wall + timedelta(seconds=request.ttl_s)
        override = await self._store.add_override(request, wall, expires_at, replaced)
        self._held = {i: held for i, held in self._held.items() if i not in replaced}
        self._held[override.id] = (override, now + request.ttl_s)
        _log.info("override_set", **_named(override), reason=override.reason, ttl_s=request.ttl_s)
        self._bell.ring()
        self._wake()
        return override

    async def withdraw(self, override_id: int, actor: str) -> Override:
        """End an override before its time. Raises InvalidRequestError, StateUnavailableError."""
        held = self._held.get(override_id)
        if held is None:
            valid = tuple(str(known) for known in self._held)
            raise InvalidRequestError(
                f"no override {override_id} is in force", field="id", valid=valid
            )
        await self._end(held[0], actor, "withdrawn")
        return held[0]

    def check(self, request: OverrideRequest) -> None:
        """Raise InvalidRequestError when the request makes no sense here."""
        self._check_place(request)
        limits = self._settings.overrides
        if not limits.min_ttl_s <= request.ttl_s <= limits.max_ttl_s:
            allowed = f"{limits.min_ttl_s:g} to {limits.max_ttl_s:g} s"
            raise InvalidRequestError(
                f"ttl_s is {request.ttl_s:g}; allowed are {allowed}", field="ttl_s"
            )
        for field, value in (("reason", request.reason), ("author", request.author)):
            if not value.strip():
                raise InvalidRequestError(f"an override needs its {field}", field=field)
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
        before_s = self._settings.overrides.announce_before_s
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

    async def _expire(self, override: Override) -> float:
        self._wake()
        try:
            await self._end(override, DAEMON, "expired")
        except StateUnavailableError as error:
            _log.error("override_end_not_durable", **_named(override), error=str(error))
            return _RETRY_S
        return _IDLE_S

    async def _end(self, override: Override, actor: str, why: str) -> None:
        await self._store.end_override(override.id, actor=actor, at=self._clock.wall(), why=why)
        self._held.pop(override.id, None)
        self._announced.discard(override.id)
        _log.info("override_ended", **_named(override), why=why, actor=actor)
        self._wake()

    def _check_place(self, request: OverrideRequest) -> None:
        services = self._settings.services
        if request.service is not None and request.service not in services:
            raise InvalidRequestError(
                f"no service is named {request.service!r}", field="service", valid=tuple(services)
            )
        if request.kind is OverrideKind.FREEZE:
            if request.region is not None:
                raise InvalidRequestError("a freeze has no region", field="region")
            return
        concerned = [services[request.service]] if request.service else list(services.values())
        regions = tuple(sorted({region for service in concerned for region in service.regions}))
        if request.region not in regions:
            where = f" of service {request.service}" if request.service else ""
            raise InvalidRequestError(
                f"no region{where} is named {request.region!r}", field="region", valid=regions
            )


def _named(override: Override) -> dict[str, object]:
    return {
        "override_id": override.id,
        "kind": override.kind.value,
        "region": override.region,
        "service": override.service,
        "author": override.author,
    }
