"""The sandbox's users: each makes one request a second, also when the previous one failed.

A user keeps a resolved address for its TTL and does not resolve sooner because a request failed:
that is why a failover by DNS takes effect up to a TTL late. When the name server does not answer,
users continue with the last address (RFC 8767), so that its loss alone stops no user.
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
"""The region of a request whose region is unknown."""

Visit = Callable[[UserDestination, str, str], Awaitable[str | None]]
"""Makes a request (destination, address, country); returns the region, None if it failed."""


class CachedName:
    """One user's resolver cache: it keeps an answer exactly for its TTL."""

    def __init__(self, name: str, country: str, ask: Ask) -> None:
        self._name = name
        self._country = country
        self._ask = ask
        self._address: str | None = None
        self._keep_until_s = 0.0

    async def address(self) -> str | None:
        """The present address; None when the name has none or was never answered."""
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
    """All users; they count their requests in `traffic`."""

    def __init__(
        self,
        profiles: Sequence[UserProfile],
        *,
        ask: Ask,
        visit: Visit,
        regions: Mapping[str, str],
        traffic: UserTraffic,
    ) -> None:
        """`profiles` are ordered by `phase_s`; `regions` maps host address to region."""
        self._users = [
            (profile, CachedName(profile.destination.name, profile.country, ask))
            for profile in profiles
        ]
        self._visit = visit
        self._regions = regions
        self._traffic = traffic

    async def run(self) -> None:
        """Make one request per user and second, until cancelled.

        Users start when every service's name has an address (a new record needs time to reach the
        name server), at the latest after ten seconds.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(_NAMES_WITHIN_S):
                await self._wait_for_names()
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as tasks:
            async for second in ticks(1.0):
                for profile, name in self._users:
                    await asyncio.sleep(max(0.0, second + profile.phase_s - loop.time()))
                    tasks.create_task(self._request(profile, name))

    async def _wait_for_names(self) -> None:
        unresolved = {profile.destination.name: name for profile, name in self._users}
        async for _ in ticks(_NAMES_POLL_S):
            for text, name in tuple(unresolved.items()):
                if await name.address() is not None:
                    del unresolved[text]
            if not unresolved:
                return

    async def _request(self, profile: UserProfile, name: CachedName) -> None:
        address = await name.address()
        served_by = None
        if address is not None:
            served_by = await self._visit(profile.destination, address, profile.country)
        # A failed request counts for its region; behind an accelerator that is unknown.
        region = served_by or self._regions.get(address or "", NO_REGION)
        self._traffic.record(profile.service, profile.pool, region, ok=served_by is not None)
