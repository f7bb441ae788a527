"""Carries out a plan in its order and reports what became of each write.

Route 53: all weights of one hosted zone go in one atomic batch, A and AAAA twins together; in
several, urgent pools first, when they are more than a batch may hold. If one is refused, something
in it is at fault (a leaf changed by hand, a health check deleted), and its pools go on in a batch
each, so that one bad record hinders its own pool alone. Global Accelerator: one group at a time,
receivers opened before anyone is closed. Zones and accelerators are written at the same time: one
that hangs delays no other's drain, nor the next cycle (`loops.pending_writes`). What is about to be
written is remembered first, so that after a crash our own write is not taken for drift.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator

from controller.loops.current import Current
from controller.loops.expectations import Expectations
from controller.loops.observation import Observation
from controller.loops.pending_writes import PendingWrites, Sends, Series
from controller.loops.veto import Veto
from controller.loops.wake import Bell
from controller.model.decision import Decision, PoolName, Written
from controller.model.levers import (
    Change,
    GroupChange,
    Outcome,
    OutcomeStatus,
    Position,
    Setting,
    WeightChange,
)
from controller.planning.tree import leaves_of
from controller.ports import Accelerators, Clock, RecordSets

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
        clock: Clock,
        bell: Bell,
    ) -> None:
        """`bell` rings when a cycle is wanted, and is rung for outcomes that come late."""
        self._current = current
        self._observation = observation
        self._records = records
        self._accelerators = accelerators
        self._expectations = expectations
        self._clock = clock
        self._settled_at: dict[Position, float] = {}
        """When each position was last known, or feared, to have been written."""
        self._pending = PendingWrites(clock, bell, self._settle)
        self._veto = Veto(current, observation)

    async def carry_out(self, decision: Decision) -> tuple[Written, ...]:
        """Write every change of the decision that can be sent now.

        That is none to a zone or accelerator which is being written to, nor of a position that was
        written and is being read for the first time since: the decision rests on the reading before
        that, and would send the same again. Targets fail apart from each other. Outcomes that an
        earlier cycle did not wait for are among those returned.
        """
        allowed, written = self._veto.on(decision.changes)
        series = self._series(decision, [change for change in allowed if self._is_ready(change)])
        await self._expectations.intend(change for one in series for change in one.changes)
        return (*written, *await self._pending.carry_out(series))

    async def end(self) -> None:
        """Give up every write under way."""
        await self._pending.end()

    def _series(self, decision: Decision, allowed: Iterable[Change]) -> list[Series]:
        """The writes that these changes take."""
        urgent = {(plan.service, plan.pool) for plan in decision.plans if plan.emergency}
        emergency = decision.emergency
        zones = [
            Series("route53", zone_id, each, self._change_zone(zone_id, each, urgent, emergency))
            for zone_id, each in self._by_zone(allowed).items()
        ]
        accelerators = [
            Series("accelerator", arn, tuple(c for c, _ in each), self._change_groups(arn, each))
            for arn, each in self._by_accelerator(allowed).items()
        ]
        return [*zones, *accelerators]

    def _is_ready(self, change: Change) -> bool:
        levers = self._current.settings.services[change.position.service].levers
        target = levers.accelerator.arn if levers.accelerator else ""
        target = levers.route53.hosted_zone_id if levers.route53 else target
        settled_at = self._settled_at.get(change.position, float("-inf"))
        return not (
            self._pending.is_busy(target) or self._observation.is_behind(target, settled_at)
        )

    async def _change_zone(
        self,
        zone_id: str,
        changes: Iterable[Change],
        urgent: Collection[PoolName],
        emergency: bool,
    ) -> Sends:
        """Batch after batch, as many as it takes."""
        for pack in _packed(self._elements(zone_id, changes), urgent):
            async for written in self._change_pack(zone_id, pack, emergency=emergency):
                yield written

    async def _change_groups(
        self, arn: str, changes: Iterable[tuple[Change, GroupChange]]
    ) -> Sends:
        """Group after group in the plan's order; the last open one stays so until another is."""
        applied: dict[str, Setting] = {}
        for change, group_change in changes:
            after = {**applied, group_change.group.arn: change.after}
            refused = self._veto.on_closing(arn, change, after)
            if refused is not None:
                yield refused
                continue
            outcome = await self._accelerators.change(group_change)
            yield Written("accelerator", arn, (change,), outcome)
            if outcome.status is OutcomeStatus.APPLIED:
                applied = after

    async def _change_pack(self, zone_id: str, elements: Elements, *, emergency: bool) -> Sends:
        """One batch for all; if that is refused for good, another try for each pool."""
        whole = await self._send(zone_id, elements, emergency=emergency)
        yield whole
        pools = _by_pool(elements)
        if _is_refused(whole.outcome) and len(pools) > 1:
            for each in pools.values():
                yield await self._send(zone_id, each, emergency=emergency)

    async def _send(self, zone_id: str, elements: Elements, *, emergency: bool) -> Written:
        batch = [element for each in elements.values() for element in each]
        outcome = await self._records.change(zone_id, batch, emergency=emergency)
        return Written("route53", zone_id, tuple(elements), outcome)

    async def _settle(self, written: Written) -> None:
        """Whatever was answered, the next cycle reads again instead of believing it."""
        self._observation.invalidate(written.target)
        now = self._clock.monotonic()
        self._settled_at.update((change.position, now) for change in written.changes)
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

    def _elements(self, zone_id: str, changes: Iterable[Change]) -> Elements:
        """Every change with those of its twins whose weight is not the wanted one yet."""
        records = self._observation.records(zone_id)
        services = self._current.settings.services
        leaves = {
            name: leaves_of(name, services[name], records)
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
