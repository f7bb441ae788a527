"""Carries out a plan in its order and reports what became of each write.

Route 53: all weights of one hosted zone go in one atomic batch, A and AAAA twins together. Global
Accelerator: one group at a time, receivers opened before anyone is closed. What is about to be
written is remembered durably first, so that after a crash our own write is not taken for drift.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from controller.loops.expectations import Expectations
from controller.loops.observation import Observation
from controller.model.configuration import Settings
from controller.model.decision import Decision, Written
from controller.model.levers import Change, GroupChange, Outcome, OutcomeStatus, WeightChange
from controller.planning.tree import leaves_of
from controller.ports import Accelerators, RecordSets


class Actuation:
    """Writes decisions to AWS; nothing else does."""

    def __init__(
        self,
        settings: Settings,
        observation: Observation,
        records: RecordSets,
        accelerators: Accelerators,
        expectations: Expectations,
    ) -> None:
        self._settings = settings
        self._observation = observation
        self._records = records
        self._accelerators = accelerators
        self._expectations = expectations

    async def carry_out(self, decision: Decision) -> tuple[Written, ...]:
        """Write every change of the decision. Targets fail apart from each other."""
        written = []
        for zone_id, changes in self._by_zone(decision.changes).items():
            await self._expectations.intend(changes)
            batch = self._batch(zone_id, changes)
            outcome = await self._records.change(zone_id, batch, emergency=decision.emergency)
            written.append(await self._settle("route53", zone_id, changes, outcome))
        for arn, change, group_change in self._group_changes(decision.changes):
            await self._expectations.intend((change,))
            outcome = await self._accelerators.change(group_change)
            written.append(await self._settle("accelerator", arn, (change,), outcome))
        return tuple(written)

    async def _settle(
        self, lever: str, target: str, changes: tuple[Change, ...], outcome: Outcome
    ) -> Written:
        """Whatever was answered, the next cycle reads again instead of believing it."""
        self._observation.invalidate(target)
        # A refused compare-and-swap means that someone else was faster: what stands there now is
        # theirs, and seeing it must count as drift. A throttled write changed nothing.
        if outcome.status is not OutcomeStatus.REFUSED or outcome.throttled:
            await self._expectations.settle(changes, outcome.status)
        return Written(lever, target, changes, outcome)

    def _by_zone(self, changes: Iterable[Change]) -> dict[str, tuple[Change, ...]]:
        zones: dict[str, list[Change]] = defaultdict(list)
        for change in changes:
            lever = self._settings.services[change.position.service].levers.route53
            if lever is not None:
                zones[lever.hosted_zone_id].append(change)
        return {zone_id: tuple(found) for zone_id, found in zones.items()}

    def _batch(self, zone_id: str, changes: Iterable[Change]) -> list[WeightChange]:
        """Every twin whose weight is not the wanted one yet."""
        records = self._observation.records(zone_id)
        batch: list[WeightChange] = []
        for change in changes:
            name = change.position.service
            leaves = leaves_of(name, self._settings.services[name], records)
            batch += [
                WeightChange(leaf, change.after.weight)
                for leaf in leaves[change.position]
                if leaf.weight != change.after.weight
            ]
        return batch

    def _group_changes(
        self, changes: Iterable[Change]
    ) -> Iterator[tuple[str, Change, GroupChange]]:
        for change in changes:
            lever = self._settings.services[change.position.service].levers.accelerator
            if lever is None or change.after.dial is None:
                continue
            for group in self._observation.groups(lever.arn):
                if group.region == change.position.region:
                    wanted = GroupChange(group, change.after.dial, change.after.weight)
                    yield lever.arn, change, wanted
