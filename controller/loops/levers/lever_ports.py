"""The port of each kind of lever: those of `ports.levers`, adapted to one protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from controller.model.decision import WriteResult
from controller.model.levers import GroupChange, LeverKind, Outcome, WeightChange
from controller.model.zone_listings import Run
from controller.planning.levers.accelerator import ACCELERATOR
from controller.planning.levers.route53 import ROUTE53
from controller.planning.levers.run_walk import pages_of
from controller.ports import Accelerators, RecordSets


@dataclass(frozen=True, slots=True)
class Listed:
    """The resources that a reading listed, and the pages that it took; None: not counted."""

    resources: Sequence[Any]
    pages: int | None


class LeverPort(Protocol):
    """Reads and writes the targets of one kind of lever: hosted zones, accelerators."""

    async def read(self, target: str, runs: Sequence[Run] | None = None) -> Listed:
        """The listing of a target, or of these runs of its names.

        Raises ProviderUnavailableError or ProviderRejectedError.
        """
        ...

    async def send(self, target: str, writes: Sequence[Any], *, emergency: bool) -> Outcome:
        """Send one step of the lever in one request. AWS applies all of it or none."""
        ...

    async def has_spread(self, written: WriteResult) -> bool:
        """Whether every server answers by an applied write. Raises as `read` does."""
        ...


LeverPorts = Mapping[LeverKind, LeverPort]


def lever_ports(records: RecordSets, accelerators: Accelerators) -> LeverPorts:
    """The port of each kind of lever."""
    return {
        ROUTE53.kind: _HostedZones(records),
        ACCELERATOR.kind: _EndpointGroups(accelerators),
    }


class _HostedZones:
    def __init__(self, records: RecordSets) -> None:
        self._records = records

    async def read(self, target: str, runs: Sequence[Run] | None = None) -> Listed:
        if runs is None:
            records = await self._records.read(target)
            return Listed(records, pages_of(len(records)))
        listing = await self._records.read_runs(target, runs)
        return Listed(listing.records, listing.pages)

    async def send(
        self, target: str, writes: Sequence[WeightChange], *, emergency: bool
    ) -> Outcome:
        return await self._records.change(target, writes, emergency=emergency)

    async def has_spread(self, written: WriteResult) -> bool:
        return await self._records.is_insync(written.outcome.change_id or "")


class _EndpointGroups:
    def __init__(self, accelerators: Accelerators) -> None:
        self._accelerators = accelerators

    async def read(self, target: str, runs: Sequence[Run] | None = None) -> Listed:
        """All groups always: an accelerator holds nothing else."""
        return Listed(await self._accelerators.read(target), None)

    async def send(self, target: str, writes: Sequence[GroupChange], *, emergency: bool) -> Outcome:
        (write,) = writes
        return await self._accelerators.change(write)

    async def has_spread(self, written: WriteResult) -> bool:
        return await self._accelerators.is_deployed(written.target)
