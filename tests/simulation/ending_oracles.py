"""What must hold in the end, when everything has been well for a while, and of what is left."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor

from controller.adapters.sqlite.store import SqliteStore
from controller.composition import Controller
from controller.model.audit import AuditCheck
from controller.model.decision import DecisionRecord, Hold
from tests.simulation.aws import SimulatedAws
from tests.simulation.daemon import SimulatedDaemon
from tests.simulation.journal import Journal, Violation, must
from tests.simulation.levers import PoolKey, Standing
from tests.simulation.operators import Operators

_NEAR = 0.03
"""Shares of whole weights are equal within this."""
_EVERY_RECORD = 10_000
_PATIENT_HOLDS = {Hold.FLAPPING, Hold.CONTESTED}
"""What rightly keeps a pool longer than a simulation waits."""


class EndingOracles:
    """Compares the end with the beginning."""

    def __init__(
        self, aws: SimulatedAws, daemon: SimulatedDaemon, operators: Operators, journal: Journal
    ) -> None:
        self._aws = aws
        self._daemon = daemon
        self._operators = operators
        self._journal = journal
        self.start: Standing = {}

    def look(self) -> None:
        """Once, the daemon running. Raises Violation."""
        controller = self._daemon.controller
        if controller is None:
            raise Violation("L1 the daemon does not run")
        self._l1_everything_is_back(controller)
        self._l2_everything_is_recorded(controller)

    def _l1_everything_is_back(self, controller: Controller) -> None:
        """L1: `|share(r) - share at the start(r)| <= 0.03` for all r, and there is no drift."""
        latest = controller.reconciliation.latest
        if latest is None:
            raise Violation("L1 no cycle has ended")
        waiting = set()
        for pool in self.start:
            held = {
                hold.reason
                for plan in latest.decision.plans
                if (plan.service, plan.pool) == pool
                for hold in plan.held
            }
            if held & _PATIENT_HOLDS or controller.overrides.active():
                self._journal.counts["ended held"] += 1
                waiting.add(pool)
                continue
            off = self._off(pool)
            names = sorted(one.value for one in held)
            must(not off, f"L1 {pool} is not where it began: {off}; held: {names}")
        drift = {p: text for p, text in latest.decision.drift.items() if p[:2] not in waiting}
        must(not drift, f"L1 there still is drift: {drift}")

    def _l2_everything_is_recorded(self, controller: Controller) -> None:
        """L2: no record waits to be stored."""
        unrecorded = controller.reconciliation.unrecorded
        must(unrecorded is None, f"L2 records are not stored: {unrecorded}")

    def _off(self, pool: PoolKey) -> dict[str, tuple[float, float]]:
        levers = self._aws.levers
        wanted = levers.shares(pool, self.start[pool])
        found = levers.shares(pool, self._aws.standing[pool])
        return {
            region: (round(wanted[region], 2), round(found[region], 2))
            for region in wanted
            if abs(wanted[region] - found[region]) > _NEAR
        }


class StateOracles:
    """Looks through the state file that the daemon left, killed for good."""

    def __init__(self, aws: SimulatedAws, daemon: SimulatedDaemon, journal: Journal) -> None:
        self._aws = aws
        self._daemon = daemon
        self._journal = journal

    async def look(self) -> None:
        """Once, at last. Raises Violation."""
        async with SqliteStore(self._daemon.state, executor=Executor) as store:
            self._f10_the_audit_holds(await store.check_audit())
            self._f12_no_write_without_a_record(await store.records(limit=_EVERY_RECORD))

    def _f10_the_audit_holds(self, found: AuditCheck) -> None:
        """F10: the hash chain of the state file is whole, whatever killed its writers."""
        must(found.ok, f"F10 the audit is broken: {found.faults[:3]}")

    def _f12_no_write_without_a_record(self, records: Sequence[DecisionRecord]) -> None:
        """F12: every change that AWS acknowledged to a running process is in a stored record.

        Unless the process stood still within 5 s of it, was killed within 10 s, or lost it to the
        disk.
        """
        self._journal.counts["records"] += len(records)
        written = (one for record in records for one in record.written)
        recorded = {one.outcome.change_id for one in written}
        for change_id, at in self._aws.answered.items():
            must(
                change_id in recorded or self._may_be_unrecorded(at),
                f"F12 the write that was applied at {at:.1f} s is in no record",
            )

    def _may_be_unrecorded(self, at: float) -> bool:
        life = self._daemon.life
        frozen = any(since - 5 < at < until + 5 for since, until in life.frozen)
        return frozen or life.crashed_near(at) or life.lost_to_the_disk(at)
