"""The contract of RecordSets, for the fake and for the Route 53 adapter on the emulated AWS."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any, Protocol

import pytest

from controller.adapters.aws.record_sets import record_set_of, request_of
from controller.adapters.aws.route53 import Route53RecordSets
from controller.adapters.clock import SystemClock
from controller.model.errors import ProviderRejectedError, ProviderUnavailableError
from controller.model.levers import Outcome, OutcomeStatus, RecordSet, WeightChange
from controller.planning.residency.zone_listings import Run
from controller.ports import RecordSets
from tests.contracts.emulated import Emulated, emulated_aws
from tests.contracts.polling import eventually
from tests.fakes.record_sets import FakeRecordSets

ZONE = "Z0CONTRACT"
CHECK = "00000000-0000-4000-8000-00000000c0de"
NAME = "eu.shop.example.test."


def _leaf(region: str, kind: str, value: str, weight: int = 64) -> Any:
    return {
        "Name": NAME,
        "Type": kind,
        "SetIdentifier": region,
        "Weight": weight,
        "TTL": 60,
        "ResourceRecords": [{"Value": value}],
        "HealthCheckId": CHECK,
    }


def _simple(name: str) -> Any:
    values = [{"Value": "192.0.2.9"}]
    return {"Name": f"{name}.example.test.", "Type": "A", "TTL": 60, "ResourceRecords": values}


def _alias_leaf(region: str) -> Any:
    target = {"HostedZoneId": ZONE, "DNSName": NAME, "EvaluateTargetHealth": False}
    return {
        "Name": "alias.shop.example.test.",
        "Type": "A",
        "SetIdentifier": region,
        "Weight": 10,
        "AliasTarget": target,
        "HealthCheckId": CHECK,
    }


TREE: list[Any] = [
    _leaf("eu-west-1", "A", "192.0.2.1"),
    _leaf("eu-west-1", "AAAA", "2001:db8::1"),
    _leaf("eu-central-1", "A", "192.0.2.2"),
    _leaf("eu-central-1", "AAAA", "2001:db8::2"),
    _alias_leaf("eu-west-1"),
    {
        "Name": "eu-west-1.shop.example.test.",
        "Type": "A",
        "TTL": 60,
        "ResourceRecords": [{"Value": "192.0.2.1"}],
    },
]


class World(Protocol):
    """A zone with TREE in it; the test uses the port, and can edit records by itself."""

    @property
    def port(self) -> RecordSets: ...

    async def put(self, record: RecordSet) -> None: ...

    async def remove(self, record: RecordSet) -> None: ...

    async def vanish(self) -> None:
        """Stop all answers of AWS."""
        ...


class RecordSetsContract:
    """The contract; subclasses choose the implementation."""

    def world(self, records: Sequence[Any] = ()) -> AbstractAsyncContextManager[World]:
        raise NotImplementedError

    async def test_reading_returns_every_property(self) -> None:
        """Exactly what is stored, aliases and simple records included."""
        async with self.world() as world:
            read = await world.port.read(ZONE)

        assert {record_set_of(record) for record in TREE} <= set(read)

    async def test_a_change_sets_weights_and_keeps_everything_else(self) -> None:
        """Health check, TTL, values and alias target stay; other records stay."""
        async with self.world() as world:
            before = _by_key(await world.port.read(ZONE))
            chosen = [r for r in before.values() if r.set_identifier == "eu-west-1"]
            outcome = await _change(world, [WeightChange(r, 7) for r in chosen])
            after = _by_key(await world.port.read(ZONE))

        assert outcome.status is OutcomeStatus.APPLIED
        assert len(chosen) == 3
        assert after == before | {_key(r): replace(r, weight=7) for r in chosen}

    @pytest.mark.parametrize("weight", [0, 255])
    async def test_the_extreme_weights_are_weights(self, weight: int) -> None:
        """Zero in particular is not the same as none."""
        async with self.world() as world:
            leaf = await _find(world, "eu-west-1", "A")
            await _change(world, [WeightChange(leaf, weight)])
            seen = await _find(world, "eu-west-1", "A")

        assert seen == replace(leaf, weight=weight)

    async def test_a_change_to_the_same_weight_is_applied(self) -> None:
        """DELETE and CREATE of an equal record is valid."""
        async with self.world() as world:
            leaf = await _find(world, "eu-west-1", "A")
            outcome = await _change(world, [WeightChange(leaf, 64)])
            assert await _find(world, "eu-west-1", "A") == leaf

        assert outcome.status is OutcomeStatus.APPLIED

    @pytest.mark.parametrize("edit", [{"weight": 99}, {"health_check_id": None}], ids=str)
    async def test_a_manual_edit_in_between_refuses_the_whole_batch(
        self, edit: dict[str, Any]
    ) -> None:
        """The edit is not overwritten, and the other record of the batch does not change."""
        async with self.world() as world:
            edited = await _find(world, "eu-west-1", "A")
            other = await _find(world, "eu-west-1", "AAAA")
            by_hand = replace(edited, **edit)
            await world.put(by_hand)
            outcome = await _change(world, [WeightChange(other, 0), WeightChange(edited, 0)])
            after = _by_key(await world.port.read(ZONE))

        assert outcome.status is OutcomeStatus.REFUSED
        assert not outcome.throttled
        assert after[_key(edited)] == by_hand
        assert after[_key(other)] == other

    async def test_a_deleted_weighted_record_is_not_created_again(self) -> None:
        """Its deletion was intended, perhaps because of residency."""
        async with self.world() as world:
            gone = await _find(world, "eu-west-1", "A")
            other = await _find(world, "eu-west-1", "AAAA")
            await world.remove(gone)
            outcome = await _change(world, [WeightChange(other, 0), WeightChange(gone, 0)])
            after = _by_key(await world.port.read(ZONE))

        assert outcome.status is OutcomeStatus.REFUSED
        assert _key(gone) not in after
        assert after[_key(other)] == other

    async def test_what_route53_could_not_accept_is_refused_unsent(self) -> None:
        """No records, a record without weight, a weight out of range, too many records."""
        async with self.world() as world:
            leaf = await _find(world, "eu-west-1", "A")
            simple = next(r for r in await world.port.read(ZONE) if r.weight is None)
            many = [WeightChange(replace(leaf, set_identifier=str(n)), 1) for n in range(501)]
            for changes in (
                [],
                [WeightChange(simple, 1)],
                [WeightChange(leaf, 256)],
                [WeightChange(leaf, -1)],
                many,
            ):
                outcome = await _change(world, changes)
                assert outcome.status is OutcomeStatus.REFUSED
                assert outcome.detail.startswith("not sent: ")

    async def test_what_fills_a_batch_to_the_last_element_is_accepted(self) -> None:
        """500 values, deleted and created; one more is refused without sending."""
        leaves: list[Any] = [
            {
                **_leaf(f"r{n}", "A", f"198.51.{n // 250}.{n % 250}"),
                "Name": f"p{n // 90}.example.test.",
            }
            for n in range(501)
        ]
        async with self.world(leaves) as world:
            read = [r for r in await world.port.read(ZONE) if r.name.startswith("p")]
            beyond = await _change(world, [WeightChange(leaf, 1) for leaf in read])
            within = await _change(world, [WeightChange(leaf, 1) for leaf in read[:500]])

        assert (beyond.status, beyond.detail[:10]) == (OutcomeStatus.REFUSED, "not sent: ")
        assert within.status is OutcomeStatus.APPLIED

    async def test_an_applied_change_can_be_followed_until_insync(self) -> None:
        """The outcome has the change's id, and it becomes INSYNC."""
        async with self.world() as world:
            leaf = await _find(world, "eu-west-1", "A")
            outcome = await _change(world, [WeightChange(leaf, 1)])
            change_id = outcome.change_id
            assert change_id is not None
            await eventually(lambda: world.port.is_insync(change_id))

    async def test_a_large_zone_is_read_to_its_end(self) -> None:
        """700 weighted records of one name, over three pages, each exactly once."""
        leaves: list[Any] = [
            {
                **_leaf(f"r{n}", "A", f"198.51.{n // 250}.{n % 250}"),
                "Name": f"p{n // 90}.example.test.",
            }
            for n in range(700)
        ]
        async with self.world(leaves) as world:
            read = [r for r in await world.port.read(ZONE) if r.name.startswith("p")]

        assert len(read) == 700
        assert set(read) == {record_set_of(record) for record in leaves}

    async def test_a_run_shows_its_names_and_no_others(self) -> None:
        """One name, a name with all below it, one that does not exist: with escapes and hyphens."""
        others: list[Any] = [
            _simple(name)
            for name in (
                "\\052.shop",
                "\\100.shop",
                "a.b.shop",
                "shop-x",
                "x-shop",
                "1",
                "zz",
                "only.below",
            )
        ]
        runs = [
            Run("shop.example.test.", with_names_below=True),
            Run("1.example.test."),
            Run("below.example.test."),
            Run("none.example.test."),
        ]
        async with self.world(others) as world:
            listing = await world.port.read_runs(ZONE, runs)

        names = [record.name for record in listing.records]
        below = {name for name in names if name.endswith("shop.example.test.")}
        assert {"\\052.shop.example.test.", "\\100.shop.example.test.", NAME} <= below
        assert len(below) == len({record["Name"] for record in TREE}) + 3
        assert set(names) - below == {"1.example.test.", "only.below.example.test."}
        assert {record_set_of(record) for record in TREE} <= set(listing.records)

    async def test_runs_far_apart_are_listed_over_the_borders_of_pages(self) -> None:
        """Of 700 weighted records of eight names, those of two; each exactly once."""
        leaves: list[Any] = [
            {
                **_leaf(f"r{n}", "A", f"198.51.{n // 250}.{n % 250}"),
                "Name": f"p{n // 90}.example.test.",
            }
            for n in range(700)
        ]
        async with self.world(leaves) as world:
            listing = await world.port.read_runs(ZONE, [Run(f"p{n}.example.test.") for n in (3, 7)])

        assert len(listing.records) == 90 + 70
        assert {record.name[:2] for record in listing.records} == {"p3", "p7"}
        assert 1 <= listing.pages <= 2

    async def test_an_unknown_zone_is_rejected(self) -> None:
        """Trying again would not help."""
        async with self.world() as world:
            with pytest.raises(ProviderRejectedError, match="NoSuchHostedZone"):
                await world.port.read("Z0NOWHERE")
            with pytest.raises(ProviderRejectedError, match="NoSuchHostedZone"):
                await world.port.read_runs("Z0NOWHERE", [Run(NAME)])

    async def test_silence_is_unavailable_for_reads_and_unknown_for_writes(self) -> None:
        """A write without an answer may have been applied."""
        async with self.world() as world:
            leaf = await _find(world, "eu-west-1", "A")
            await world.vanish()
            with pytest.raises(ProviderUnavailableError):
                await world.port.read(ZONE)
            with pytest.raises(ProviderUnavailableError):
                await world.port.read_runs(ZONE, [Run(NAME)])
            with pytest.raises(ProviderUnavailableError):
                await world.port.is_insync("C1")
            outcome = await _change(world, [WeightChange(leaf, 1)])

        assert outcome.status is OutcomeStatus.UNKNOWN


