"""The sandbox's users: their service, country, and time within a second.

Pure except for the random generator: the same settings, number and seed make the same users.
Services and pools get users in proportion to their demand. A pool's users live in those countries
of the sandbox's geography table that Route 53's rule assigns to the pool, round-robin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from random import Random

from controller.model.configuration import Service, Settings
from controller.planning.geography import pool_of
from controller.sandbox.emulator.geography import COUNTRIES, location_of, source_address
from controller.sandbox.errors import SandboxError
from controller.sandbox.world.regions import ListenAddress, address_of

_HOST = 1  # one source address per country: macOS needs an alias for each


@dataclass(frozen=True, slots=True)
class UserDestination:
    """What users of one service resolve, and how they connect."""

    name: str
    scheme: str
    port: int


@dataclass(frozen=True, slots=True)
class UserProfile:
    """One user."""

    service: str
    pool: str
    country: str
    destination: UserDestination
    phase_s: float
    """Time of the user's request within each second: `0 <= phase_s < 1`."""


def population(settings: Settings, users: int, rng: Random) -> tuple[UserProfile, ...]:
    """This number of users, ordered by `phase_s`.

    Raises SandboxError when a pool has users but no country of the geography table, or when users
    cannot reach a service as its settings say.
    """
    demands = [
        (name, pool_name, pool.demand_rps)
        for name, service in settings.services.items()
        for pool_name, pool in service.pools.items()
    ]
    counts = apportion(users, [demand for _, _, demand in demands])
    profiles = [
        profile
        for (service, pool, _), count in zip(demands, counts, strict=True)
        if count
        for profile in _users_of(settings.services[service], service, pool, count, rng)
    ]
    return tuple(sorted(profiles, key=lambda profile: profile.phase_s))


def apportion(total: int, parts: Sequence[float]) -> list[int]:
    """Split a whole number in proportion to `parts`: the largest remainder method.

    `sum(result) == total`, unless all parts are 0. Example: 10 by (1, 1, 1) is exactly 3.33 each,
    so 3 each; the remaining one goes to the first: [4, 3, 3].
    """
    whole = sum(parts)
    if whole <= 0:
        return [0 for _ in parts]
    exact = [total * part / whole for part in parts]
    counts = [int(value) for value in exact]
    by_remainder = sorted(range(len(parts)), key=lambda i: counts[i] - exact[i])
    for index in by_remainder[: total - sum(counts)]:
        counts[index] += 1
    return counts


def destination_of(name: str, service: Service) -> UserDestination:
    """The destination of a service's users, with port and protocol of its first endpoint."""
    address = _first_address(service)
    if service.levers.route53 is not None:
        return UserDestination(service.levers.route53.name, address.scheme, address.port)
    if address.scheme != "tcp":
        raise SandboxError(
            f"service {name}: the sandbox's users reach an accelerator by TCP only; "
            "use tcp:// probes"
        )
    return UserDestination(f"{name}.example.test.", address.scheme, address.port)


def source_of(country: str) -> str:
    """The loopback address from which users of a country connect."""
    return source_address(country, _HOST)


def _first_address(service: Service) -> ListenAddress:
    region = next(iter(service.regions.values()))
    return address_of(next(iter(region.endpoints.values())).probe)


def _users_of(service: Service, name: str, pool: str, count: int, rng: Random) -> list[UserProfile]:
    countries = [country for country in COUNTRIES if _pool_in(service, country) == pool]
    if not countries:
        wanted = ", ".join(service.pools[pool].geographies)
        raise SandboxError(
            f"service {name}, pool {pool}: no country of the sandbox is in {wanted}", COUNTRIES
        )
    destination = destination_of(name, service)
    return [
        UserProfile(name, pool, country, destination, rng.random())
        for country in islice(cycle(_continents_in_turn(countries)), count)
    ]


def _pool_in(service: Service, country: str) -> str | None:
    return pool_of(service, country, _continent(country))


def _continent(country: str) -> str:
    location = location_of(source_of(country))
    assert location is not None  # the table contains the addresses that it makes
    return location.continent


def _continents_in_turn(countries: Sequence[str]) -> list[str]:
    """The countries, reordered so that each prefix covers as many continents as possible."""
    seen: dict[str, int] = {}
    rounds = []
    for country in countries:
        continent = _continent(country)
        rounds.append((seen.setdefault(continent, 0), country))
        seen[continent] += 1
    return [country for _, country in sorted(rounds, key=lambda item: item[0])]
