"""Logs a warning for certificates that expire soon, while there is time to renew them.

An expired certificate fails its probes and so drains its region.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime

import structlog

from controller.loops.active_settings import ActiveSettings
from controller.model.configuration import EndpointId
from controller.model.health import ProbeResult
from controller.ports import Clock

_log = structlog.get_logger("certificates")
_DAY_S = 86_400.0
_REMEMBERED = 20
"""Certificates remembered for one endpoint: its servers may have different ones."""


class Certificates:
    """Checks the results of HTTPS probes; warns once a day for each certificate."""

    def __init__(self, active_settings: ActiveSettings, clock: Clock) -> None:
        self._active_settings = active_settings
        self._clock = clock
        self._warned: dict[EndpointId, deque[tuple[datetime, int]]] = {}
        """Endpoint to its certificates last warned of, with the days they had left."""

    def on_probe(self, endpoint: EndpointId, result: ProbeResult) -> None:
        """Check the certificate of one probe."""
        ends_at = result.certificate_ends_at
        if ends_at is None:
            return
        days = (ends_at - self._clock.wall()).total_seconds() / _DAY_S
        warned = self._warned.setdefault(endpoint, deque(maxlen=_REMEMBERED))
        late = days < self._active_settings.settings.probing.certificate_warn_days
        if late and (ends_at, int(days)) not in warned:
            warned.append((ends_at, int(days)))
            _log.warning(
                "certificate_ends_soon",
                endpoint=str(endpoint),
                ends_at=ends_at.isoformat(),
                days_left=round(days, 1),
            )

    def apply_settings(self) -> None:
        """Forget endpoints that the active settings do not name."""
        named = dict(self._active_settings.settings.endpoints())
        self._warned = {id_: warned for id_, warned in self._warned.items() if id_ in named}
