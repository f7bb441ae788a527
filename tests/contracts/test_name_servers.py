"""The contract of NameServers, for the fake and for the DNS adapter on the emulated AWS."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

import pytest

from controller.adapters.aws.delegation_sets import DelegationSets
from controller.adapters.name_servers import DnsNameServers
from controller.model.configuration import AnswerSettings
from controller.model.errors import ProviderUnavailableError
from controller.ports import NameServers
from tests.contracts.emulated import Emulated, emulated_aws
from tests.fakes.name_servers import FakeNameServers

ZONE = "Z0NAMESERVERS"
NAME = "shop.example.test."
GERMANY, AMERICA = "192.0.2.0/28", "192.0.2.192/28"
WEST, CENTRAL, EAST = "192.0.2.101", "192.0.2.102", "192.0.2.103"


class World(Protocol):
    """NAME leads users in Germany to WEST and CENTRAL alike, all others to EAST."""

    @property
    def port(self) -> NameServers: ...

    async def vanish(self) -> None:
        """Stop all answers of name servers."""
        ...


class NameServersContract:
    """The contract; subclasses choose the implementation."""

    def world(self) -> AbstractAsyncContextManager[World]:
        raise NotImplementedError

    async def test_answers_depend_on_the_users_subnet(self) -> None:
        """The answer is what users there would get."""
        async with self.world() as world:
            germans = Counter([await world.port.ask(ZONE, NAME, GERMANY) for _ in range(40)])
            others = await world.port.ask(ZONE, NAME, AMERICA)

        assert set(germans) == {frozenset({WEST}), frozenset({CENTRAL})}
        assert others == {EAST}

    async def test_a_name_without_addresses_gives_none(self) -> None:
        """That is an answer, not an error."""
        async with self.world() as world:
            assert await world.port.ask(ZONE, "nobody.example.test.", GERMANY) == frozenset()

    async def test_silence_is_unavailable(self) -> None:
        """It says nothing about the name."""
        async with self.world() as world:
            await world.vanish()
            with pytest.raises(ProviderUnavailableError):
                await world.port.ask(ZONE, NAME, GERMANY)


class _FakeWorld:
    def __init__(self) -> None:
        self.port = FakeNameServers()
        self.port.answer(NAME, GERMANY, [WEST, CENTRAL])
        self.port.answer(NAME, AMERICA, [EAST])

    async def vanish(self) -> None:
        self.port.trouble.unavailable = True


class TestFakeNameServers(NameServersContract):
    """The fake that tests of the loops use."""

    @asynccontextmanager
    async def world(self) -> AsyncIterator[World]:
        yield _FakeWorld()


class _EmulatedWorld:
    def __init__(self, emulated: Emulated) -> None:
        self._emulated = emulated
        delegations = DelegationSets(emulated.clients.route53, emulated.calls("route53"))
        settings = AnswerSettings(name_servers=(emulated.aws.dns_address,), deadline_s=1)
        self.port = DnsNameServers(delegations.name_servers, settings)

    async def fill(self) -> None:
        route53 = self._emulated.clients.route53
        await route53.create_hosted_zone(Name="example.test.", CallerReference=f"id:{ZONE}")
        records = [
            _leaf("europe", "eu-west-1", WEST),
            _leaf("europe", "eu-central-1", CENTRAL),
            _leaf("world", "us-east-1", EAST),
            _alias("DE", "europe"),
            _alias("*", "world"),
        ]
        changes: Any = [{"Action": "CREATE", "ResourceRecordSet": record} for record in records]
        await route53.change_resource_record_sets(
            HostedZoneId=ZONE, ChangeBatch={"Changes": changes}
        )

    async def vanish(self) -> None:
        await self._emulated.aws.close()


def _leaf(pool: str, region: str, address: str) -> Any:
    return {
        "Name": f"{pool}.{NAME}",
        "Type": "A",
        "SetIdentifier": region,
        "Weight": 1,
        "TTL": 5,
        "ResourceRecords": [{"Value": address}],
    }


def _alias(country: str, pool: str) -> Any:
    return {
        "Name": NAME,
        "Type": "A",
        "SetIdentifier": country,
        "GeoLocation": {"CountryCode": country},
        "AliasTarget": {
            "HostedZoneId": ZONE,
            "DNSName": f"{pool}.{NAME}",
            "EvaluateTargetHealth": False,
        },
    }


class TestDnsNameServers(NameServersContract):
    """The adapter, over UDP, on the emulated AWS."""

    @asynccontextmanager
    async def world(self) -> AsyncIterator[World]:
        async with emulated_aws(spread_after_s=0) as emulated:
            world = _EmulatedWorld(emulated)
            await world.fill()
            yield world

    async def test_the_zones_name_servers_are_those_of_its_delegation_set(self) -> None:
        """AWS is asked once; the emulated AWS names four."""
        async with emulated_aws() as emulated:
            await _EmulatedWorld(emulated).fill()
            delegations = DelegationSets(emulated.clients.route53, emulated.calls("route53"))
            names = await delegations.name_servers(ZONE)
            await emulated.aws.http.close()
            assert await delegations.name_servers(ZONE) == names

        assert names == tuple(f"ns-{n}.route53.sandbox.test." for n in range(1, 5))
