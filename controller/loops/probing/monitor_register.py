"""All monitors by name, and which of them changed or were not seen yet.

Names are the same in every process: the state file keeps what is believed under them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from controller.loops.probing.endpoint_monitor import EndpointMonitor
from controller.model.configuration import EndpointId


class MonitorRegister:
    """The monitors of the active settings."""

    def __init__(self) -> None:
        self._by_name: dict[str, EndpointMonitor] = {}
        self._changed: set[EndpointMonitor] = set()
        self._unseen: set[EndpointMonitor] = set()

    def replace(
        self,
        endpoints: Mapping[EndpointId, EndpointMonitor],
        known_good: Mapping[str, EndpointMonitor],
        known_bad: Mapping[str, EndpointMonitor],
    ) -> None:
        """Hold these monitors and no others."""
        self._by_name = {
            **{str(key): monitor for key, monitor in endpoints.items()},
            **{f"known good {url}": monitor for url, monitor in known_good.items()},
            **{f"known bad {url}": monitor for url, monitor in known_bad.items()},
        }
        held = set(self._by_name.values())
        self._changed &= held
        self._unseen &= held

    def names(self) -> Iterable[str]:
        """The name of each endpoint and reference target."""
        return self._by_name.keys()

    def named(self, name: str) -> EndpointMonitor | None:
        """The endpoint or reference target of this name."""
        return self._by_name.get(name)

    def take_changed(self) -> list[str]:
        """Names of which the state changed, since the last call, by more than another answer as
        usual does."""
        if not self._changed:
            return []
        names = [name for name, monitor in self._by_name.items() if monitor in self._changed]
        self._changed.clear()
        return names

    def await_all(self) -> None:
        """Note that nothing has been seen of any monitor."""
        self._unseen = set(self._by_name.values())

    def note(self, monitor: EndpointMonitor) -> bool:
        """Note a result; whether all that was awaited has been seen with it."""
        self._changed.add(monitor)
        if not self._unseen:
            return False
        if monitor.state.last_result_at is not None:
            self._unseen.discard(monitor)
        return not self._unseen
