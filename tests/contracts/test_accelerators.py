"""The contract of Accelerators, for the fake and for the adapter on the emulated AWS."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Protocol

import pytest

from controller.adapters.aws.global_accelerator import GlobalAccelerators
from controller.adapters.clock import SystemClock
from controller.model.errors import ProviderRejectedError, ProviderUnavailableError
from controller.model.levers import (
    AcceleratedEndpoint,
    EndpointGroup,
    GroupChange,
    OutcomeStatus,
)
from controller.ports import Accelerators
from tests.contracts.emulated import Emulated, emulated_aws
from tests.contracts.polling import eventually
from tests.fakes.accelerators import FakeAccelerators, to_all

ARN = "arn:aws:globalaccelerator::000000000000:accelerator/00000000-0000-4000-8000-0000000c0de1"
PORT = 19_443
REGIONS = ("eu-west-1", "eu-central-1", "us-east-1")
ENDPOINTS = {
    region: (f"eipalloc-0000000007f0{n}0a01", f"eipalloc-0000000007f0{n}0a02")
    for n, region in enumerate(REGIONS, 1)
}


class World(Protocol):
    """An accelerator with a group of two endpoints for each of REGIONS, all open."""

    @property
    def port(self) -> Accelerators: ...

    async def remove(self, group: EndpointGroup) -> None:
        """Delete the group, as another program may do."""
        ...

    async def vanish(self) -> None:
        """Stop all answers of AWS."""
        ...


class AcceleratorsContract:
    """The contract; subclasses choose the implementation."""

    def world(self) -> AbstractAsyncContextManager[World]:
        raise NotImplementedError

    async def test_reading_returns_groups_with_dial_weights_and_properties(self) -> None:
        """One group for each region; its endpoints have what a write must repeat."""
        async with self.world() as world:
            groups = await _groups(world)

        assert set(groups) == set(REGIONS)
        for region, group in groups.items():
            assert group.dial == 100
            assert {e.endpoint_id: e.weight for e in group.endpoints} == dict.fromkeys(
                ENDPOINTS[region], 128
            )
            assert {e.rest for e in group.endpoints} == {
                '{"ClientIPPreservationEnabled":false}',
                '{"ClientIPPreservationEnabled":true}',
            }

    async def test_endpoints_may_have_weights_of_their_own(self) -> None:
        """Blue/green inside a region: written and listed as they are, 0 included."""
        async with self.world() as world:
            before = (await _groups(world))["eu-west-1"]
            for weights in ((230, 25), (0, 255)):
                outcome = await world.port.change(
                    ARN, [GroupChange(before, 50, weights)], emergency=False
                )
                after = (await _groups(world))["eu-west-1"]
                assert outcome.status is OutcomeStatus.APPLIED
                assert tuple(endpoint.weight for endpoint in after.endpoints) == weights
            few = await world.port.change(ARN, [GroupChange(before, 50, (1,))], emergency=False)

        assert (few.status, after.dial) == (OutcomeStatus.REFUSED, 50)

    @pytest.mark.parametrize(("dial", "weight"), [(0, 0), (25, 128), (33.3, 255), (100, 1)])
    async def test_a_change_sets_dial_and_weights_and_keeps_the_endpoints(
        self, dial: float, weight: int
    ) -> None:
        """The list is replaced by an equal one; weight 0 stays 0 and does not become 128."""
        async with self.world() as world:
            before = await _groups(world)
            outcome = await world.port.change(
                ARN, [to_all(before["eu-west-1"], dial, weight)], emergency=False
            )
            after = await _groups(world)

        changed = before["eu-west-1"]
        endpoints = tuple(replace(e, weight=weight) for e in changed.endpoints)
        assert outcome.status is OutcomeStatus.APPLIED
        assert _static(after["eu-west-1"]) == _static(
            replace(changed, dial=dial, endpoints=endpoints)
        )
        for region in ("eu-central-1", "us-east-1"):
            assert _static(after[region]) == _static(before[region])

    async def test_what_aws_could_not_accept_is_refused_unsent(self) -> None:
        """A dial or weight out of range, or a list that would become empty."""
        async with self.world() as world:
            group = (await _groups(world))["eu-west-1"]
            for change in (
                to_all(group, -1, 128),
                to_all(group, 100.5, 128),
                to_all(group, 100, 256),
                to_all(replace(group, endpoints=()), 100, 128),
            ):
                outcome = await world.port.change(ARN, [change], emergency=False)
                assert outcome.status is OutcomeStatus.REFUSED
                assert outcome.detail.startswith("not sent: ")

    async def test_a_group_that_vanished_is_refused(self) -> None:
        """It is not created again."""
        async with self.world() as world:
            group = (await _groups(world))["eu-west-1"]
            await world.remove(group)
            outcome = await world.port.change(ARN, [to_all(group, 0, 0)], emergency=False)
            assert "eu-west-1" not in await _groups(world)

        assert outcome.status is OutcomeStatus.REFUSED
        assert "EndpointGroupNotFoundException" in outcome.detail

    async def test_a_change_is_deployed_in_the_end(self) -> None:
        """The status belongs to the accelerator."""
        async with self.world() as world:
            group = (await _groups(world))["eu-west-1"]
            await world.port.change(ARN, [to_all(group, 50, 128)], emergency=False)
            await eventually(lambda: world.port.is_deployed(ARN))

    async def test_an_unknown_accelerator_is_rejected(self) -> None:
        """Trying again would not help."""
        unknown = ARN.replace("c0de1", "c0de2")
        async with self.world() as world:
            with pytest.raises(ProviderRejectedError, match="AcceleratorNotFoundException"):
                await world.port.read(unknown)
            with pytest.raises(ProviderRejectedError, match="AcceleratorNotFoundException"):
                await world.port.is_deployed(unknown)

    async def test_silence_is_unavailable_for_reads_and_unknown_for_writes(self) -> None:
        """A write without an answer may have been applied."""
        async with self.world() as world:
            group = (await _groups(world))["eu-west-1"]
            await world.vanish()
            with pytest.raises(ProviderUnavailableError):
                await world.port.read(ARN)
            with pytest.raises(ProviderUnavailableError):
                await world.port.is_deployed(ARN)
            outcome = await world.port.change(ARN, [to_all(group, 0, 0)], emergency=False)

        assert outcome.status is OutcomeStatus.UNKNOWN


class _FakeWorld:
    def __init__(self) -> None:
        self.port = FakeAccelerators({ARN: [self._group(region) for region in REGIONS]})

    def _group(self, region: str) -> EndpointGroup:
        kept, plain = ENDPOINTS[region]
        endpoints = (
            AcceleratedEndpoint(kept, 128, "HEALTHY", '{"ClientIPPreservationEnabled":true}'),
            AcceleratedEndpoint(plain, 128, "HEALTHY", '{"ClientIPPreservationEnabled":false}'),
        )
        return EndpointGroup(f"{ARN}/listener/1/endpoint-group/{region}", region, 100, endpoints)

    async def remove(self, group: EndpointGroup) -> None:
        self.port.remove(ARN, group.arn)

    async def vanish(self) -> None:
        self.port.trouble.unavailable = True


class TestFakeAccelerators(AcceleratorsContract):
    """The fake that tests of the loops use."""

    @asynccontextmanager
    async def world(self) -> AsyncIterator[World]:
        yield _FakeWorld()


class _EmulatedWorld:
    def __init__(self, emulated: Emulated) -> None:
        self._emulated = emulated
        self._client = emulated.clients.global_accelerator
        calls = emulated.calls("globalaccelerator")
        self.port = GlobalAccelerators(self._client, calls, SystemClock())

    async def fill(self) -> None:
        made = await self._client.create_accelerator(
            Name="contract", IdempotencyToken=f"id:{ARN.rpartition('/')[2]}"
        )
        assert made["Accelerator"]["AcceleratorArn"] == ARN
        listener = await self._client.create_listener(
            AcceleratorArn=ARN,
            PortRanges=[{"FromPort": PORT, "ToPort": PORT}],
            Protocol="TCP",
            IdempotencyToken="listener",
        )
        for region in REGIONS:
            kept, plain = ENDPOINTS[region]
            await self._client.create_endpoint_group(
                ListenerArn=listener["Listener"]["ListenerArn"],
                EndpointGroupRegion=region,
                EndpointConfigurations=[
                    {"EndpointId": kept, "Weight": 128, "ClientIPPreservationEnabled": True},
                    {"EndpointId": plain, "Weight": 128, "ClientIPPreservationEnabled": False},
                ],
                IdempotencyToken=region,
            )

    async def remove(self, group: EndpointGroup) -> None:
        await self._client.delete_endpoint_group(EndpointGroupArn=group.arn)

    async def vanish(self) -> None:
        await self._emulated.aws.http.close()


class TestGlobalAccelerators(AcceleratorsContract):
    """The adapter, over HTTP, on the emulated AWS."""

    @asynccontextmanager
    async def world(self) -> AsyncIterator[World]:
        async with emulated_aws() as emulated:
            world = _EmulatedWorld(emulated)
            await world.fill()
            yield world


async def _groups(world: World) -> dict[str, EndpointGroup]:
    return {group.region: group for group in await world.port.read(ARN)}


def _static(group: EndpointGroup) -> EndpointGroup:
    """The groups without the endpoints' health, which changes by itself."""
    return replace(group, endpoints=tuple(replace(e, health="") for e in group.endpoints))
