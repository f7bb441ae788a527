"""The parts of the daemon whose knowledge survives a restart, each with its rows.

Names of rows contain names of the settings, so that rows of other settings are found and deleted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from controller.loops.active_settings import ActiveSettings
from controller.loops.cycle.snapshot_builder import SnapshotBuilder
from controller.loops.probing.probe_loop import ProbeLoop
from controller.loops.reports.figures import ReportedFigures
from controller.model.decoding import decoded
from controller.model.encoding import EXACT
from controller.model.figures import Figure
from controller.model.health import HealthState, ResolvedAddresses
from controller.model.memory import Memory, ServiceMemory
from controller.planning.restart import (
    VERDICTS_KEPT_S,
    Dating,
    health_with_times,
    is_same_health,
    is_same_memory,
    memory_with_times,
    resumed_health,
)
from controller.ports import Prober

_SHARED = "*"
"""The row of what services share; no service has this name."""
_BASELINES_EVERY_S = 60.0
"""Seconds after which the newest baselines of the next few endpoints are written, though they
answer as usual."""
_BASELINES_AT_ONCE = 500
_ADDRESSES_KEPT_S = 7 * 86400.0
"""The age at which resolved addresses are forgotten."""
_ADDRESSES_EVERY_S = 3600.0
"""Addresses that stay the same are written again after this time, with their new age."""


class PlannerMemory:
    """What the next decision must know of earlier ones: a row for each service."""

    part = "memory"

    def __init__(self, active_settings: ActiveSettings, snapshots: SnapshotBuilder) -> None:
        self._active_settings = active_settings
        self._snapshots = snapshots
        self._kept: dict[str, ServiceMemory] = {}
        self._isolated_since: float | None = None
        self._looked_at: Memory | None = None

    def names(self) -> set[str]:
        """See the protocol."""
        return {*self._active_settings.settings.services, _SHARED}

    def changed(self, dating: Dating, *, everything: bool) -> Mapping[str, object | None]:
        """See the protocol."""
        memory, found = self._snapshots.memory, dict[str, object | None]()
        if memory is self._looked_at and not everything:
            return found
        self._looked_at = memory
        for name, present in memory.services.items():
            kept = self._kept.get(name)
            if everything or kept is None or not is_same_memory(kept, present):
                self._kept[name] = present
                found[name] = EXACT(memory_with_times(present, dating.date))
        since = memory.isolated_since
        if everything or since != self._isolated_since:
            self._isolated_since = since
            found[_SHARED] = {"isolated_since": None if since is None else dating.date(since)}
        return found

    def restore(self, name: str, data: Any, dating: Dating, away_s: float) -> None:
        """See the protocol."""
        if name == _SHARED:
            since = data["isolated_since"]
            self._snapshots.resume_isolation(None if since is None else dating.time(since))
            return
        kept = decoded(ServiceMemory, data)
        self._snapshots.resume(name, memory_with_times(kept, dating.time))


class BelievedHealth:
    """What is believed of endpoints and reference targets: a row for each."""

    part = "health"

    def __init__(self, active_settings: ActiveSettings, probing: ProbeLoop) -> None:
        self._active_settings = active_settings
        self._probing = probing
        self._register = probing.register
        self._kept: dict[str, HealthState] = {}
        self._next_baselines: list[str] = []
        self._baselines_at = float("-inf")

    def names(self) -> set[str]:
        """See the protocol."""
        return set(self._register.names())

    def changed(self, dating: Dating, *, everything: bool) -> Mapping[str, object | None]:
        """See the protocol."""
        limits = self._active_settings.settings.health
        due = set(self._register.names() if everything else self._register.take_changed())
        baselines = set() if everything else self._due_baselines(dating.now)
        found: dict[str, object | None] = {}
        for name in due | baselines:
            monitor = self._register.named(name)
            if monitor is None or monitor.state.last_result_at is None:
                continue
            kept, state = self._kept.get(name), monitor.state
            is_new = kept is None or not is_same_health(kept, state, limits)
            if everything or is_new or name in baselines:
                self._kept[name] = state
                found[name] = {
                    "probe": monitor.endpoint.probe,
                    "host": monitor.endpoint.host,
                    "state": EXACT(health_with_times(state, dating.date)),
                }
        return found

    def restore(self, name: str, data: Any, dating: Dating, away_s: float) -> None:
        """See the protocol; of another address nothing is known."""
        monitor = self._register.named(name)
        if monitor is None or away_s > VERDICTS_KEPT_S:
            return
        if (data["probe"], data["host"]) == (monitor.endpoint.probe, monitor.endpoint.host):
            state = decoded(HealthState, data["state"])
            self._probing.resume(monitor, resumed_health(state, dating))

    def _due_baselines(self, now: float) -> set[str]:
        """The next few of all names, round-robin; none if that was done lately."""
        if now - self._baselines_at < _BASELINES_EVERY_S:
            return set()
        self._baselines_at = now
        if not self._next_baselines:
            self._next_baselines = list(self._register.names())
        taken = self._next_baselines[-_BASELINES_AT_ONCE:]
        del self._next_baselines[-_BASELINES_AT_ONCE:]
        return set(taken)


class KeptFigures:
    """Reported demand and latency: a row for each pool, and each pool and region."""

    part = "figures"

    def __init__(self, figures: ReportedFigures) -> None:
        self._figures = figures
        self._reports = -1

    def names(self) -> set[str]:
        """See the protocol."""
        return {"/".join(place) for place in self._figures.places()}

    def changed(self, dating: Dating, *, everything: bool) -> Mapping[str, object | None]:
        """See the protocol."""
        if not everything and self._figures.reports == self._reports:
            return {}
        self._reports = self._figures.reports
        known = self._figures.read()
        return {
            "/".join(place): {"value": figure.value, "at": dating.date(figure.at)}
            for place, figure in (*known.demand_rps.items(), *known.latency_ms.items())
        }

    def restore(self, name: str, data: Any, dating: Dating, away_s: float) -> None:
        """See the protocol."""
        figure = decoded(Figure, data)
        self._figures.resume(tuple(name.split("/")), Figure(figure.value, dating.time(figure.at)))


class ResolvedNames:
    """The last good addresses of probed names: a row for each host."""

    part = "addresses"

    def __init__(self, active_settings: ActiveSettings, prober: Prober) -> None:
        self._active_settings = active_settings
        self._prober = prober
        self._kept: dict[str, ResolvedAddresses] = {}

    def names(self) -> set[str]:
        """See the protocol."""
        settings = self._active_settings.settings
        targets = settings.reference_targets
        probes = [endpoint.probe for _, endpoint in settings.endpoints()]
        probes += [*targets.known_good, *targets.known_bad]
        return {urlsplit(probe).hostname or "" for probe in probes}

    def changed(self, dating: Dating, *, everything: bool) -> Mapping[str, object | None]:
        """See the protocol."""
        known = self._prober.known_addresses()
        gone = self._kept.keys() - known.keys()
        found: dict[str, object | None] = dict.fromkeys(gone)
        for host in gone:
            del self._kept[host]
        for host, resolved in known.items():
            if everything or self._is_new(host, resolved):
                self._kept[host] = resolved
                found[host] = {
                    "addresses": list(resolved.addresses),
                    "found_at": dating.date(resolved.found_at),
                }
        return found

    def restore(self, name: str, data: Any, dating: Dating, away_s: float) -> None:
        """See the protocol."""
        kept = decoded(ResolvedAddresses, data)
        found_at = dating.time(kept.found_at)
        if dating.now - found_at <= _ADDRESSES_KEPT_S:
            self._prober.restore_addresses({name: ResolvedAddresses(kept.addresses, found_at)})

    def _is_new(self, host: str, resolved: ResolvedAddresses) -> bool:
        kept = self._kept.get(host)
        return (
            kept is None
            or kept.addresses != resolved.addresses
            or resolved.found_at - kept.found_at >= _ADDRESSES_EVERY_S
        )