class _FakeWorld:
    def __init__(self, records: Sequence[Any]) -> None:
        self.port = FakeRecordSets({ZONE: [record_set_of(record) for record in [*TREE, *records]]})

    async def put(self, record: RecordSet) -> None:
        self.port.put(ZONE, record)

    async def remove(self, record: RecordSet) -> None:
        self.port.remove(ZONE, record)

    async def vanish(self) -> None:
        self.port.trouble.unavailable = True


class TestFakeRecordSets(RecordSetsContract):
    """The fake that tests of the loops use."""

    @asynccontextmanager
    async def world(self, records: Sequence[Any] = ()) -> AsyncIterator[World]:
        yield _FakeWorld(records)


class _EmulatedWorld:
    def __init__(self, emulated: Emulated) -> None:
        self._emulated = emulated
        self._client = emulated.clients.route53
        clock = SystemClock()
        self.port = Route53RecordSets(self._client, emulated.calls("route53"), clock)

    async def fill(self, records: Sequence[Any]) -> None:
        await self._client.create_hosted_zone(Name="example.test.", CallerReference=f"id:{ZONE}")
        await self._client.create_health_check(
            CallerReference=f"id:{CHECK}",
            HealthCheckConfig={"Type": "TCP", "IPAddress": "127.0.0.1", "Port": 9},
        )
        await self._send([("CREATE", record) for record in [*TREE, *records]])

    async def put(self, record: RecordSet) -> None:
        await self._send([("UPSERT", request_of(record))])

    async def remove(self, record: RecordSet) -> None:
        await self._send([("DELETE", request_of(record))])

    async def vanish(self) -> None:
        await self._emulated.aws.http.close()

    async def _send(self, changes: Sequence[tuple[Any, Any]]) -> None:
        await self._client.change_resource_record_sets(
            HostedZoneId=ZONE,
            ChangeBatch={"Changes": [{"Action": a, "ResourceRecordSet": r} for a, r in changes]},
        )


class TestRoute53RecordSets(RecordSetsContract):
    """The adapter, over HTTP, on the emulated AWS."""

    @asynccontextmanager
    async def world(self, records: Sequence[Any] = ()) -> AsyncIterator[World]:
        async with emulated_aws() as emulated:
            world = _EmulatedWorld(emulated)
            await world.fill(records)
            yield world


async def _find(world: World, region: str, kind: str) -> RecordSet:
    for record in await world.port.read(ZONE):
        if (record.name, record.set_identifier, record.type) == (NAME, region, kind):
            return record
    raise LookupError(f"no leaf {NAME} {kind} {region}")


async def _change(world: World, changes: Sequence[WeightChange]) -> Outcome:
    return await world.port.change(ZONE, changes, emergency=False)


def _key(record: RecordSet) -> tuple[str, str, str | None]:
    return record.name, record.type, record.set_identifier


def _by_key(records: Sequence[RecordSet]) -> dict[tuple[str, str, str | None], RecordSet]:
    return {_key(record): record for record in records}
