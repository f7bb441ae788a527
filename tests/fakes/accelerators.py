"""Accelerators in memory that take writes as Global Accelerator does: without any comparison."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from controller.model.errors import ProviderRejectedError
from controller.model.levers import EndpointGroup, GroupChange, Outcome, OutcomeStatus
from tests.fakes.trouble import Trouble


class FakeAccelerators:
    """Fulfils Accelerators. The endpoint list written replaces what the group had.

    Can be told:
    - everything `trouble` can be told (see tests.fakes.trouble);
    - `hold_deployed`: accelerators stay IN_PROGRESS while it is set;
    - `put(accelerator, group)`, `remove(accelerator, group ARN)`: manual edits.
    It notes calls: `reads` (accelerator ARNs), `writes` (changes attempted).
    """

    def __init__(self, accelerators: Mapping[str, Iterable[EndpointGroup]]) -> None:
        self._groups = {
            arn: {group.arn: group for group in groups} for arn, groups in accelerators.items()
        }
        self.trouble = Trouble()
        self.hold_deployed = False
        self.reads: list[str] = []
        self.writes: list[GroupChange] = []

    def put(self, accelerator_arn: str, group: EndpointGroup) -> None:
        self._groups[accelerator_arn][group.arn] = group

    def remove(self, accelerator_arn: str, group_arn: str) -> None:
        del self._groups[accelerator_arn][group_arn]

    def stored(self, accelerator_arn: str) -> tuple[EndpointGroup, ...]:
        """What the accelerator holds, without asking it."""
        return tuple(self._groups[accelerator_arn].values())

    async def read(self, accelerator_arn: str) -> tuple[EndpointGroup, ...]:
        self.reads.append(accelerator_arn)
        self.trouble.question()
        return tuple(self._existing(accelerator_arn).values())

    async def change(
        self, accelerator_arn: str, changes: Sequence[GroupChange], *, emergency: bool
    ) -> Outcome:
        (change,) = changes
        self.writes.append(change)
        fault = _fault(change)
        if fault:
            return Outcome(OutcomeStatus.REFUSED, f"not sent: {fault}")
        return self.trouble.write(lambda: self._apply(change))

    async def is_deployed(self, accelerator_arn: str) -> bool:
        self.trouble.question()
        self._existing(accelerator_arn)
        return not self.hold_deployed

    def _existing(self, accelerator_arn: str) -> dict[str, EndpointGroup]:
        if accelerator_arn not in self._groups:
            raise ProviderRejectedError(f"AcceleratorNotFoundException: {accelerator_arn}")
        return self._groups[accelerator_arn]

    def _apply(self, change: GroupChange) -> Outcome:
        for groups in self._groups.values():
            if change.group.arn in groups:
                endpoints = tuple(
                    replace(endpoint, weight=weight)
                    for endpoint, weight in zip(change.group.endpoints, change.weights, strict=True)
                )
                known = groups[change.group.arn]
                groups[change.group.arn] = replace(known, dial=change.dial, endpoints=endpoints)
                return Outcome(OutcomeStatus.APPLIED)
        return Outcome(OutcomeStatus.REFUSED, f"EndpointGroupNotFoundException: {change.group.arn}")


def to_all(group: EndpointGroup, dial: float, weight: int) -> GroupChange:
    """The change that gives all endpoints of a group the same weight."""
    return GroupChange(group, dial, (weight,) * len(group.endpoints))


def _fault(change: GroupChange) -> str:
    if not change.group.endpoints:
        return "the group had no endpoint when it was read"
    if not 0 <= change.dial <= 100:
        return "the dial is outside 0 to 100"
    if len(change.weights) != len(change.group.endpoints):
        return "not one weight for each endpoint"
    is_valid = all(0 <= weight <= 255 for weight in change.weights)
    return "" if is_valid else "a weight is outside 0 to 255"
