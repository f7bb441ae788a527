"""Carries out a plan in its order and reports what became of each write.

Route 53: all weights of one hosted zone go in one atomic batch, A and AAAA twins together; in
several, urgent pools first, when they are more than a batch may hold (`planning.batches`). If one
is refused, something in it is at fault (a leaf changed by hand, a health check deleted), and its
pools go on in a batch each, so that one bad record hinders its own pool alone; also in later
cycles, until they are applied, for a cycle need not have had the time. A batch that is throttled
is not split; it and what was to follow it wait for the next cycle. Global Accelerator: one group at
a time, groups that open before groups that close. Zones and accelerators are written at the same
time: one that hangs delays no other's drain, nor the next cycle (`loops.pending_writes`). What is
about to be written is remembered first, so that after a crash our own write is not taken for drift.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence

import structlog

from controller.loops.current import Current
from controller.loops.expectations import Expectations
from controller.loops.observation import Observation
from controller.loops.pending_writes import PendingWrites, Sends, Series
from controller.loops.veto import Veto
from controller.loops.wake import Bell
from controller.model.decision import Decision, PoolName, Written
from controller.model.levers import (
    Change,
    EndpointGroup,
    GroupChange,
    Outcome,
    OutcomeStatus,
    Position,
    Setting,
    WeightChange,
)
from controller.planning.batches import Batch, Elements, batches, by_pool
from controller.planning.levers.accelerator import is_set, opens, settable
from controller.planning.levers.registry import lever_of
from controller.planning.write_results import results_of
from controller.ports import Accelerators, Clock, RecordSets

_log = structlog.get_logger("actuation")
_AFTER_THROTTLING = Outcome(
    OutcomeStatus.REFUSED, "not sent: Route 53 throttled the batch before it", throttled=True
)


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
        self._refused_at: dict[PoolName, float] = {}
        """Pools of batches that were refused, and when last, until they are applied."""
        self._pending = PendingWrites(clock, bell, self._heard, expectations.settle)
        self._veto = Veto(current, observation)

    async def carry_out(self, decision: Decision) -> tuple[Written, ...]:
        """Write every change of the decision that can be sent now.

        That is none to a zone or accelerator which is being written to, nor of a position that was
        written and is being read for the first time since: the decision rests on the reading before
        that, and would send the same again; nor of the rest of its pool if that alone would leave
        no region open. Targets fail apart from each other. Outcomes that an earlier cycle did not
        wait for are among those returned.
        """
        allowed, written = self._veto.on(decision.changes)
        ready = [change for change in allowed if self._is_ready(change)]
        if len(ready) < len(allowed):
            ready = self._veto.without_emptying(ready)
        series = self._series(decision, ready)
        await self._expectations.intend(change for one in series for change in one.changes)
        written += await self._pending.carry_out(series)
        self._veto.end_cycle()
        return tuple(written)

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
        service = self._current.settings.services[change.position.service]
        target = lever_of(service).target(service)
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
        written: list[Written] = []
        planned = self._planned(self._elements(changes), urgent)
        _tell_split(planned)
        for batch in planned:
            refused = self._refused_part(batch, written)
            if refused is not None:
                written.append(refused)
                yield refused
                continue
            whole = await self._send(zone_id, batch.elements, written, emergency)
            written.append(whole)
            yield whole
            # Something in it is at fault: another try for each pool.
            for each in _apart(batch.elements) if _is_refused(whole.outcome) else ():
                one = await self._send(zone_id, each, written, emergency)
                written.append(one)
                yield one

    def _planned(self, elements: Elements, urgent: Collection[PoolName]) -> list[Batch]:
        """The batches; what was refused goes apart, last, the longest ago first."""
        pools = by_pool(elements)
        apart = [pool for pool in pools if pool in self._refused_at]
        apart.sort(key=self._refused_at.__getitem__)
        rest = {c: each for pool in pools if pool not in apart for c, each in pools[pool].items()}
        planned = batches(rest, urgent)
        for pool in apart:
            planned += batches(pools[pool], urgent)
        return planned

    def _note_refusal(self, elements: Elements, outcome: Outcome) -> None:
        pools = by_pool(elements).keys()
        for pool in pools:
            if outcome.status is OutcomeStatus.APPLIED:
                self._refused_at.pop(pool, None)
            elif _is_refused(outcome) and (len(pools) > 1 or pool in self._refused_at):
                self._refused_at[pool] = self._clock.monotonic()

    def _refused_part(self, batch: Batch, written: Iterable[Written]) -> Written | None:
        """The refusal of a part of a pool that would empty it, earlier parts not being applied."""
        if batch.part_of is None:
            return None
        earlier = [c for c, one in results_of(written).items() if one is OutcomeStatus.APPLIED]
        return self._veto.on_part(batch.part_of, earlier, tuple(batch.elements))

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

    async def _send(
        self, zone_id: str, elements: Elements, earlier: Iterable[Written], emergency: bool
    ) -> Written:
        """One batch. Once Route 53 has throttled this zone, the rest waits for the next cycle."""
        changes = tuple(elements)
        if any(one.outcome.throttled for one in earlier):
            return Written("route53", zone_id, changes, _AFTER_THROTTLING)
        batch = [element for each in elements.values() for element in each]
        outcome = await self._records.change(zone_id, batch, emergency=emergency)
        self._note_refusal(elements, outcome)
        return Written("route53", zone_id, changes, outcome)

    def _heard(self, written: Written) -> None:
        """Whatever was answered, the next cycle reads again instead of believing it."""
        self._observation.invalidate(written.target)
        now = self._clock.monotonic()
        self._settled_at.update((change.position, now) for change in written.changes)

    def _by_zone(self, changes: Iterable[Change]) -> dict[str, tuple[Change, ...]]:
        zones: dict[str, list[Change]] = defaultdict(list)
        for change in changes:
            lever = self._current.settings.services[change.position.service].levers.route53
            if lever is not None:
                zones[lever.hosted_zone_id].append(change)
        return {zone_id: tuple(found) for zone_id, found in zones.items()}

    def _elements(self, changes: Iterable[Change]) -> Elements:
        """Every change with those of its twins whose weight is not the wanted one yet, if any."""
        leaves = {
            name: self._observation.resources(name)
            for name in dict.fromkeys(change.position.service for change in changes)
        }
        found = {
            change: tuple(
                WeightChange(leaf, change.after.weight)
                for leaf in leaves[change.position.service][change.position]
                if leaf.weight != change.after.weight
            )
            for change in changes
        }
        return {change: each for change, each in found.items() if each}

    def _by_accelerator(
        self, changes: Iterable[Change]
    ) -> dict[str, list[tuple[Change, GroupChange]]]:
        """What is to be written at each accelerator: groups that open before groups that close."""
        found: dict[str, list[tuple[Change, GroupChange]]] = defaultdict(list)
        for change in changes:
            lever = self._current.settings.services[change.position.service].levers.accelerator
            if lever is not None:
                groups = self._observation.resources(change.position.service)[change.position]
                found[lever.arn] += [(change, one) for one in _group_changes(change, groups)]
        return {arn: sorted(each, key=lambda one: not opens(one[1])) for arn, each in found.items()}


def _is_refused(outcome: Outcome) -> bool:
    """Whether AWS said no to what was asked, and not only to asking now."""
    return outcome.status is OutcomeStatus.REFUSED and not outcome.throttled


def _apart(elements: Elements) -> Sequence[Elements]:
    """Its pools, if there are several."""
    pools = list(by_pool(elements).values())
    return pools if len(pools) > 1 else []


def _group_changes(change: Change, groups: Iterable[EndpointGroup]) -> list[GroupChange]:
    """What a change means for those of its region's groups that are not set so yet."""
    if change.after.dial is None:
        return []
    return [
        GroupChange(group, change.after.dial, change.after.weight)
        for group in settable(groups)
        if not is_set(group, change.after)
    ]


def _tell_split(planned: Iterable[Batch]) -> None:
    """Say which pools are changed in several steps, seen by users in between."""
    parts = Counter(batch.part_of for batch in planned if batch.part_of is not None)
    for (service, pool), count in parts.items():
        _log.warning("pool_in_several_batches", service=service, pool=pool, batches=count)
