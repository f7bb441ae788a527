"""Takes over changed settings while running: all of them between two cycles, or none.

The file is read and validated as at start. Then a plan is made with the new settings on what is
known now; when more regions would lose traffic by it than one, a person has to accept exactly this
plan, by its hash. Settings by which a bound pool's users could leave their lawful regions, and
could not before, are refused: the records have to be mended first. Whatever stands against a reload
leaves the settings in force as they are. A reload writes nothing to AWS: the cycle after it does,
through every guard.

Whatever can hang is done before the cycle is stopped, within a bound: reading the file and new
levers, and the entry in the audit. What is planned may be another by the time no cycle is under
way; when that stands against the reload, a second entry says that it was not carried out.

Whoever keeps something for each key of the settings is a follower. All of them prepare first, which
may fail and changes nothing; then the settings are swapped and each takes over what it prepared.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import structlog

from controller.loops.current import Current, settings_hash
from controller.loops.observation import Observation
from controller.loops.reconciliation import Reconciliation
from controller.loops.recording import Recording
from controller.loops.wake import Bell
from controller.model.decision import PoolPlan
from controller.model.errors import InvalidSettingsError, StateUnavailableError
from controller.model.levers import Leak
from controller.model.words import counted
from controller.planning.account.moves import Move, losing, moves
from controller.planning.residency.opened import opened
from controller.planning.residency.proof import describe
from controller.planning.shares import percent
from controller.planning.text import aligned
from controller.planning.void import void
from controller.ports import AuditTrail, Clock
from controller.settings.difference import Difference, differences
from controller.settings.loader import Loaded

_log = structlog.get_logger("reload")
_WITHOUT_ASKING = 1
"""Regions that may lose traffic by a reload nobody accepted."""
_TOLD = 3
"""Differences named in a trigger; the rest is counted."""
Follower = Callable[[Loaded], Callable[[], None]]
"""Prepares to follow settings that are not in force yet: may raise, and changes nothing. What it
returns takes them over, must not raise, and is called at once or never."""

_IDLE_S = 3600.0
_FILE_WITHIN_S = 10.0
"""How long the settings file may take to be read."""
_LEVERS_WITHIN_S = 10.0
"""How long AWS is waited for, where the new settings name levers that were never read."""
_AUDIT_WITHIN_S = 2.0
"""How long the audit is waited for."""
_STAY = "nothing has changed"
_NOT_CARRIED_OUT = "reload_not_carried_out"
SIGNAL = "SIGHUP"
"""Who reloads when the process is told to by a signal."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a reload would change, or has changed."""

    settings_hash: str
    differences: tuple[Difference, ...]
    moves: tuple[Move, ...]
    plans: tuple[PoolPlan, ...]
    """What the next cycle would do, as known now."""
    leaks: tuple[Leak, ...] = ()
    """Ways out of bound pools' lawful regions that the settings in force do not leave open."""
    void: Mapping[int, str] = field(default_factory=dict)
    """Orders that would order nothing any more, by their ids, and why."""

    @property
    def hash(self) -> str:
        """A short name for exactly this change of settings and of traffic."""
        wanted = [(m.service, m.pool, m.region, round(m.after, 2)) for m in self.moves]
        text = json.dumps([self.settings_hash, wanted])
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def restart(self) -> tuple[str, ...]:
        """Keys that differ and are read only when the daemon starts."""
        return tuple(one.key for one in self.differences if one.needs_restart)

    @property
    def losing(self) -> tuple[str, ...]:
        """Regions that would lose traffic."""
        return losing(self.moves)

    @property
    def text(self) -> str:
        """What changes, in words: keys, then shares of traffic."""
        lines = [
            f"{one}{'  (needs a restart)' if one.needs_restart else ''}" for one in self.differences
        ]
        lines = lines or ["No key differs. Secrets and authorities are read again."]
        rows = [
            (f"{m.service}/{m.pool}", m.region, f"{percent(m.before)} → {percent(m.after)}")
            for m in self.moves
        ]
        ways = [f"{one.service}/{one.pool}: {describe(one)}" for one in self.leaks]
        moved = aligned(rows) if rows else ["No traffic moves by it."]
        orders = [f"override {number} would be void: {why}" for number, why in self.void.items()]
        more = [part for found in (ways, orders) if found for part in ("", *found)]
        return "\n".join([*lines, "", *moved, *more])

    def refusal(self, accept: str | None) -> str:
        """Why it is refused; empty when it is not."""
        if self.restart:
            return f"these keys need a restart: {', '.join(self.restart)}"
        if self.leaks:
            first = self.leaks[0]
            ways = counted(len(self.leaks), "way")
            return (
                f"by these settings there is {ways} out of lawful regions, as the records at AWS "
                f"are; mend them first: {first.service}/{first.pool}: {describe(first)}"
            )
        if accept is not None and accept != self.hash:
            return f"the hash {accept} is of another plan; this one's is {self.hash}"
        if accept is None and len(self.losing) > _WITHOUT_ASKING:
            return (
                f"{len(self.losing)} regions would lose traffic: {', '.join(self.losing)}; "
                f"accept this plan by its hash, {self.hash}"
            )
        return ""


