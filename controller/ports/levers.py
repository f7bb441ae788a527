"""The resources at AWS that steer traffic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from controller.model.levers import EndpointGroup, GroupChange, Outcome, RecordSet, WeightChange
from controller.planning.residency.zone_listings import Run, ZoneListing


class RecordSets(Protocol):
    """The record sets of hosted zones."""

    async def read(self, hosted_zone_id: str) -> tuple[RecordSet, ...]:
        """All record sets of the zone, all pages.

        Raises ProviderUnavailableError or ProviderRejectedError.
        """
        ...

    async def read_runs(self, hosted_zone_id: str, runs: Sequence[Run]) -> ZoneListing:
        """The record sets of these runs of names, which do not overlap. Raises as `read` does."""
        ...

    async def change(
        self, hosted_zone_id: str, changes: Sequence[WeightChange], *, emergency: bool
    ) -> Outcome:
        """Apply all changes or none; refused if a record differs from what was read."""
        ...

    async def is_insync(self, change_id: str) -> bool:
        """Whether all name servers answer with the change. Raises as `read` does."""
        ...


class Accelerators(Protocol):
    """The endpoint groups of accelerators."""

    async def read(self, accelerator_arn: str) -> tuple[EndpointGroup, ...]:
        """All endpoint groups of all listeners. Raises as `RecordSets.read` does."""
        ...

    async def change(
        self, accelerator_arn: str, changes: Sequence[GroupChange], *, emergency: bool
    ) -> Outcome:
        """Set one group's dial and its endpoints' weights; its other properties stay.

        AWS takes one group in a request, so `len(changes) == 1`.
        """
        ...

    async def is_deployed(self, accelerator_arn: str) -> bool:
        """Whether the accelerator routes as last written. Raises as `read` does."""
        ...
