"""The sandbox's users: each makes one request a second, whatever became of the one before.

A user keeps the address it was given for as long as the answer's TTL allows and does not ask sooner
because a request failed: that is why a failover by DNS takes effect a TTL late. A resolver that
gets no answer at all goes on with the last one (RFC 8767), so that the loss of the name server
alone does not stop anybody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress

from controller.sandbox.regular_work import ticks
from controller.sandbox.world.dns_client import Ask, NoAnswerError
from controller.sandbox.world.population import UserDestination, UserProfile
from controller.sandbox.world.user_traffic import UserTraffic

_NAMES_WITHIN_S = 10.0
_NAMES_POLL_S = 0.1

NO_REGION = "none"
"""Stands for the region of a request of which nobody knows where it went."""

Visit = Callable[[UserDestination, str, str], Awaitable[str | None]]
"""Go to an address from a country: the region that served, None when the request failed."""


class CachedName:
    """One user's resolver: an answer is kept for its TTL, neither longer nor shorter."""

    def __init__(self, name: str, country: str, ask: Ask) -> None:
        self._name = name
        self._country = country
        self._ask = ask
        self._address: str | None = None
        self._keep_until_s = 0.0

    async def address(self) -> str | None:
        """Where to go now; None when the name has no address or was never answered."""
        loop = asyncio.get_running_loop()
        if loop.time() >= self._keep_until_s:
            try:
                answer = await self._ask(self._name, self._country)
            except NoAnswerError:
                return self._address
            self._address = answer.address
            self._keep_until_s = loop.time() + answer.ttl_s
        return self._address


class Users:
    """Everybody, and the counts of what they saw."""

    def __init__(
        self,
        profiles: Sequence[UserProfile],
        *,
        ask: Ask,
        visit: Visit,
        regions: Mapping[str, str],
        traffic: UserTraffic,
    ) -> None:
        """`profiles` in the order of their phases; `regions` by address of their endpoints."""
        self._users = [
            (profile, CachedName(profile.destination.name, profile.country, ask))
            for profile in profiles
        ]
        self._visit = visit
        self._regions = regions
        self._traffic = traffic

    async def run(self) -> None:
        """Let every user make one request a second, until cancelled.

        They come once every service's name has an address (a new record takes a while to reach the
        name server), or after ten seconds, whatever it is that keeps the names from being answered.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(_NAMES_WITHIN_S):
                await self._names_answer()
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as tasks:
            async for second in ticks(1.0):
                for profile, name in self._users:
                    await asyncio.sleep(max(0.0, second + profile.phase_s - loop.time()))
                    tasks.create_task(self._request(profile, name))

    async def _names_answer(self) -> None:
        waiting = {profile.destination.name: name for profile, name in self._users}
        async for _ in ticks(_NAMES_POLL_S):
            for text, name in tuple(waiting.items()):
                if await name.address() is not None:
                    del waiting[text]
            if not waiting:
                return

    async def _request(self, profile: UserProfile, name: CachedName) -> None:
        address = await name.address()
        served_by = None
        if address is not None:
            served_by = await self._visit(profile.destination, address, profile.country)
        # A failed request is charged to the region it went to, which an accelerator does not tell.
        region = served_by or self._regions.get(address or "", NO_REGION)
        self._traffic.record(profile.service, profile.pool, region, ok=served_by is not None)
