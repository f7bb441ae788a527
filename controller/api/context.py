"""What the routes may look at and ask. The daemon builds it once; nothing here changes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from controller.api.metrics import Metrics
from controller.loops.observation import Observation
from controller.loops.overrides import Overrides
from controller.loops.probing import Probing
from controller.loops.reconciliation import Reconciliation
from controller.loops.traffic import Traffic
from controller.model.configuration import Settings
from controller.ports import Clock, Store


@dataclass(frozen=True, slots=True)
class Context:
    """The loops behind the API, and what they share."""

    settings: Settings
    settings_hash: str
    clock: Clock
    store: Store
    probing: Probing
    observation: Observation
    reconciliation: Reconciliation
    overrides: Overrides
    traffic: Traffic
    metrics: Metrics
    started_at: datetime
    """Wall-clock time at which the process began to work."""


CONTEXT = web.AppKey("context", Context)
"""Where a handler finds it: `request.app[CONTEXT]`."""
