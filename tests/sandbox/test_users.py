"""Users in simulated time: rate, caching for the TTL, and the region of failures."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, datetime

import pytest

from controller.model.traffic import Measurement
from controller.sandbox.world.dns_client import NoAnswerError, ResolvedAddress
from controller.sandbox.world.population import UserDestination, UserProfile
from controller.sandbox.world.user_traffic import UserTraffic
from controller.sandbox.world.users import CachedName, Users

pytestmark = pytest.mark.looptime

EU, US, UNKNOWN = "127.0.71.1", "127.0.72.1", "127.0.99.1"
REGIONS = {EU: "eu-west-1", US: "us-east-1"}
SHOP = UserDestination("shop.example.test.", "http", 8080)


class NameServer:
    """Answers with `address` and a TTL of 5 s; None as address is silence. Stores when it is
    queried.
    """

    def __init__(self, address: str | None = EU) -> None:
        self.address = address
        self.asked_at: list[float] = []

    async def ask(self, name: str, country: str) -> ResolvedAddress:
        self.asked_at.append(round(asyncio.get_running_loop().time(), 3))
        if self.address is None:
            raise NoAnswerError("silent")
        return ResolvedAddress(self.address, 5)


class World:
    """Serves at every address of a region that is not in `broken`."""

    def __init__(self, takes_s: float = 0.01) -> None:
        self.broken: set[str] = set()
        self.takes_s = takes_s
        self.visits: list[tuple[float, str]] = []

    async def visit(self, destination: UserDestination, address: str, country: str) -> str | None:
        self.visits.append((asyncio.get_running_loop().time(), address))
        await asyncio.sleep(self.takes_s)
        return None if address in self.broken else REGIONS.get(address)


def users_of(names: NameServer, world: World, count: int = 1) -> tuple[Users, UserTraffic]:
    traffic = UserTraffic()
    profiles = [UserProfile("shop", "europe", "DE", SHOP, n / count) for n in range(count)]
    users = Users(profiles, ask=names.ask, visit=world.visit, regions=REGIONS, traffic=traffic)
    return users, traffic


async def run_for(users: Users, seconds: float) -> None:
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(users.run())
        await asyncio.sleep(seconds)
        running.cancel()


def counted(traffic: UserTraffic) -> tuple[Measurement, ...]:
    return traffic.close_second(datetime(2024, 1, 1, tzinfo=UTC)).measurements


async def test_each_user_makes_one_request_a_second_at_its_phase() -> None:
    """Requests are spread over the second."""
    world = World()
    users, traffic = users_of(NameServer(), world, count=4)
    await run_for(users, 9.9)
    assert counted(traffic) == (Measurement("shop", "europe", "eu-west-1", 40, 0),)
    per_quarter = Counter(int(at * 4) % 4 for at, _ in world.visits)
    assert per_quarter == {0: 10, 1: 10, 2: 10, 3: 10}


async def test_an_answer_is_kept_for_its_ttl() -> None:
    """A user resolves again when the TTL has passed, and not before."""
    names = NameServer()
    users, _ = users_of(names, World())
    await run_for(users, 14.5)
    assert names.asked_at == [0, 5, 10]


async def test_a_failing_region_is_not_left_before_the_ttl() -> None:
    """Users do not resolve earlier because a request failed; that is the cost of a TTL."""
    names, world = NameServer(EU), World()
    users, traffic = users_of(names, world)
    world.broken.add(EU)
    names_change = asyncio.get_running_loop().call_later(1.5, setattr, names, "address", US)
    await run_for(users, 9.5)
    assert names_change.when() < 2
    assert names.asked_at == [0, 5]
    assert counted(traffic) == (
        Measurement("shop", "europe", "eu-west-1", 5, 5),
        Measurement("shop", "europe", "us-east-1", 5, 0),
    )


async def test_a_silent_name_server_leaves_users_where_they_are() -> None:
    """Users continue with the last answer; each later request queries again."""
    names, world = NameServer(EU), World()
    users, traffic = users_of(names, world)
    asyncio.get_running_loop().call_later(2, setattr, names, "address", None)
    await run_for(users, 7.5)
    assert names.asked_at == [0, 5, 6, 7]
    assert counted(traffic) == (Measurement("shop", "europe", "eu-west-1", 8, 0),)


async def test_slow_requests_do_not_slow_users_down() -> None:
    """One request a second, even if each takes two: failures do not reduce demand."""
    world = World(takes_s=2)
    users, _ = users_of(NameServer(), world)
    await run_for(users, 9.5)
    assert len(world.visits) == 10


async def test_failures_behind_an_accelerator_belong_to_no_region() -> None:
    """The accelerator's address does not show the region of a failed request."""
    names, world = NameServer(UNKNOWN), World()
    users, traffic = users_of(names, world)
    await run_for(users, 2.5)
    assert counted(traffic) == (Measurement("shop", "europe", "none", 3, 3),)


async def test_users_start_when_the_name_is_answered() -> None:
    """A record that the name server lacks yet is no error of a region."""
    names, world = NameServer(None), World()
    users, traffic = users_of(names, world)
    asyncio.get_running_loop().call_later(2, setattr, names, "address", EU)
    await run_for(users, 4.5)
    assert world.visits[0][0] == pytest.approx(2, abs=0.2)
    assert counted(traffic) == (Measurement("shop", "europe", "eu-west-1", 3, 0),)


async def test_users_do_not_wait_for_a_name_for_ever() -> None:
    """A silent name server shows in the counts."""
    users, traffic = users_of(NameServer(None), World())
    await run_for(users, 12.5)
    assert counted(traffic) == (Measurement("shop", "europe", "none", 3, 3),)


async def test_a_name_without_address_is_forgotten() -> None:
    """It is an answer: users do not continue with the old address."""
    answers = [ResolvedAddress(EU, 1), ResolvedAddress(None, 0)]

    async def ask(name: str, country: str) -> ResolvedAddress:
        return answers.pop(0)

    cached = CachedName("shop.example.test.", "DE", ask)
    assert await cached.address() == EU
    await asyncio.sleep(1)
    assert await cached.address() is None
