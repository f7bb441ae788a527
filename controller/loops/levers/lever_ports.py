"""Each kind of lever with its port, and with the question whether a write has spread."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from controller.model.decision import WriteResult
from controller.model.levers import LeverKind, Outcome
from controller.planning.levers.accelerator import ACCELERATOR
from controller.planning.levers.route53 import ROUTE53
from controller.planning.residency.zone_listings import Run, ZoneListing
from controller.ports import Accelerators, RecordSets


class LeverPort(Protocol):
    """What the ports of hosted zones and of accelerators share: the targets of one kind of lever.

    A target's resources are those of its kind: record sets, endpoint groups.
    """

    async def read(self, target: str, /) -> Sequence[Any]:
        """The listing of a target. Raises ProviderUnavailableError or ProviderRejectedError."""
        ...

    async def change(self, target: str, changes: Sequence[Any], /, *, emergency: bool) -> Outcome:
        """Make the changes of one step of the lever in one request: all are applied or none."""
        ...


@runtime_checkable
class RunsPort(LeverPort, Protocol):
    """The port of targets of which runs of names can be listed alone: hosted zones."""

    async def read_runs(self, target: str, runs: Sequence[Run], /) -> ZoneListing:
        """The resources of these runs of names, which do not overlap. Raises as `read` does."""
        ...


LeverPorts = Mapping[LeverKind, LeverPort]
SpreadChecks = Mapping[LeverKind, Callable[[WriteResult], Awaitable[bool]]]
"""Whether every server answers by an applied write. Raises as `LeverPort.read` does."""


def lever_ports(records: RecordSets, accelerators: Accelerators) -> LeverPorts:
    """The port of each kind of lever."""
    return {ROUTE53.kind: records, ACCELERATOR.kind: accelerators}


def spread_checks(records: RecordSets, accelerators: Accelerators) -> SpreadChecks:
    """The check of each kind of lever."""
    return {
        ROUTE53.kind: lambda written: records.is_insync(written.outcome.change_id or ""),
        ACCELERATOR.kind: lambda written: accelerators.is_deployed(written.target),
    }
