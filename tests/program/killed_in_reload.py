"""`gtc run FILE`, which kills itself with SIGKILL at the point of a reload that KILL_AT names."""

from __future__ import annotations

import os
import signal
from typing import Any

from controller.adapters.sqlite.store import SqliteStore
from controller.cli import main
from controller.loops.active_settings import ActiveSettings
from controller.loops.reload.proposal import ReloadProposal
from controller.loops.reload.reload import Reload

POINTS = ("before_intent", "after_intent", "before_swap", "after_swap", "before_reply")


def _here(point: str) -> None:
    if os.environ.get("KILL_AT") == point:
        os.kill(os.getpid(), signal.SIGKILL)


_audit, _swap, _reload = SqliteStore.audit, ActiveSettings.swap, Reload.reload


async def _audit_or_die(self: SqliteStore, **entry: Any) -> None:
    _here("before_intent")
    await _audit(self, **entry)
    _here("after_intent")


def _swap_or_die(self: ActiveSettings, settings: Any) -> None:
    at_start = not hasattr(self, "_settings")
    if not at_start:
        _here("before_swap")
    _swap(self, settings)
    if not at_start:
        _here("after_swap")


async def _reload_or_die(self: Reload, actor: str, accept: str | None = None) -> ReloadProposal:
    proposal = await _reload(self, actor, accept)
    _here("before_reply")
    return proposal


if __name__ == "__main__":  # tests import POINTS and must not get the patched classes
    SqliteStore.audit = _audit_or_die  # type: ignore[method-assign]  # the point of this module
    ActiveSettings.swap = _swap_or_die  # type: ignore[method-assign]  # the same
    Reload.reload = _reload_or_die  # type: ignore[method-assign]  # the same
    main()