class ReloadRefusedError(Exception):
    """A reload is not carried out; the settings in force stay."""

    def __init__(self, proposal: Proposal, why: str) -> None:
        super().__init__(why)
        self.proposal = proposal


class Reload:
    """Replaces the settings in force. `run` does so when the process is told to by a signal."""

    def __init__(
        self,
        load: Callable[[], Awaitable[Loaded]],
        current: Current,
        observation: Observation,
        reconciliation: Reconciliation,
        recording: Recording,
        store: AuditTrail,
        clock: Clock,
        wake: Callable[[], None],
        followers: Iterable[Follower],
        observe: Callable[[bool], None],
    ) -> None:
        """`followers` take over settings in this order; `observe` is told how each reload ended."""
        self._load = load
        self._current = current
        self._observation = observation
        self._reconciliation = reconciliation
        self._recording = recording
        self._store = store
        self._clock = clock
        self._wake = wake
        self._followers = tuple(followers)
        self._observe = observe
        self._turn = asyncio.Lock()
        self._under_way: set[asyncio.Task[None]] = set()
        self._signalled = Bell()

    async def propose(self) -> Proposal:
        """What a reload would do now. Raises InvalidSettingsError."""
        return self._proposal(await self._prepared())

    async def reload(self, actor: str, accept: str | None = None) -> Proposal:
        """Read the settings again and put them in force; returns what has changed.

        `accept` is the hash of the plan that a person agrees to. Raises InvalidSettingsError,
        ReloadRefusedError, StateUnavailableError; then nothing has changed.
        """
        try:
            async with self._turn:
                proposal = await self._reload(actor, accept)
        except Exception as error:
            self._observe(False)
            _log_failure(actor, error)
            raise
        self._observe(True)
        return proposal

    async def end(self) -> None:
        """Give up what is under way behind reloads."""
        tasks = list(self._under_way)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def signal(self) -> None:
        """Have `run` reload; called by the signal's handler."""
        self._signalled.ring()

    async def run(self, begin: Callable[[], None], end: Callable[[], None]) -> None:
        """Reload whenever signalled, until cancelled; `begin` and `end` are told of each."""
        while True:
            if not await self._signalled.wait(_IDLE_S):
                continue
            begin()
            with suppress(Exception):  # it is logged; no file may end the daemon
                await self.reload(SIGNAL)
            end()

    async def _reload(self, actor: str, accept: str | None) -> Proposal:
        loaded = await self._prepared()
        proposal = self._proposal(loaded)
        _check(proposal, accept)
        text = _told(proposal.differences)
        await self._audit(actor, text)
        try:
            async with self._reconciliation.paused():
                proposal = self._proposal(loaded)
                _check(proposal, accept)
                self._swap(loaded)
        except Exception as error:
            self._behind(self._append(actor, _NOT_CARRIED_OUT, str(error)))
            raise
        if proposal.differences:
            self._recording.note(f"settings reloaded by {actor}: {text}")
            self._wake()
        shown = [str(one) for one in proposal.differences]
        _log.info("reloaded", actor=actor, settings=proposal.settings_hash, differences=shown)
        return proposal

    async def _audit(self, actor: str, text: str) -> None:
        """Have the reload in the audit. Raises StateUnavailableError, also for no answer in time.

        An entry that is appended later is followed by one that takes it back.
        """
        entry = self._behind(self._append(actor, "settings_reloaded", text))
        if entry in (await asyncio.wait({entry}, timeout=_AUDIT_WITHIN_S))[0]:
            return entry.result()
        why = f"no answer from the state file within {_AUDIT_WITHIN_S:g} s"
        self._behind(self._take_back(entry, actor, why))
        raise StateUnavailableError(f"a reload that cannot be audited is refused: {why}; {_STAY}")

    async def _take_back(self, entry: asyncio.Task[None], actor: str, why: str) -> None:
        await entry
        await self._append(actor, _NOT_CARRIED_OUT, why)

    async def _append(self, actor: str, action: str, text: str) -> None:
        at = self._clock.wall()
        await self._store.audit(at=at, actor=actor, action=action, detail=text)

    def _behind(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Begin what may outlast its caller; it is logged how that fails."""
        task = asyncio.create_task(work, name="auditing")  # noqa: TID251 - `end` gives it up
        self._under_way.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and (error := task.exception()):
            _log.error("audit_failed", error=str(error))

    async def _prepared(self) -> Loaded:
        """The settings, with what AWS says of levers that only they name."""
        try:
            async with asyncio.timeout(_FILE_WITHIN_S):
                loaded = await self._load()
        except TimeoutError as error:
            raise StateUnavailableError(
                f"the settings could not be read within {_FILE_WITHIN_S:g} s; {_STAY}"
            ) from error
        await self._observation.refresh(
            loaded.settings.cycle.observed_max_age_s, loaded.settings, patience_s=_LEVERS_WITHIN_S
        )
        return loaded

    def _proposal(self, loaded: Loaded) -> Proposal:
        old, new = self._current.settings, loaded.settings
        observed = self._observation.observed
        leaks = opened(observed(old), observed(new))
        decision = self._reconciliation.preview_under(new)
        orders = self._reconciliation.known().overrides
        void_now = void(orders, old)
        return Proposal(
            settings_hash(new),
            differences(old, new),
            moves(self._reconciliation.preview_under(old), decision),
            decision.plans,
            leaks,
            {i: why for i, why in void(orders, new).items() if i not in void_now},
        )

    def _swap(self, loaded: Loaded) -> None:
        """All at once: nothing else runs between the first line and the last.

        Raises what a follower that cannot prepare raises; then nothing has changed. One that cannot
        take over what it prepared is a mistake of ours: it is logged, and all others go on, for the
        settings are in force by then.
        """
        commits = [prepare(loaded) for prepare in self._followers]
        self._current.swap(loaded.settings)
        for commit in (*commits, self._observation.forget_unused):
            try:
                commit()
            except Exception:
                _log.critical("settings_not_followed", follower=repr(commit), exc_info=True)


def plainly(take_over: Callable[[Loaded], None]) -> Follower:
    """A follower that has nothing to prepare."""
    return lambda loaded: partial(take_over, loaded)


def _check(proposal: Proposal, accept: str | None) -> None:
    if why := proposal.refusal(accept):
        raise ReloadRefusedError(proposal, why)


def _told(found: tuple[Difference, ...]) -> str:
    if not found:
        return "no key differs"
    texts = [str(one) for one in found[:_TOLD]]
    if len(found) > _TOLD:
        texts.append(f"and {len(found) - _TOLD} more")
    return "; ".join(texts)


def _log_failure(actor: str, error: Exception) -> None:
    if isinstance(error, InvalidSettingsError):
        problems = [one.in_a_line(error.source) for one in error.problems]
        _log.error("reload_failed", actor=actor, why=str(error), problems=problems)
    elif isinstance(error, ReloadRefusedError | StateUnavailableError):
        _log.error("reload_failed", actor=actor, why=str(error))
    else:
        _log.exception("reload_failed", actor=actor)
