"""Each kind of lever with its port, and with the question whether a write has spread."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from controller.model.decision import WriteResult
from controller.model.levers import LeverKind
from controller.planning.levers.accelerator import ACCELERATOR
from controller.planning.levers.route53 import ROUTE53
from controller.ports import Accelerators, LeverPort, RecordSets

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
