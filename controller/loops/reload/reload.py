"""Reload: makes changed settings active while the daemon runs, between two cycles, all or none.

The file is read and validated as at start. Then a plan is made with the new settings on what is
known now. When more than one region would lose traffic by it, an operator has to accept exactly
this plan, by its hash. Settings that open a way out of a bound pool's lawful regions are refused:
the records at AWS have to be corrected first. A refused reload leaves the active settings as they
are. A reload writes nothing to AWS: the cycle after it does, through every guard.

Everything that can hang happens before cycles are paused, within a bound: reading the file and new
levers, and the audit entry. The plan may differ by the time cycles are paused; when it is refused
then, a second audit entry says that the reload was not carried out.

All that depends on the settings takes part in a two-phase commit (`settings_swap`).
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
_MAX_NAMED = 3
"""Differences named in a trigger; the rest is counted."""
_IDLE_S = 3600.0
SIGNAL = "SIGHUP"
"""The actor of a reload by signal."""


class ReloadRefusedError(Exception):
    """A reload is refused; the active settings stay."""

    def __init__(self, proposal: ReloadProposal, why: str) -> None:
        super().__init__(why)
        self.proposal = proposal


class Reload:
    """Replaces the active settings on request; `run` does so on every signal."""

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
        """`observe` is called after each reload, with whether it succeeded."""
        self._proposals = proposals
        self._audit = audit
        self._swap = swap
        self._reconciliation = reconciliation
        self._recording = recording
        self._wake = wake
        self._observe = observe
        self._lock = asyncio.Lock()
        self._signalled = WakeUp()

    async def propose(self) -> ReloadProposal:
        """What a reload would do now. Raises InvalidSettingsError, StateUnavailableError."""
        return self._proposals.of(await self._proposals.load())

    async def reload(self, actor: str, accept: str | None = None) -> ReloadProposal:
        """Read the settings again and make them active; returns what has changed.

        `accept` is the hash of the plan that an operator agrees to. Raises InvalidSettingsError,
        ReloadRefusedError, StateUnavailableError; then nothing has changed.
        """
        try:
            async with self._lock:
                proposal = await self._reload(actor, accept)
        except Exception as error:
            self._observe(False)
            _log_failure(actor, error)
            raise
        self._observe(True)
        return proposal

    async def end(self) -> None:
        """Cancel the audit entries under way."""
        await self._audit.end()

    def signal(self) -> None:
        """Have `run` reload; for a signal handler."""
        self._signalled.notify()

    async def run(self, begin: Callable[[], None], end: Callable[[], None]) -> None:
        """Reload on every signal, until cancelled; `begin` and `end` are called around each."""
        while True:
            if not await self._signalled.wait(_IDLE_S):
                continue
            begin()
            with suppress(Exception):  # it is logged; no file may end the daemon
                await self.reload(SIGNAL)
            end()

    async def _reload(self, actor: str, accept: str | None) -> ReloadProposal:
        loaded = await self._proposals.load()
        proposal = self._proposals.of(loaded)
        _check(proposal, accept)
        text = _trigger_text(proposal.differences)
        await self._audit.append(actor, text)
        try:
            async with self._reconciliation.paused():
                proposal = self._proposals.of(loaded)
                _check(proposal, accept)
                self._swap.carry_out(loaded)
        except Exception as error:
            self._audit.revoke(actor, str(error))
            raise
        if proposal.differences:
            self._recording.add_trigger(f"settings reloaded by {actor}: {text}")
            self._wake()
        shown = [str(one) for one in proposal.differences]
        _log.info("reloaded", actor=actor, settings=proposal.settings_hash, differences=shown)
        return proposal


def _check(proposal: ReloadProposal, accept: str | None) -> None:
    if why := proposal.refusal(accept):
        raise ReloadRefusedError(proposal, why)


def _trigger_text(found: tuple[Difference, ...]) -> str:
    if not found:
        return "no key differs"
    texts = [str(one) for one in found[:_MAX_NAMED]]
    if len(found) > _MAX_NAMED:
        texts.append(f"and {len(found) - _MAX_NAMED} more")
    return "; ".join(texts)


def _log_failure(actor: str, error: Exception) -> None:
    if isinstance(error, InvalidSettingsError):
        problems = [one.one_line(error.source) for one in error.problems]
        _log.error("reload_failed", actor=actor, why=str(error), problems=problems)
    elif isinstance(error, ReloadRefusedError | StateUnavailableError):
        _log.error("reload_failed", actor=actor, why=str(error))
    else:
        _log.exception("reload_failed", actor=actor)
