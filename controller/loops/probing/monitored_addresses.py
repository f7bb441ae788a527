"""What an endpoint's monitor needs of the addresses of its name, when it has several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from controller.model.health import HealthState, ProbeResult


class MonitoredAddresses(Protocol):
    """The addresses of an endpoint's name, each with a monitor (`loops.probing.address_set`)."""

    @property
    def state(self) -> HealthState:
        """The endpoint's state that follows from its addresses', as of now."""
        ...

    @property
    def states(self) -> Mapping[str, HealthState]:
        """Address to its state, as of now."""
        ...

    def follow(self, addresses: Sequence[str]) -> None:
        """Probe these addresses from now on, and in this turn those that are due."""
        ...

    def probe_all(self) -> None:
        """Probe each address at once."""
        ...

    def fold(self, result: ProbeResult) -> None:
        """Update every address with a result about the name."""
        ...

    def reset(self) -> None:
        """Make the health of every address unknown."""
        ...

    def follow_owner(self) -> None:
        """Use the timing of the endpoint's monitor."""
        ...

    def retarget(self) -> None:
        """Probe what the endpoint's monitor probes now."""
        ...

    def close(self) -> None:
        """Probe no more."""
        ...
