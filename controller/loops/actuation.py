"""Carries out a plan in its order and reports what became of each write.

Route 53: all weights of one hosted zone go in one atomic batch, A and AAAA twins together; in
several, urgent pools first, when they are more than a batch may hold. If one is refused, something
in it is at fault (a leaf changed by hand, a health check deleted), and its pools go on in a batch
each, so that one bad record hinders its own pool alone. Global Accelerator: one group at a time,
receivers opened before anyone is closed. Zones and accelerators are written at the same time: one
that hangs delays no other's drain. What is about to be written is remembered first, so that
after a crash our own write is not taken for drift.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator

from controller.loops.current import Current
from controller.loops.expectations import Expectations
from controller.loops.observation import Observation
from controller.loops.veto import Veto
from controller.model.decision import Decision, PoolName, Written
from controller.model.levers import (
    Change,
    GroupChange,
    Outcome,
    OutcomeStatus,
    Setting,
    WeightChange,
)
from controller.ports import Accelerators, RecordSets

MOST_LEAVES = 400
"""Leaves in one batch. Each is a DELETE and a CREATE; ChangeResourceRecordSets takes 1,000 elements
with 32,000 characters of values, which 800 IPv6 addresses stay below (API reference, Limits)."""


Elements = dict[Change, list[WeightChange]]
"""Changes of one zone with what each means for its leaves."""


class Actuation:
    """Writes decisions to AWS; nothing else does."""

    def __init__(
        self,
        current: Current,
        observation: Observation,
        records: RecordSets,
        accelerators: Accelerators,
        expectations: Expectations,
    ) -> None:
        self._current = current
        self._observation = observation
        self._records = records
        self._accelerators = accelerators
        self._expectations = expectations
        self._veto = Veto(current, observation)

    async def carry_out(self, decision: Decision) -> tuple[Written, ...]:
        """Write every change of the decision. Targets fail apart from each other."""
        emergency = decision.emergency
        allowed, written = self._veto.on(decision.changes)
        await self._expectations.intend(allowed, emergency=emergency)
        urgent = {(plan.service, plan.pool) for plan in decision.plans if plan.emergency}
        async with asyncio.TaskGroup() as group:
            tasks = [
                *(
                    group.create_task(self._change_zone(zone_id, changes, urgent, emergency))
                    for zone_id, changes in self._by_zone(allowed).items()
                ),
                *(
                    group.create_task(self._change_groups(arn, changes))
                    for arn, changes in self._by_accelerator(allowed).items()
                ),
            ]
        written += [one for task in tasks for one in task.result()]
        for one in written:
            await self._settle(one)
        return tuple(written)

    async def _change_zone(
        self,
        zone_id: str,
        changes: Iterable[Change],
        urgent: Collection[PoolName],
        emergency: bool,
    ) -> list[Written]:
        """Batch after batch, as many as it takes."""
        written: list[Written] = []
        for pack in _packed(self._elements(changes), urgent):
            written += await self._change_pack(zone_id, pack, emergency=emergency)
        return written

    async def _change_groups(
        self, arn: str, changes: Iterable[tuple[Change, GroupChange]]
    ) -> list[Written]:
        """Group after group in the plan's order; the last open one stays so until another is."""
        written = []
        applied: dict[str, Setting] = {}
        for change, group_change in changes:
            after = {**applied, group_change.group.arn: change.after}
            refused = self._veto.on_closing(arn, change, after)
            if refused is not None:
                written.append(refused)
                continue
            outcome = await self._accelerators.change(group_change)
            written.append(Written("accelerator", arn, (change,), outcome))
            if outcome.status is OutcomeStatus.APPLIED:
                applied = after
        return written

    async def _change_pack(
        self, zone_id: str, elements: Elements, *, emergency: bool
    ) -> list[Written]:
        """One batch for all; if that is refused for good, another try for each pool."""
        whole = await self._send(zone_id, elements, emergency=emergency)
        pools = _by_pool(elements)
        if not _is_refused(whole.outcome) or len(pools) == 1:
            return [whole]
        apart = [await self._send(zone_id, each, emergency=emergency) for each in pools.values()]
        return [whole, *apart]

    async def _send(self, zone_id: str, elements: Elements, *, emergency: bool) -> Written:
        batch = [element for each in elements.values() for element in each]
        outcome = await self._records.change(zone_id, batch, emergency=emergency)
        return Written("route53", zone_id, tuple(elements), outcome)

    async def _settle(self, written: Written) -> None:
        """Whatever was answered, the next cycle reads again instead of believing it."""
        self._observation.invalidate(written.target)
        # A refused compare-and-swap means that someone else was faster: what stands there now is
        # theirs, and seeing it must count as drift. A throttled write changed nothing.
        if not _is_refused(written.outcome):
            await self._expectations.settle(written.changes, written.outcome.status)

    def _by_zone(self, changes: Iterable[Change]) -> dict[str, tuple[Change, ...]]:
        zones: dict[str, list[Change]] = defaultdict(list)
        for change in changes:
            lever = self._current.settings.services[change.position.service].levers.route53
            if lever is not None:
                zones[lever.hosted_zone_id].append(change)
        return {zone_id: tuple(found) for zone_id, found in zones.items()}

    def _elements(self, changes: Iterable[Change]) -> Elements:
        """Every change with those of its twins whose weight is not the wanted one yet."""
        leaves = {
            name: self._observation.leaves(name)
            for name in dict.fromkeys(change.position.service for change in changes)
        }
        return {
            change: [
                WeightChange(leaf, change.after.weight)
                for leaf in leaves[change.position.service][change.position]
                if leaf.weight != change.after.weight
            ]
            for change in changes
        }

    def _by_accelerator(
        self, changes: Iterable[Change]
    ) -> dict[str, list[tuple[Change, GroupChange]]]:
        found: dict[str, list[tuple[Change, GroupChange]]] = defaultdict(list)
        for change in changes:
            lever = self._current.settings.services[change.position.service].levers.accelerator
            if lever is None or change.after.dial is None:
                continue
            for group in self._observation.groups(lever.arn):
                if group.region == change.position.region:
                    wanted = GroupChange(group, change.after.dial, change.after.weight)
                    found[lever.arn].append((change, wanted))
        return found


def _packed(elements: Elements, urgent: Collection[PoolName]) -> Iterator[Elements]:
    """The changes in as few batches as they fit in; a pool's stay together."""
    pack: Elements = {}
    size = 0
    pools = _by_pool(elements)
    for pool in sorted(pools, key=lambda pool: pool not in urgent):
        leaves = sum(map(len, pools[pool].values()))
        if pack and size + leaves > MOST_LEAVES:
            yield pack
            pack, size = {}, 0
        pack |= pools[pool]
        size += leaves
    if pack:
        yield pack


def _by_pool(elements: Elements) -> dict[PoolName, Elements]:
    pools: dict[PoolName, Elements] = defaultdict(dict)
    for change, each in elements.items():
        pools[change.position.service, change.position.pool][change] = each
    return pools


def _is_refused(outcome: Outcome) -> bool:
    """Whether AWS said no to what was asked, and not only to asking now."""
    return outcome.status is OutcomeStatus.REFUSED and not outcome.throttled
