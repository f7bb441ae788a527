"""What a reload would change: keys, shares of traffic, orders, and residency leaks."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from controller.loops.active_settings import ActiveSettings, settings_hash
from controller.loops.cycle.snapshot_builder import SnapshotBuilder
from controller.loops.levers.observation import Observation
from controller.model.decision import PoolName, PoolPlan, Snapshot
from controller.model.errors import StateUnavailableError
from controller.model.levers import Leak
from controller.model.plural import counted
from controller.planning.account.columns import aligned
from controller.planning.account.moves import ShareMove, losing_regions, share_moves
from controller.planning.decision import decide
from controller.planning.residency.new_leaks import new_leaks
from controller.planning.residency.proof import describe_leak
from controller.planning.shares import percent
from controller.planning.void_orders import void_orders
from controller.settings.difference import Difference, differences
from controller.settings.loader import LoadedSettings

_WITHOUT_ASKING = 1
"""Regions that may lose traffic by a reload that no operator accepted."""
_FILE_WAIT_S = 10.0
"""How long reading the settings file may take."""
_LEVERS_WAIT_S = 10.0
"""How long a reload waits for AWS where the new settings name levers that were never read."""
NOTHING_CHANGED = "nothing has changed"


@dataclass(frozen=True, slots=True)
class ReloadProposal:
    """What a reload would change, or has changed."""

    settings_hash: str
    differences: tuple[Difference, ...]
    moves: tuple[ShareMove, ...]
    plans: tuple[PoolPlan, ...]
    """What the next cycle would do, as known now."""
    leaks: tuple[Leak, ...] = ()
    """Ways out of bound pools' lawful regions that the active settings do not leave open."""
    void: Mapping[int, str] = field(default_factory=dict)
    """Id to reason of orders that would become void."""
    faults: Mapping[PoolName, tuple[str, ...]] = field(default_factory=dict)
    """New faults of pools' records or endpoint groups at AWS under these settings: such a pool gets
    urgent drains only (hold `structure`)."""

    @property
    def hash(self) -> str:
        """A short hash of exactly this change of settings and of traffic."""
        wanted = [(m.service, m.pool, m.region, round(m.after, 2)) for m in self.moves]
        text = json.dumps([self.settings_hash, wanted])
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def restart(self) -> tuple[str, ...]:
        """Keys that differ and are read only when the daemon starts."""
        return tuple(difference.key for difference in self.differences if difference.needs_restart)

    @property
    def losing(self) -> tuple[str, ...]:
        """Regions that would lose traffic."""
        return losing_regions(self.moves)

    @property
    def text(self) -> str:
        """What changes, as text: keys, shares of traffic, leaks, faults, void orders."""
        lines = [f"{d}{'  (needs a restart)' if d.needs_restart else ''}" for d in self.differences]
        lines = lines or ["No key differs. Secrets and authorities are read again."]
        rows = [
            (f"{m.service}/{m.pool}", m.region, f"{percent(m.before)} → {percent(m.after)}")
            for m in self.moves
        ]
        ways = [f"{leak.service}/{leak.pool}: {describe_leak(leak)}" for leak in self.leaks]
        moved = aligned(rows) if rows else ["No traffic moves by it."]
        orders = [f"override {number} would be void: {why}" for number, why in self.void.items()]
        held = [
            f"{service}/{pool} would have urgent drains only: {'; '.join(faults)}"
            for (service, pool), faults in self.faults.items()
        ]
        more = [part for found in (ways, held, orders) if found for part in ("", *found)]
        return "\n".join([*lines, "", *moved, *more])

    def refusal(self, accept: str | None) -> str:
        """Why it is refused; empty if it is not."""
        if self.restart:
            return f"these keys need a restart: {', '.join(self.restart)}"
        if self.leaks:
            first = self.leaks[0]
            ways = counted(len(self.leaks), "way")
            return (
                f"by these settings there is {ways} out of lawful regions, as the records at AWS "
                f"are; mend them first: {first.service}/{first.pool}: {describe_leak(first)}"
            )
        if accept is not None and accept != self.hash:
            return f"the hash {accept} is of another plan; this one's is {self.hash}"
        if accept is None and len(self.losing) > _WITHOUT_ASKING:
            return (
                f"{len(self.losing)} regions would lose traffic: {', '.join(self.losing)}; "
                f"accept this plan by its hash, {self.hash}"
            )
        return ""


class ReloadProposals:
    """Reads changed settings, and computes what making them active would change."""

    def __init__(
        self,
        load: Callable[[], Awaitable[LoadedSettings]],
        active_settings: ActiveSettings,
        observation: Observation,
        snapshots: SnapshotBuilder,
    ) -> None:
        self._load = load
        self._active_settings = active_settings
        self._observation = observation
        self._snapshots = snapshots

    async def load(self) -> LoadedSettings:
        """Read the settings, and from AWS the levers that only they name.

        Raises InvalidSettingsError, StateUnavailableError.
        """
        try:
            async with asyncio.timeout(_FILE_WAIT_S):
                loaded = await self._load()
        except TimeoutError as error:
            raise StateUnavailableError(
                f"the settings could not be read within {_FILE_WAIT_S:g} s; {NOTHING_CHANGED}"
            ) from error
        await self._observation.refresh(
            loaded.settings.cycle.observed_max_age_s, loaded.settings, wait_s=_LEVERS_WAIT_S
        )
        return loaded

    def of(self, loaded: LoadedSettings) -> ReloadProposal:
        """What making these settings active would change now."""
        old, new = self._active_settings.settings, loaded.settings
        orders = self._snapshots.sources.overrides.active()
        known, then = self._snapshots.build(orders, old), self._snapshots.build(orders, new)
        decision = decide(then)
        void_now = void_orders(known.overrides, old)
        return ReloadProposal(
            settings_hash(new),
            differences(old, new),
            share_moves(decide(known), decision),
            decision.plans,
            new_leaks(known.observed, then.observed),
            {i: why for i, why in void_orders(known.overrides, new).items() if i not in void_now},
            _new_faults(known, then),
        )


def _new_faults(known: Snapshot, then: Snapshot) -> dict[PoolName, tuple[str, ...]]:
    """Pool to the faults that only the second snapshot has."""
    old = {name: observed.faults for name, observed in known.observed.items()}
    found = {
        (service, pool): tuple(f for f in faults if f not in old.get(service, {}).get(pool, ()))
        for service, observed in then.observed.items()
        for pool, faults in observed.faults.items()
    }
    return {name: faults for name, faults in found.items() if faults}
