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
from collections.abc import Callable
from contextlib import suppress

import structlog

from controller.loops.cycle.reconciliation import Reconciliation
from controller.loops.cycle.recording import Recording
from controller.loops.reload.audit_entry import ReloadAudit
from controller.loops.reload.proposal import ReloadProposal, ReloadProposals
from controller.loops.reload.settings_swap import SettingsSwap
from controller.loops.wakeup import WakeUp
from controller.model.errors import InvalidSettingsError, StateUnavailableError
from controller.settings.difference import Difference

_log = structlog.get_logger("reload")
_TOLD = 3
"""Differences named in a trigger; the rest is counted."""
_IDLE_S = 3600.0
SIGNAL = "SIGHUP"
"""Who reloads when the process is told to by a signal."""


class ReloadRefusedError(Exception):
    """A reload is not carried out; the settings in force stay."""

    def __init__(self, proposal: ReloadProposal, why: str) -> None:
        super().__init__(why)
        self.proposal = proposal


class Reload:
    """Replaces the settings in force. `run` does so when the process is told to by a signal."""

    def __init__(
        self,
        proposals: ReloadProposals,
        audit: ReloadAudit,
        swap: SettingsSwap,
        reconciliation: Reconciliation,
        recording: Recording,
        wake: Callable[[], None],
        observe: Callable[[bool], None],
    ) -> None:
        """`observe` is told how each reload ended."""
        self._proposals = proposals
        self._audit = audit
        self._swap = swap
        self._reconciliation = reconciliation
        self._recording = recording
        self._wake = wake
        self._observe = observe
        self._turn = asyncio.Lock()
        self._signalled = WakeUp()

    async def propose(self) -> ReloadProposal:
        """What a reload would do now. Raises InvalidSettingsError, StateUnavailableError."""
        return self._proposals.of(await self._proposals.prepared())

    async def reload(self, actor: str, accept: str | None = None) -> ReloadProposal:
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
        await self._audit.end()

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

    async def _reload(self, actor: str, accept: str | None) -> ReloadProposal:
        loaded = await self._proposals.prepared()
        proposal = self._proposals.of(loaded)
        _check(proposal, accept)
        text = _told(proposal.differences)
        await self._audit.announce(actor, text)
        try:
            async with self._reconciliation.paused():
                proposal = self._proposals.of(loaded)
                _check(proposal, accept)
                self._swap.carry_out(loaded)
        except Exception as error:
            self._audit.take_back(actor, str(error))
            raise
        if proposal.differences:
            self._recording.note(f"settings reloaded by {actor}: {text}")
            self._wake()
        shown = [str(one) for one in proposal.differences]
        _log.info("reloaded", actor=actor, settings=proposal.settings_hash, differences=shown)
        return proposal


def _check(proposal: ReloadProposal, accept: str | None) -> None:
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
        problems = [one.one_line(error.source) for one in error.problems]
        _log.error("reload_failed", actor=actor, why=str(error), problems=problems)
    elif isinstance(error, ReloadRefusedError | StateUnavailableError):
        _log.error("reload_failed", actor=actor, why=str(error))
    else:
        _log.exception("reload_failed", actor=actor)
